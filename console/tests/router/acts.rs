//! Acts: what was shown is what is touched, with a reason, by whom it is allowed, and told.

use axum::http::StatusCode;
use redrive_core::fault::Class;
use redrive_core::letters::letter::Status;
use redrive_core::replay::Request;

use crate::browser::{Browser, NOW, hidden};
use crate::incident::{Does, Incident};
use crate::pages::confirm;
use crate::story;

fn filled() -> Incident {
    let incident = Incident::at(NOW);
    story::fill(&incident, 0);
    incident
}

fn id_of(incident: &Incident, order: &str) -> String {
    let all = incident.letters.all();
    all.iter().find(|letter| letter.key.as_ref().is_some_and(|key| key.as_str() == order)).unwrap().id.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_read_only_console_does_nothing_whatever_is_sent() {
    let incident = filled().read_only();
    let allowed = Browser::open(&Incident { changes: redrive_console::Changes::Allowed, ..incident.clone() }).await;
    let browser = Browser::open(&incident).await;
    let page = browser.get("/act?what=discard&cause=SCHEMA%2Fmissing-field").await.body;
    assert!(
        page.contains("<button disabled title=\"read-only: start with --allow-changes\">Discard</button>"),
        "{page}"
    );
    let pinned = hidden(&page, "pinned");
    let token = hidden(&page, "form_token");
    let answer = browser.post("/act", &[("form_token", &token), ("pinned", &pinned), ("why", "x")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(incident.count(Status::Discarded), 0);
    // A form of another console, or without its token, is none of this one.
    for token in [String::new(), "x".to_owned(), token] {
        let answer = allowed.post("/act", &[("form_token", &token), ("pinned", &pinned), ("why", "x")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
    }
    assert_eq!(incident.count(Status::Discarded), 0);
    let answer =
        confirm(&allowed, &allowed.get("/act?what=discard&cause=SCHEMA%2Fmissing-field").await.body, &[("why", "x")])
            .await;
    assert_eq!((answer.status, incident.count(Status::Discarded)), (StatusCode::OK, 26));
}

#[tokio::test(start_paused = true)]
async fn a_reason_is_asked_for_always_and_above_a_hundred_letters_their_number() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let page = browser.get("/act?what=discard&cause=PERMANENT%2Fcurrency").await.body;
    assert!(page.contains("185 letters to be discarded") && page.contains("Type the number of letters, 185"), "{page}");
    for fields in [&[][..], &[("why", "  ")], &[("why", "x")], &[("why", "x"), ("typed", "184")]] {
        let answer = confirm(&browser, &page, fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert!(
            answer.body.contains("role=\"alert\"") && answer.body.contains("185 letters to be discarded"),
            "{}",
            answer.body
        );
    }
    assert_eq!(incident.count(Status::Discarded), 0);
    let answer = confirm(&browser, &page, &[("why", "producer told"), ("typed", "185")]).await;
    assert!(answer.body.contains("185 letters discarded"), "{}", answer.body);
    let all = incident.letters.all();
    let gone = all.iter().find(|letter| letter.status == Status::Discarded).unwrap();
    assert_eq!(gone.resolution_note.as_deref(), Some("producer told"));
    assert_eq!(gone.history.last().map(|event| event.who.as_str()), Some("ann"));
}

#[tokio::test(start_paused = true)]
async fn what_came_after_the_preview_is_not_touched() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let page = browser.get("/act?what=discard&cause=SCHEMA%2Fmissing-field").await.body;
    let how = crate::incident::Dying {
        class: redrive_core::fault::Class::Schema,
        code: "missing-field",
        text: "missing field `customer_id` at line 1 column 48",
        version: "41",
    };
    let late = incident.put(299, "EUR", &how, 0);
    confirm(&browser, &page, &[("why", "x")]).await;
    assert_eq!(incident.count(Status::Discarded), 26);
    assert_eq!(incident.letters.letter(late.id).unwrap().status, Status::Pending);
}

#[tokio::test(start_paused = true)]
async fn two_people_at_once_touch_a_letter_once_and_the_second_is_told_who_was_first() {
    let incident = filled();
    let (ann, bob) = (Browser::open(&incident).await, Browser::open(&incident.seen_by("bob")).await);
    let address = "/act?what=discard&cause=SCHEMA%2Fmissing-field";
    let (anns, bobs) = (ann.get(address).await.body, bob.get(address).await.body);
    let first = confirm(&bob, &bobs, &[("why", "a duplicate of last week")]).await;
    assert!(first.body.contains("26 letters discarded"));
    let second = confirm(&ann, &anns, &[("why", "producer told")]).await;
    for told in [
        "Nothing was changed",
        "changed meanwhile: 26 letters",
        "is DISCARDED, discarded by bob",
        "a duplicate of last week",
    ] {
        assert!(second.body.contains(told), "{told} is not in {}", second.body);
    }
    let all = incident.letters.all();
    assert!(
        all.iter()
            .filter(|letter| letter.status == Status::Discarded)
            .all(|letter| letter.resolution_note.as_deref() == Some("a duplicate of last week"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_discard_is_undone_from_the_page_that_tells_of_it() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let page = browser.get("/act?what=discard&cause=SCHEMA%2Fmissing-field").await.body;
    let done = confirm(&browser, &page, &[("why", "x")]).await.body;
    let (token, ids) = (hidden(&done, "form_token"), hidden(&done, "ids"));
    let preview = browser.post("/act/preview", &[("form_token", &token), ("what", "restore"), ("ids", &ids)]).await;
    assert!(preview.body.contains("26 letters to be restored"), "{}", preview.body);
    let undone = confirm(&browser, &preview.body, &[("why", "it was a slip")]).await;
    assert!(undone.body.contains("26 letters restored"), "{}", undone.body);
    assert_eq!(incident.count(Status::Discarded), 0);
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_one_job_however_often_its_form_is_sent() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let page = browser.get("/act?what=replay&cause=SCHEMA%2Fmissing-field").await.body;
    assert!(page.contains("redrive replay --cause SCHEMA/missing-field --why"), "{page}");
    let fields = [("why", "fixed in 43"), ("canary", "5"), ("rate", "20")];
    let job = confirm(&browser, &page, &fields).await;
    let again = confirm(&browser, &page, &fields).await;
    assert_eq!((job.status, job.header("location")), (StatusCode::SEE_OTHER, again.header("location")));
    let jobs = incident.letters.all_jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].guard.canary, jobs[0].guard.rate, jobs[0].why.as_deref()), (5, 20, Some("fixed in 43")));
    let other =
        Browser::open(&incident.seen_by("bob")).await.get("/act?what=replay&cause=SCHEMA%2Fmissing-field").await.body;
    assert!(
        other.contains("26 letters belong to job") && other.contains("by ann, which is CANARY (fixed in 43)"),
        "{other}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_shown_field_by_field_and_another_key_only_with_consent() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let id = id_of(&incident, "o-00001");
    let form = browser.get(&format!("/act?what=edit&id={id}")).await.body;
    let token = hidden(&form, "form_token");
    let edited = "{\"order_id\":\"o-other\",\r\n\"customer_id\":\"c-1\",\"amount_minor\":1287,\"currency\":\"EUR\"}";
    let page = browser
        .post("/act/preview", &[("form_token", &token), ("what", "edit"), ("ids", &id), ("text_of_edit", edited)])
        .await
        .body;
    let plain = page.replace("&#34;", "\"").replace("&quot;", "\"");
    for told in [
        "class=\"line minus\">-   \"currency\": \"CHF\"",
        "class=\"line plus\">+   \"currency\": \"EUR\"",
        "1 letter would not be sent: edit failed",
        "may have another key",
    ] {
        assert!(plain.contains(told), "{told} is not in {plain}");
    }
    let job = confirm(&browser, &page, &[("why", "wrong currency"), ("allow_key_change", "yes")]).await;
    assert_eq!(job.status, StatusCode::SEE_OTHER, "{}", job.body);
    incident.consume(|body| if body.contains("o-other") { Does::Succeed } else { Does::Fail });
    assert!(incident.letters.all_jobs()[0].guard.allow_key_change);
}

#[tokio::test(start_paused = true)]
async fn a_patch_shows_its_differences_and_one_that_is_none_is_told() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let token = hidden(&browser.get("/act?what=patch&cause=PERMANENT%2Fcurrency").await.body, "form_token");
    let send = async |patch: &str| {
        let fields = [
            ("form_token", token.as_str()),
            ("what", "patch"),
            ("cause", "PERMANENT/currency"),
            ("text_of_edit", patch),
        ];
        browser.post("/act/preview", &fields).await
    };
    let wrong = send("[{\"op\":\"bad\"}]").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let page = send("[{\"op\":\"replace\",\"path\":\"/currency\",\"value\":\"USD\"}]").await.body;
    assert!(
        page.contains("185 letters to be patched") && page.contains("and the same with the other letters"),
        "{page}"
    );
    assert_eq!(page.matches("class=\"line plus\"").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_steered_with_a_reason_and_one_that_stopped_names_its_failures_and_the_rest() {
    let incident = filled();
    let browser = Browser::open(&incident).await;
    let page = browser.get("/act?what=replay&cause=PERMANENT%2Fcurrency").await.body;
    let job = confirm(&browser, &page, &[("why", "is it fixed?"), ("typed", "185")]).await;
    let address = job.header("location").to_owned();
    let open = browser.get(&address).await.body;
    let token = hidden(&open, "form_token");
    let without = browser.post(&format!("{address}/pause"), &[("form_token", &token)]).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    let paused = browser.post(&format!("{address}/pause"), &[("form_token", &token), ("why", "lunch")]).await;
    assert_eq!(paused.status, StatusCode::SEE_OTHER, "{}", paused.body);
    assert!(browser.get(&address).await.body.contains("PAUSED"));
    browser.post(&format!("{address}/resume"), &[("form_token", &token), ("why", "back")]).await;
    for _ in 0..20 {
        incident.consume(|_| Does::Fail);
        incident.replay(&Request::Work).await.unwrap();
    }
    let stopped = browser.get(&address).await.body;
    for told in [
        "STOPPED",
        "185 letters</h2>",
        "It stopped by itself",
        "Failed again, by their new reasons",
        "Credit limit of customer",
        "Send the rest…",
    ] {
        assert!(stopped.contains(told), "{told} is not in {stopped}");
    }
    let refused = browser.post(&format!("{address}/resume"), &[("form_token", &token), ("why", "again")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("Not done:"), "{}", refused.body);
    let rest = browser.get(&format!("/act?what=replay&rest={}", address.trim_start_matches("/jobs/"))).await.body;
    assert!(rest.contains("175 letters to be replayed"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_long_job_goes_whole_in_a_new_one_on_the_terms_of_the_old_one() {
    let incident = Incident::at(NOW);
    let limit = story::dying(Class::Permanent, "limit", "limit is reached", "42");
    (0..1_310).for_each(|n| drop(incident.put(n, "CHF", &limit, 170)));
    let browser = Browser::open(&incident).await;
    let page = browser.get("/act?what=replay&cause=PERMANENT%2Flimit").await.body;
    let job = confirm(&browser, &page, &[("why", "is it fixed?"), ("typed", "1310"), ("canary", "7")]).await;
    let id = job.header("location").trim_start_matches("/jobs/").to_owned();
    let early = browser.get(&format!("/act?what=replay&rest={id}")).await;
    assert_eq!(early.status, StatusCode::BAD_REQUEST);
    assert!(early.body.contains("it sends the rest itself, unless you cancel it first"), "{}", early.body);
    for _ in 0..20 {
        incident.consume(|_| Does::Fail);
        incident.replay(&Request::Work).await.unwrap();
    }
    let rest = browser.get(&format!("/act?what=replay&rest={id}")).await.body;
    for text in [
        "1303 letters to be replayed",
        &format!("They go as a new job on the terms of job {id}: its limits."),
        "name=\"canary\" inputmode=\"numeric\" value=\"7\"",
        &format!("redrive replay --job {id} --rest --why"),
        "is it fixed?",
    ] {
        assert!(rest.contains(text), "{text} is not in {rest}");
    }
    let next = confirm(&browser, &rest, &[("why", "now it is"), ("typed", "1303")]).await;
    assert_eq!(next.status, StatusCode::SEE_OTHER, "{}", next.body);
    let all = incident.letters.all_jobs();
    let new = all.iter().find(|job| job.id.to_string() != id).unwrap();
    assert_eq!((new.letters, new.state.as_str(), new.guard.canary), (Some(1_303), "CANARY", 7));
    let page = browser.get(next.header("location")).await.body;
    assert!(page.contains("1303 letters</h2>") && page.contains("Canary: 7 go first"), "{page}");
}
