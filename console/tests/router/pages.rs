//! Content of the pages: what they show, and that no text of a message does more than be shown.

use axum::http::StatusCode;
use redrive_core::letters::cause::Cause;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::trace_context::TraceContext;
use redrive_core::ports::Causes;

use crate::browser::{Browser, NOW};
use crate::incident::Incident;
use crate::story::{self, HOSTILE};

fn filled() -> Incident {
    let incident = Incident::at(NOW);
    story::fill(&incident, 0);
    incident
}

fn letter_of(incident: &Incident, order: &str) -> String {
    let all = incident.letters.all();
    let found = all.iter().find(|letter| letter.key.as_ref().is_some_and(|key| key.as_str() == order));
    found.unwrap_or_else(|| panic!("no letter of {order}")).id.to_string()
}

/// Addresses of every page, with a letter of each kind.
fn addresses(incident: &Incident) -> Vec<String> {
    let mut all: Vec<_> = [
        "/",
        "/overview",
        "/jobs",
        "/search",
        "/search?status=any",
        "/search?q=o-00100",
        "/search?q=supported",
        "/search?cause=SCHEMA%2Fnot-json",
        "/act?what=replay&cause=SCHEMA%2Fnot-json",
        "/act?what=patch&cause=SCHEMA%2Fnot-json",
        "/act?what=discard&cause=PERMANENT%2Fcurrency",
    ]
    .map(str::to_owned)
    .to_vec();
    for order in ["o-00001", "o-00300", "o-00400", "o-00600", "o-00700", "o-00800"] {
        let id = letter_of(incident, order);
        all.extend([format!("/letters/{id}"), format!("/letters/{id}?whole=yes"), format!("/act?what=note&id={id}")]);
    }
    all.push(format!("/act?what=edit&id={}", letter_of(incident, "o-00300")));
    all
}

#[tokio::test(start_paused = true)]
async fn every_page_shows_and_changes_nothing() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let before: Vec<_> = incident.letters.all();
    for address in addresses(&incident) {
        let answer = browser.get(&address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.body);
        assert!(answer.body.contains("orders-prod") && answer.body.contains("123456789012"), "{address}");
    }
    assert_eq!(incident.letters.all(), before);
    assert!(incident.letters.all_jobs().is_empty() && incident.queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_text_of_a_message_is_markup_or_hides_or_turns_anything() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    for address in addresses(&incident) {
        let html = browser.get(&address).await.body;
        assert!(
            !html.contains("<script>document") && !html.contains("<img src") && !html.contains("<b>bold"),
            "{address}"
        );
        // What is edited stands in its field as it is.
        let html = html
            .split_once("<textarea")
            .map_or(html.clone(), |(before, rest)| format!("{before}{}", rest.split_once("</textarea>").unwrap().1));
        let hidden = html.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(hidden, None, "{address}");
    }
    let page = browser.get(&format!("/letters/{}", letter_of(&incident, "o-00300"))).await.body;
    for visible in ["\\u{1b}[31mred", "\\u{202e}", "&lt;script&gt;", "&lt;b&gt;bold"] {
        let page = page.replace("<span class=\"ctl\">", "").replace("</span>", "");
        assert!(page.contains(visible), "{visible} is not seen");
    }
    // Whoever saves the body has it as it came.
    let saved = browser.get(&format!("/letters/{}/body", letter_of(&incident, "o-00300"))).await;
    assert!(saved.body.contains(HOSTILE));
    assert!(saved.header("content-disposition").starts_with("attachment;"));
    assert_eq!(saved.header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test(start_paused = true)]
async fn the_trace_of_a_letter_is_there_to_be_copied_for_opentelemetry_and_for_x_ray() {
    let incident = filled();
    let page = async |id: &str| Browser::open(&incident).await.get(&format!("/letters/{id}")).await.body;
    let id = letter_of(&incident, "o-00001");
    assert!(!page(&id).await.contains("X-Ray"), "a letter without a trace says nothing of one");
    let all = incident.letters.all();
    let plain = all.iter().find(|letter| letter.id.to_string() == id).unwrap();
    let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    incident.letters.force(Letter { trace, ..(**plain).clone() });
    let page = page(&id).await;
    for (place, shown) in [
        ("trace", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("trace-xray", "1-4bf92f35-77b34da6a3ce929d0e0e4736"),
        ("span", "00f067aa0ba902b7"),
    ] {
        assert!(page.contains(&format!("id=\"{place}\">{shown}</span>")), "{place}: {page}");
        assert!(page.contains(&format!("data-copy=\"{place}\"")), "{place}: {page}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_number_keeps_its_digits_and_a_mebibyte_is_cut_until_somebody_asks_for_it() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let exact = browser.get(&format!("/letters/{}", letter_of(&incident, "o-00700"))).await.body;
    assert!(exact.contains("<span class=\"n\">12345678901234567890123</span>") && exact.contains("1.50e0"), "{exact}");
    assert!(exact.contains("<mark class=\"key\">o-00700</mark>"));
    let id = letter_of(&incident, "o-00800");
    let cut = browser.get(&format!("/letters/{id}")).await.body;
    assert!(cut.len() < 300_000 && cut.contains("more bytes."), "{}", cut.len());
    assert!(browser.get(&format!("/letters/{id}?whole=yes")).await.body.len() > 2_000_000);
    assert_eq!(browser.get(&format!("/letters/{id}/body")).await.body.len(), 1_000_052);
}

#[tokio::test(start_paused = true)]
async fn the_causes_say_who_acts_how_many_since_when_and_that_two_texts_are_two() {
    let incident = filled();
    // The indexer keeps a record of each cause: by it one is new, and another is not.
    let all = incident.letters.all();
    let died = |minutes: u64| redrive_core::time::Timestamp::from_millis(NOW.as_millis() - minutes * 60_000);
    for (fingerprint, minutes) in [("PERMANENT/currency", 170), ("SCHEMA/missing-field", 2_000)] {
        let letter = all.iter().find(|letter| letter.fingerprint == fingerprint).unwrap();
        let sighting = Cause::of_import(letter, NOW.after(crate::incident::DAY)).unwrap();
        let sighting = Cause { first_seen: died(minutes), last_seen: NOW, ..sighting };
        incident.letters.record(vec![sighting], NOW).await.remove(0).unwrap();
    }
    let browser = Browser::open(&incident).await;
    let html = browser.get("/").await.body;
    for told in [
        "251 letters of",
        "<b>148 ×</b>",
        "<b>37 ×</b>",
        "Currency EUR is not supported",
        "31 come back by themselves",
        "3 replays used up",
        "NEW",
        "the next in",
    ] {
        assert!(html.contains(told), "{told} is not in {html}");
    }
    assert_eq!(html.matches("pill new").count(), 1, "of two causes on record one is a day old");
    assert!(html.matches("<svg").count() > 10, "each cause has its curve");
}

#[tokio::test(start_paused = true)]
async fn a_sent_letter_that_the_ledger_knows_as_done_is_told_as_done_everywhere() {
    let incident = filled();
    let id = letter_of(&incident, "o-00001");
    let browser = Browser::open(&incident).await;
    let html = browser.get(&format!("/act?what=replay&id={id}")).await.body;
    let job = confirm(&browser, &html, &[("why", "fixed in 43")]).await;
    assert_eq!(job.status, StatusCode::SEE_OTHER, "{}", job.body);
    incident.replay(&redrive_core::replay::Request::Work).await.unwrap();
    incident.consume(|_| crate::incident::Does::Succeed);
    assert_eq!(incident.count(Status::Replayed), 1, "the table is noted later");
    let page = browser.get(&format!("/letters/{id}")).await.body;
    assert!(page.contains("done, not yet noted") && !page.contains("outcome is awaited"), "{page}");
    let causes = browser.get("/").await.body;
    assert!(causes.contains("1 done, not yet noted"), "{causes}");
}

pub async fn confirm(browser: &Browser, html: &str, fields: &[(&str, &str)]) -> crate::browser::Answer {
    let (token, pinned) = (crate::browser::hidden(html, "form_token"), crate::browser::hidden(html, "pinned"));
    let mut all = vec![("form_token", token.as_str()), ("pinned", pinned.as_str())];
    all.extend_from_slice(fields);
    browser.post("/act", &all).await
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_for_is_found_by_its_key_its_text_and_its_ids() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let id = letter_of(&incident, "o-00600");
    let key = browser.get("/search?q=o-00600").await.body;
    assert!(key.contains(&id) && key.contains("resolved"), "in every state");
    let one = browser.get(&format!("/search?q={id}")).await;
    assert_eq!((one.status, one.header("location")), (StatusCode::SEE_OTHER, format!("/letters/{id}").as_str()));
    let wrong = browser.get("/search?since=yesterday").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body.contains("since takes a time"), "{}", wrong.body);
}

#[tokio::test(start_paused = true)]
async fn pages_of_a_list_meet_every_letter_once() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let (mut address, mut met) = ("/search?status=any".to_owned(), Vec::new());
    loop {
        let html = browser.get(&address).await.body;
        met.extend(html.split("name=\"id\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        let Some(next) = html.split("<p class=\"pages\"><a class=\"button\" href=\"").nth(1) else { break };
        address = next.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    }
    let count = met.len();
    met.sort();
    met.dedup();
    assert_eq!((met.len(), count), (incident.letters.all().len(), incident.letters.all().len()));
}
