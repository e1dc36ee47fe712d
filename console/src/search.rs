//! Letters that fit what was asked for, page by page; the question is the address.

mod walk;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect};
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Jobs, Letters};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use redrive_operator::done::done;
use redrive_operator::find;
use redrive_operator::policies::Policies;
use redrive_operator::text::ago;

use crate::fields::Fields;
use crate::holder::Holder;
use crate::installation::InstallationPort;
use crate::page::{self, PageFrame, Tab};
use crate::shown_text::ShownText;
use crate::state::Here;
use crate::wanted::Wished;
use walk::WalkPlace;

/// A letter as a row.
pub(crate) struct LetterRow {
    pub(crate) id: LetterId,
    pub(crate) key: ShownText,
    pub(crate) status: Status,
    pub(crate) holder: Holder,
    pub(crate) when: Option<String>,
    pub(crate) class: &'static str,
    pub(crate) code: ShownText,
    pub(crate) text: ShownText,
    pub(crate) last: Timestamp,
    pub(crate) lately: String,
    pub(crate) deaths: u32,
    pub(crate) version: ShownText,
}

impl LetterRow {
    pub(crate) fn of(found: &Candidate, policies: &Policies, done: bool, now: Timestamp) -> Self {
        let holder = Holder::of(found, policies, done);
        Self {
            id: found.id,
            key: ShownText::of(found.key.as_ref().map_or("", |key| key.as_str())),
            status: found.status,
            holder,
            when: (holder == Holder::Itself).then(|| ago(now, found.due)),
            class: found.error_type.as_str(),
            code: ShownText::of(found.error_code.as_deref().unwrap_or_default()),
            text: ShownText::of(&found.error_message),
            last: found.last_failed_at,
            lately: ago(now, found.last_failed_at),
            deaths: found.deaths,
            version: ShownText::of(found.function_version.as_deref().unwrap_or_default()),
        }
    }
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage<'a> {
    frame: PageFrame<'a>,
    wished: Wished,
    rows: Vec<LetterRow>,
    /// Number of letters that were looked at.
    looked_at: usize,
    next: Option<String>,
    classes: [&'static str; 6],
    command: ShownText,
    q: String,
    /// Filters that an act takes over: only letters that wait can be acted on.
    acts: Vec<(&'static str, &'static str, &'static str)>,
}

const CLASSES: [&str; 6] = ["TRANSIENT", "PERMANENT", "TIMEOUT", "SCHEMA", "NEVER_RAN", "UNKNOWN"];

/// Answers with the letters that fit, or leads to the one letter or job whose id was asked for.
pub(crate) async fn page<I: InstallationPort>(State(console): Here<I>, uri: Uri) -> Response<Body> {
    let fields = Fields::of(&uri);
    let here = &console.installation;
    let q = fields.get("q").unwrap_or_default().to_owned();
    match named(here.letters(), &q).await {
        Ok(Some(address)) => return Redirect::to(&address).into_response(),
        Ok(None) => {}
        Err(why) => return page::unavailable(&console, &why),
    }
    let wished = match Wished::read(&fields, here.now()) {
        Ok(wished) => wished,
        Err(why) => return page::problem(&console, StatusCode::BAD_REQUEST, "A filter cannot be read", &why),
    };
    let place = WalkPlace::read(fields.get("from").unwrap_or_default());
    // A text is looked for in every state: whoever has an id in hand does not know its state.
    let wished = match (q.is_empty(), fields.get("status")) {
        (false, None) => wished.in_any_status(),
        _ => wished,
    };
    let mut found = match walk::page(here.letters(), &wished, &q, place).await {
        Ok(found) => found,
        Err(why) => return page::unavailable(&console, &why),
    };
    if !q.is_empty() && place == WalkPlace::default() {
        // What an index finds by key or message id comes first, wherever the walk would meet it.
        match find::exactly(here.letters(), &q, &here.sources()).await {
            Ok(exact) => found.lead(exact.letters.into_iter().map(|one| one.found)),
            Err(why) => return page::unavailable(&console, &why),
        }
    }
    let done = match done(here.letters(), here.ledger(), &found.rows, here.now()).await {
        Ok(done) => done,
        Err(why) => return page::unavailable(&console, &why),
    };
    let mut frame = PageFrame::new(&console, if q.is_empty() { "Letters" } else { "Find" }, Tab::None);
    frame.find.clone_from(&q);
    let frame = if found.next.is_none() && place == WalkPlace::default() { frame.refreshed(10) } else { frame };
    let now = frame.now;
    let next =
        found.next.map(|next| wished.address("/search", &[("q", q.as_str()), ("from", next.to_string().as_str())]));
    let command = if q.is_empty() {
        format!("redrive list{}", wished.options())
    } else {
        format!("redrive find {}", crate::wanted::quoted(&q))
    };
    page::answer(&SearchPage {
        rows: found
            .rows
            .iter()
            .map(|found| LetterRow::of(found, here.policies(), done.contains(&found.id), now))
            .collect(),
        looked_at: found.looked_at,
        next,
        classes: CLASSES,
        command: ShownText::of(&command),
        acts: vec![
            ("replay", "Replay…", "primary"),
            ("patch", "Patch and replay…", ""),
            ("discard", "Discard…", "danger"),
            ("note", "Note…", ""),
            ("restore", "Restore…", ""),
        ],
        q,
        wished,
        frame,
    })
}

/// The address of the letter or job with this id, if it is one.
async fn named<L: Letters + Jobs>(letters: &L, q: &str) -> Result<Option<String>, redrive_core::ports::Unavailable> {
    if let Some(id) = LetterId::parse(q)
        && letters.look(&[id]).await?.pop().flatten().is_some()
    {
        return Ok(Some(format!("/letters/{id}")));
    }
    match JobId::parse(q) {
        Some(id) if letters.job(id).await?.is_some() => Ok(Some(format!("/jobs/{id}"))),
        _ => Ok(None),
    }
}
