//! Overview: queues over time, failures by class, time to resolution, alarms, the doctor's findings, and who is doing what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use futures_util::future::join3;
use redrive_core::ids::JobId;
use redrive_core::letters::letter::Status;
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::time::Timestamp;
use redrive_operator::acts::{self, ActMatter, RecentAct};
use redrive_operator::board::QueueStatus;
use redrive_operator::jobs::JobOverview;
use redrive_operator::text::ago;
use redrive_operator::who::short;

use crate::installation::{InstallationPort, QueueCurve};
use crate::jobs;
use crate::page::{self, PageFrame, Tab, instant};
use crate::plot;
use crate::reading::{Read, Resolved};
use crate::shown_text::ShownText;
use crate::snapshot::{ShownSnapshot, Snapshot};
use crate::snapshot_reading;
use crate::state::{Console, Here};

/// Age from which the readings are read anew behind the page.
const FRESH: Duration = Duration::from_secs(15);
/// Limit of resolved letters that are read for the time to resolution.
const RESOLVED: usize = 5_000;
/// Limit of acts of late that are shown.
const ACTS: usize = 20;
/// Number of points of a curve of the console's own.
const POINTS: usize = 240;

/// Queue as the page shows it.
struct QueueView {
    name: ShownText,
    visible: String,
    in_flight: String,
    delayed: String,
    curve: Option<ShownText>,
    source: &'static str,
}

/// Class of errors, and its waiting letters.
struct ClassView {
    class: ShownText,
    letters: u64,
    split: ShownText,
    address: String,
}

struct AlarmView {
    name: ShownText,
    state: ShownText,
    class: &'static str,
    step: ShownText,
}

struct FindingView {
    severity: ShownText,
    class: &'static str,
    subject: ShownText,
    what: ShownText,
    mend: ShownText,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    frame: PageFrame<'a>,
    at: Option<Timestamp>,
    queues: Vec<QueueView>,
    expiry: Option<ShownText>,
    classes: Vec<ClassView>,
    resolved: Vec<(&'static str, String)>,
    resolved_curve: Option<ShownText>,
    resolved_note: ShownText,
    alarms: Option<Vec<AlarmView>>,
    quiet: usize,
    findings: Option<Vec<FindingView>>,
    unread: Vec<ShownText>,
    open: Vec<jobs::JobRow>,
    lately: Vec<jobs::JobRow>,
    acts: Vec<ActRow>,
}

/// Act of a person as the page shows it.
struct ActRow {
    at: Timestamp,
    ago: String,
    who: ShownText,
    what: ShownText,
    why: ShownText,
    /// Job that the act was on.
    job: Option<JobId>,
}

impl ActRow {
    fn of(act: RecentAct, now: Timestamp) -> Self {
        let job = match act.what {
            ActMatter::Job(job, _) => Some(job),
            ActMatter::Letters(..) => None,
        };
        Self {
            at: act.at,
            ago: ago(now, act.at),
            who: ShownText::of(short(&act.who)),
            what: ShownText::of(&act.what.words()),
            why: ShownText::of(act.why.as_deref().unwrap_or_default()),
            job,
        }
    }
}

/// Returns the acts of late on jobs, and on letters as far as they were read, the latest first.
fn acts_of(read: Option<&Read>, (open, closed): (&[JobOverview], &[JobOverview]), now: Timestamp) -> Vec<ActRow> {
    let since = acts::lately(now);
    let mut all = [acts::on_jobs(open, since), acts::on_jobs(closed, since)].concat();
    all.extend(read.and_then(|read| read.acts.as_ref().ok()).into_iter().flatten().cloned());
    acts::latest_first(all).into_iter().take(ACTS).map(|act| ActRow::of(act, now)).collect()
}

/// Answers with the overview.
pub(crate) async fn page<I: InstallationPort>(State(console): Here<I>) -> Response<Body> {
    let here = &console.installation;
    let known = console.read.peek();
    let is_fresh = known.as_ref().is_some_and(|read| here.now().since(read.at) < FRESH);
    let known = if is_fresh { known } else { console.read.read(|| begin(&console)).await };
    let (open, closed) = match jobs::both(here).await {
        Ok(found) => found,
        Err(why) => return page::unavailable(&console, &why),
    };
    let classes = match snapshot_reading::latest(&console).await {
        ShownSnapshot::Taken(taken) => classes(&taken),
        ShownSnapshot::Reading(_) => Vec::new(),
        ShownSnapshot::Failed(why) => return page::unavailable(&console, &why),
    };
    let frame = PageFrame::new(&console, "Overview", Tab::Overview).refreshed(5);
    page::answer(&made(frame, known.as_deref(), classes, (&open, &closed)))
}

fn begin<I: InstallationPort>(console: &Arc<Console<I>>) {
    let console = Arc::clone(console);
    tokio::spawn(async move {
        let here = &console.installation;
        let (readings, resolved, acts) =
            join3(here.readings(), resolved(here.letters()), acts::on_letters(here.letters(), here.now())).await;
        let mut own = console.read.peek().map_or_else(BTreeMap::new, |before| before.own.clone());
        let at = here.now();
        for queue in &readings.queues {
            let points: &mut Vec<_> = own.entry(queue.name.clone()).or_default();
            points.extend(queue.depths.visible.map(|visible| (at, visible)));
            let old = points.len().saturating_sub(POINTS);
            points.drain(..old);
        }
        console.read.put(Arc::new(Read { at, readings, resolved, acts, own }));
    });
}

/// Reads how long the latest resolved letters took. Since when a letter is resolved stands in the index.
async fn resolved<L: Letters>(letters: &L) -> Result<Resolved, Unavailable> {
    let mut all = Resolved::default();
    let mut next = Some(Cursor::START);
    while let Some(from) = next {
        let page = letters.scan(Listing::all(Status::Resolved), from, 1_000).await?;
        for found in page.candidates {
            let took = found.due.since(found.first_failed_at).as_millis();
            all.took.push(u64::try_from(took).unwrap_or(u64::MAX));
            all.spread.add(found.due);
            all.first = Some(all.first.map_or(found.due, |first| first.min(found.due)));
        }
        next = page.next;
        if all.took.len() >= RESOLVED {
            all.is_cut = next.is_some();
            break;
        }
    }
    all.took.sort_unstable();
    Ok(all)
}

fn made<'a>(
    frame: PageFrame<'a>,
    read: Option<&Read>,
    classes: Vec<ClassView>,
    (open, closed): (&[JobOverview], &[JobOverview]),
) -> OverviewPage<'a> {
    let now = frame.now;
    let readings = read.map(|read| &read.readings);
    let alarms = readings.and_then(|readings| readings.alarms.as_deref());
    let row = |overview: &JobOverview| jobs::JobRow::of(overview, now);
    let recent =
        |overview: &&JobOverview| overview.job.closed_at.is_some_and(|at| now.since(at) < Duration::from_secs(86_400));
    let is_quiet = |state: &str| state == "OK";
    let (resolved, resolved_curve, resolved_note) = times(read, now);
    OverviewPage {
        at: read.map(|read| read.at),
        queues: read.map_or_else(Vec::new, |read| {
            read.readings.queues.iter().map(|queue| queue_view(queue, read, now)).collect()
        }),
        expiry: readings.and_then(|readings| readings.expiry).map(|expiry| ShownText::of(&expiry.words(now))),
        classes,
        resolved,
        resolved_curve,
        resolved_note,
        quiet: alarms.map_or(0, |alarms| alarms.iter().filter(|alarm| is_quiet(&alarm.state)).count()),
        alarms: alarms.map(|alarms| {
            alarms
                .iter()
                .filter(|alarm| !is_quiet(&alarm.state))
                .map(|alarm| AlarmView {
                    name: ShownText::of(&alarm.name),
                    class: if alarm.state == "ALARM" { "used" } else { "gone" },
                    state: ShownText::of(if alarm.state == "INSUFFICIENT_DATA" { "no data" } else { &alarm.state }),
                    step: ShownText::of(&alarm.step),
                })
                .collect()
        }),
        findings: readings.and_then(|readings| readings.findings.as_deref()).map(|findings| {
            findings
                .iter()
                .map(|finding| FindingView {
                    class: if finding.severity == "error" { "used" } else { "person" },
                    severity: ShownText::of(&finding.severity),
                    subject: ShownText::of(&finding.subject),
                    what: ShownText::of(&finding.what),
                    mend: ShownText::of(&finding.mend),
                })
                .collect()
        }),
        unread: readings
            .map_or_else(Vec::new, |readings| readings.unread.iter().map(|why| ShownText::of(why)).collect()),
        open: open.iter().map(row).collect(),
        lately: closed.iter().filter(recent).map(row).collect(),
        acts: acts_of(read, (open, closed), now),
        frame,
    }
}

fn queue_view(queue: &QueueStatus, read: &Read, now: Timestamp) -> QueueView {
    let number = |n: Option<u64>| n.map_or("?".to_owned(), |n| n.to_string());
    let cloudwatch = read.readings.curves.iter().find(|curve| curve.name == queue.name && !curve.points.is_empty());
    let own = read.own.get(&queue.name).map(|points| QueueCurve { name: queue.name.clone(), points: points.clone() });
    let source = if cloudwatch.is_some() { "as CloudWatch has it" } else { "as this console has read it" };
    let drawn = cloudwatch.or(own.as_ref()).and_then(|curve| {
        let from = curve.points.first()?.0;
        let label = format!("Depth of {} from {} to {}", queue.name, instant(&from), instant(&now));
        (curve.points.len() > 1).then(|| plot::line(&curve.points, &label))
    });
    QueueView {
        name: ShownText::of(&queue.name),
        visible: number(queue.depths.visible),
        in_flight: number(queue.depths.in_flight),
        delayed: number(queue.depths.delayed),
        curve: drawn,
        source,
    }
}

fn classes(taken: &Snapshot) -> Vec<ClassView> {
    let all = taken.letters();
    let mut classes: Vec<_> = taken
        .classes
        .iter()
        .map(|(class, letters)| ClassView {
            class: ShownText::of(class),
            letters: *letters,
            split: plot::split(&[("itself", *letters), ("none", all.saturating_sub(*letters))]),
            address: crate::fields::query("/search", [("type", class.as_str())]),
        })
        .collect();
    classes.sort_by_key(|view| std::cmp::Reverse(view.letters));
    classes
}

fn times(read: Option<&Read>, now: Timestamp) -> (Vec<(&'static str, String)>, Option<ShownText>, ShownText) {
    let resolved = match read.map(|read| &read.resolved) {
        None => return (Vec::new(), None, ShownText::of("is being read")),
        Some(Err(why)) => return (Vec::new(), None, ShownText::of(&why.to_string())),
        Some(Ok(resolved)) if resolved.took.is_empty() => {
            return (
                Vec::new(),
                None,
                ShownText::of("No letter was resolved in the time that resolved letters are kept."),
            );
        }
        Some(Ok(resolved)) => resolved,
    };
    let all = resolved.took.len();
    let of = |percent: usize| {
        let took = resolved.took.get((all * percent / 100).min(all - 1)).copied().unwrap_or_default();
        // How long, in the same words as all other spans.
        ago(Timestamp::from_millis(took), Timestamp::from_millis(0)).trim_end_matches(" ago").to_owned()
    };
    let from = resolved.first.unwrap_or(now);
    let curve = plot::curve(
        &resolved.spread.bars(from, now, plot::BARS),
        &format!("Letters resolved from {} to {}", instant(&from), instant(&now)),
    );
    let cut = if resolved.is_cut { "some of the resolved letters" } else { "all resolved letters" };
    let note = format!("By the dead-letter table's own times, of {cut} ({all}), since {}.", instant(&from));
    (
        vec![("half within", of(50)), ("nine of ten within", of(90)), ("the longest", of(100))],
        Some(curve),
        ShownText::of(&note),
    )
}
