//! First page: why letters wait, and who acts on them.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use redrive_core::time::Timestamp;
use redrive_operator::causes::CauseRow;
use redrive_operator::text::{ago, queue_name};
use redrive_operator::waiting::CountBasis;

use crate::fields::query;
use crate::holder::Holder;
use crate::installation::InstallationPort;
use crate::page::{self, PageFrame, Tab, instant};
use crate::plot;
use crate::shown_text::ShownText;
use crate::snapshot::{ShownSnapshot, Snapshot};
use crate::snapshot_reading;
use crate::state::Here;

/// Number of texts of a cause that are shown.
const TEXTS: usize = 3;

/// Number of letters by one holder.
pub(crate) struct CausePart {
    pub(crate) class: &'static str,
    pub(crate) words: &'static str,
    pub(crate) letters: u64,
    /// Time at which the next of them comes back, if they do.
    pub(crate) when: String,
}

/// A cause as the page shows it.
pub(crate) struct CauseView {
    pub(crate) name: ShownText,
    pub(crate) letters: u64,
    pub(crate) class: &'static str,
    pub(crate) is_new: bool,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) since: String,
    pub(crate) lately: String,
    pub(crate) queues: ShownText,
    pub(crate) versions: ShownText,
    pub(crate) texts: Vec<(u64, ShownText)>,
    pub(crate) more_texts: u64,
    pub(crate) parts: Vec<CausePart>,
    pub(crate) split: ShownText,
    pub(crate) curve: ShownText,
    pub(crate) letters_at: String,
    pub(crate) replay_at: Option<String>,
}

#[derive(Template)]
#[template(path = "causes.html")]
struct CausesPage<'a> {
    frame: PageFrame<'a>,
    read_at: Timestamp,
    /// Instant of the schedule's summary that the count is taken from, and how long ago that was.
    counted_at: Option<(Timestamp, String)>,
    /// True if the ledger was not asked which letters are done, because they are too many.
    unjoined: bool,
    letters: u64,
    number_of_causes: u64,
    /// Numbers of the causes that are not told apart, and of their letters.
    others: (u64, u64),
    tiles: Vec<CausePart>,
    causes: Vec<CauseView>,
    curve: Option<ShownText>,
    from: Option<Timestamp>,
}

/// Page while the letters are being read for the first time.
#[derive(Template)]
#[template(path = "reading.html")]
struct CausesReading<'a> {
    frame: PageFrame<'a>,
    met: u64,
}

/// Answers with the causes of all that waits.
pub(crate) async fn page<I: InstallationPort>(State(console): Here<I>) -> Response<Body> {
    let taken = match snapshot_reading::latest(&console).await {
        ShownSnapshot::Taken(taken) => taken,
        ShownSnapshot::Reading(met) => {
            return page::answer(&CausesReading {
                frame: PageFrame::new(&console, "Reading", Tab::Causes).refreshed(1),
                met,
            });
        }
        ShownSnapshot::Failed(why) => return page::unavailable(&console, &why),
    };
    let frame = PageFrame::new(&console, "Causes", Tab::Causes).refreshed(5);
    page::answer(&made(&taken, frame))
}

fn made<'a>(taken: &Arc<Snapshot>, frame: PageFrame<'a>) -> CausesPage<'a> {
    let now = frame.now;
    let from = taken.first;
    CausesPage {
        read_at: taken.read_at,
        counted_at: taken.basis.as_of().map(|at| (at, ago(now, at))),
        unjoined: !matches!(taken.basis, CountBasis::Letters { joined: true, .. }),
        letters: taken.letters(),
        number_of_causes: taken.causes.len() as u64 + taken.others.causes,
        others: (taken.others.causes, taken.others.letters),
        tiles: tiles(taken, now),
        causes: taken.causes.iter().map(|cause| view(cause, (from.unwrap_or(now), now))).collect(),
        curve: from.map(|from| {
            plot::curve(&taken.spread.bars(from, now, plot::BARS), &window("Last failures of all letters", from, now))
        }),
        from,
        frame,
    }
}

fn window(what: &str, from: Timestamp, to: Timestamp) -> String {
    format!("{what} from {} to {}", instant(&from), instant(&to))
}

fn parts(holders: &[u64]) -> impl Iterator<Item = CausePart> {
    Holder::ALL.into_iter().zip(holders).map(|(holder, letters)| CausePart {
        class: holder.class(),
        words: holder.words(),
        letters: *letters,
        when: String::new(),
    })
}

/// The sums of the snapshot, by who acts.
pub(crate) fn tiles(taken: &Snapshot, now: Timestamp) -> Vec<CausePart> {
    let mut tiles: Vec<_> = parts(&taken.holders).collect();
    if let (Some(due), Some(tile)) = (taken.next_due, tiles.get_mut(Holder::Itself as usize)) {
        tile.when = if due <= now { "the next is due now".to_owned() } else { format!("the next {}", ago(now, due)) };
    }
    tiles
}

fn view(row: &CauseRow, (from, now): (Timestamp, Timestamp)) -> CauseView {
    let holders = Holder::counts(&row.steps);
    let texts = row.texts();
    let shown: Vec<_> = texts.iter().take(TEXTS).map(|(letters, text)| (*letters, ShownText::of(text))).collect();
    let letters_of_texts: u64 = shown.iter().map(|(letters, _)| letters).sum();
    let name = row.fingerprint.as_str();
    let queues: Vec<_> = row.queues.iter().map(|queue| queue_name(queue)).collect();
    let versions: Vec<_> = row.versions.iter().rev().take(4).map(String::as_str).collect();
    let waits = [Holder::Person, Holder::Used, Holder::Itself].iter().any(|one| holders[*one as usize] > 0);
    let split: Vec<_> = Holder::ALL.iter().zip(holders).map(|(holder, n)| (holder.class(), n)).collect();
    CauseView {
        name: ShownText::of(name),
        letters: row.letters,
        class: row.error_type.as_str(),
        is_new: row.is_new(now),
        first: row.first,
        last: row.last,
        since: ago(now, row.first),
        lately: ago(now, row.last),
        queues: ShownText::of(&queues.join(", ")),
        versions: ShownText::of(&versions.join(", ")),
        more_texts: row.letters.saturating_sub(letters_of_texts),
        texts: shown,
        parts: parts(&holders).filter(|part| part.letters > 0).collect(),
        split: plot::split(&split),
        curve: plot::curve(&row.spread.bars(from, now, plot::BARS), &window("Last failures of this cause", from, now)),
        letters_at: query("/search", [("cause", name)]),
        replay_at: waits.then(|| query("/act", [("what", "replay"), ("cause", name)])),
    }
}
