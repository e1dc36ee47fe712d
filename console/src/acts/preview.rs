//! Preview of an act: how many letters, a sample of them, and what a person must know before.

mod rest;
mod warnings;

use askama::Template;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::Letter;
use redrive_core::ports::Letters;
use redrive_core::replay::{Candidate, Edit, JOB_EDIT_LIMIT, Look, Patch, Selection, Shown};
use redrive_core::time::Timestamp;
use redrive_operator::request::{add_edit, add_selection};
use redrive_operator::text::count;
use redrive_operator::walk::Wanted;
use serde_json::{Value, json};
use uuid::Uuid;

use super::differences::Difference;
use super::kind::ActKind;
use super::pinned::Pinned;
use super::{Cannot, barred};
use crate::bare;
use crate::fields::Fields;
use crate::installation::InstallationPort;
use crate::page::{PageFrame, Tab};
use crate::search::LetterRow;
use crate::shown_text::ShownText;
use crate::state::Console;
use crate::wanted::Wished;

/// Number of letters that are shown.
const SAMPLE: usize = 5;
/// Number of letters that are pinned one by one; a larger selection is a filter as of an instant.
const PINNED: usize = 1_000;
/// Number of letters whose differences are shown.
const DIFFERENCES: usize = 3;

/// A preview as it was gathered.
pub(crate) struct Gathered {
    pinned: Pinned,
    rows: Vec<Candidate>,
    others: u64,
    warnings: Vec<ShownText>,
    consents: Vec<(&'static str, &'static str)>,
    differences: Vec<Difference>,
    /// Text that must be written before there is anything to confirm.
    needs: Option<String>,
    fields: Fields,
    problem: Option<String>,
}

impl Gathered {
    /// Value of a field as it was sent, or what is usual.
    fn value_or(&self, name: &str, usual: &u32) -> String {
        self.fields.get(name).map_or_else(|| usual.to_string(), str::to_owned)
    }

    fn is_ticked(&self, name: &str) -> bool {
        self.fields.is_ticked(name)
    }

    fn filters(&self) -> Vec<(&'static str, &str)> {
        crate::wanted::NAMES.iter().filter_map(|name| Some((*name, self.fields.get(name)?))).collect()
    }

    fn is_more_alike(&self) -> bool {
        !self.differences.is_empty() && self.pinned.count > self.differences.len() as u64
    }
}

#[derive(Template)]
#[template(path = "act.html")]
struct ActPage<'a> {
    frame: PageFrame<'a>,
    kind: ActKind,
    pinned: &'a Pinned,
    heading: String,
    rows: Vec<LetterRow>,
    gathered: &'a Gathered,
    command: ShownText,
    why: &'a str,
    ids: String,
}

/// Answers with a preview.
pub(crate) fn answer<I: InstallationPort>(
    console: &Console<I>,
    gathered: Gathered,
    status: StatusCode,
) -> Response<Body> {
    let (kind, pinned) = (gathered.pinned.kind(), &gathered.pinned);
    let heading = format!("{} {}", count(pinned.count, "letter", "letters"), kind.verb());
    let frame = PageFrame::new(console, heading.clone(), Tab::None);
    let now = frame.now;
    let why = gathered.fields.get("why").unwrap_or_default();
    let ids = match &pinned.selection {
        Selection::Filter(_) => String::new(),
        named => named.ids().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    // Whoever carries the act out asks the ledger about each.
    let row = |found: &Candidate| LetterRow::of(found, console.installation.policies(), false, now);
    let page = ActPage {
        rows: gathered.rows.iter().map(row).collect(),
        command: ShownText::of(&pinned.command(why)),
        gathered: &gathered,
        frame,
        kind,
        pinned,
        heading,
        why,
        ids,
    };
    bare::answer_with(status, &page)
}

/// Looks at what is chosen, and at what speaks against the act.
pub(crate) async fn gather<I: InstallationPort>(
    console: &Console<I>,
    kind: ActKind,
    fields: &Fields,
) -> Result<Gathered, Cannot> {
    let here = &console.installation;
    let wished = Wished::read(fields, here.now()).map_err(Cannot::BadRequest)?;
    let listed = ids(fields)?;
    let rest = match fields.get("rest").and_then(JobId::parse) {
        Some(job) => Some(rest::of(here, job).await?),
        None => None,
    };
    if listed.is_empty() && rest.is_none() && wished.filter.chooses_all(here.now()) {
        return Err(Cannot::BadRequest("Nothing was chosen: tick letters, or filter them first.".to_owned()));
    }
    let chosen = match &rest {
        Some(rest) => rest::chosen(here, rest).await?,
        None => choose(here, kind, &wished, &listed).await?,
    };
    let edit = edit(kind, fields)?.or_else(|| rest.as_ref().and_then(|rest| rest.job.edit.clone()));
    let letters = match kind {
        ActKind::Edit | ActKind::Patch => whole(here.letters(), &chosen).await?,
        _ if edit.is_some() => whole(here.letters(), &chosen).await?,
        _ => Vec::new(),
    };
    if kind == ActKind::Edit && letters.len() != 1 {
        return Err(Cannot::BadRequest("One letter is edited at a time, and its body must be there.".to_owned()));
    }
    let needs = match (kind, &edit) {
        (ActKind::Edit, None) => letters.first().map(|letter| letter.payload_now().to_owned()),
        (ActKind::Patch, None) => {
            Some("[\n  {\"op\": \"replace\", \"path\": \"/currency\", \"value\": \"EUR\"}\n]".to_owned())
        }
        _ => None,
    };
    let differences = edit.iter().flat_map(|edit| {
        letters.iter().map(|letter| Difference::of(letter, edit, here.wrapping(&letter.source))).collect::<Vec<_>>()
    });
    let differences = differences.collect();
    let asks = kind.sends() && needs.is_none() && barred(console).is_none();
    let dry = if asks { Some(warnings::dry_run(here, &chosen.tried(), edit.as_ref()).await) } else { None };
    let found = warnings::of(here, kind, &chosen, dry.as_ref()).await?;
    let as_of = dry.as_ref().and_then(warnings::as_of).unwrap_or_else(|| here.now());
    let job = JobId::from_random(Uuid::new_v4().as_u128());
    let (selection, left_out) = chosen.fixed(as_of);
    let mut pinned = Pinned::new(kind, chosen.count - left_out, selection, edit, job);
    pinned.words = if listed.is_empty() { wished.words() } else { "letters that were ticked".to_owned() };
    pinned.options = wished.options();
    let mut warnings = found.warnings;
    let mut fields = fields.clone();
    if let Some(rest) = &rest {
        warnings.extend(rest::terms(rest).iter().map(|text| ShownText::of(text)));
        fields = fields.or("why", &rest.why());
        (pinned.words, pinned.guard, pinned.rest) =
            (format!("the rest of job {}", rest.job.id), rest.job.guard.clone(), Some(rest.job.id));
    }
    if left_out > 0 {
        let text = format!("{left_out} more changed less than five minutes ago and are left out: act on them later.");
        warnings.push(ShownText::of(&text));
    }
    let (rows, others) = (chosen.sample().cloned().collect(), chosen.others);
    let (consents, problem) = (found.consents, None);
    Ok(Gathered { pinned, rows, others, warnings, consents, differences, needs, fields, problem })
}

/// Shows what was pinned once more, and why it was not done.
pub(crate) async fn again<I: InstallationPort>(
    console: &Console<I>,
    pinned: Pinned,
    fields: &Fields,
    problem: String,
) -> Result<Gathered, Cannot> {
    let here = &console.installation;
    let ids: Vec<_> = pinned.selection.ids().unwrap_or_default().into_iter().take(SAMPLE).collect();
    let rows = here.letters().look(&ids).await?.into_iter().flatten().map(|look| look.candidate).collect();
    let consents =
        warnings::CONSENTS.iter().filter(|(name, _, _)| fields.is_ticked(name)).map(|(name, words, _)| (*name, *words));
    Ok(Gathered {
        pinned,
        rows,
        others: 0,
        warnings: Vec::new(),
        consents: consents.collect(),
        differences: Vec::new(),
        needs: None,
        fields: fields.clone(),
        problem: Some(problem),
    })
}

/// Letters that are chosen, as they were looked at.
pub(crate) struct ChosenLetters {
    pub(crate) selection: Selection,
    pub(crate) count: u64,
    /// Letters that are not there, or in another status.
    pub(crate) others: u64,
    /// Letters that were looked at one by one.
    looks: Vec<Look>,
}

impl ChosenLetters {
    /// Fixes the selection at this instant, and returns how many letters changed too shortly before to be named one by one.
    fn fixed(&self, as_of: Timestamp) -> (Selection, u64) {
        if self.looks.len() as u64 >= self.count {
            let named = self.selection.is_named();
            let letters = self.looks.iter().map(|look| (look.candidate.id, look.version)).collect();
            return (Selection::Shown(Shown { letters, named }), 0);
        }
        let looks = self.looks.iter().map(|look| (look.candidate.id, look.changed_at, look.version));
        let (selection, left_out) = self.selection.clone().shown_at(as_of, looks);
        (selection, left_out as u64)
    }

    /// Letters that are shown.
    fn sample(&self) -> impl Iterator<Item = &Candidate> {
        self.looks.iter().take(SAMPLE).map(|look| &look.candidate)
    }

    /// Selection to ask the function about before: of a long list the first letters.
    fn tried(&self) -> Selection {
        match &self.selection {
            Selection::Shown(shown) if shown.letters.len() > PINNED => {
                let letters = shown.letters.iter().take(PINNED).map(|(id, version)| (*id, *version)).collect();
                Selection::Shown(Shown { letters, named: shown.named })
            }
            small => small.clone(),
        }
    }
}

/// Reads the ids of a form: one by one, or as a list.
fn ids(fields: &Fields) -> Result<Vec<LetterId>, Cannot> {
    let words = fields.all("id").chain(fields.all("ids").flat_map(|list| list.split(',')));
    let words = words.map(str::trim).filter(|word| !word.is_empty());
    let read =
        |word: &str| LetterId::parse(word).ok_or_else(|| Cannot::BadRequest("An id of a letter is a UUID.".to_owned()));
    let mut ids = words.map(read).collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > PINNED {
        return Err(Cannot::BadRequest(format!(
            "At most {PINNED} letters are named one by one: use filters for more."
        )));
    }
    Ok(ids)
}

async fn choose<I: InstallationPort>(
    here: &I,
    kind: ActKind,
    wished: &Wished,
    listed: &[LetterId],
) -> Result<ChosenLetters, Cannot> {
    let letters = here.letters();
    let may = |found: &Candidate| kind.from().contains(&found.status);
    if !listed.is_empty() {
        let looks: Vec<Look> = looks(letters, listed).await?;
        let (fit, _): (Vec<_>, Vec<_>) = looks.into_iter().partition(|look| may(&look.candidate));
        let others = (listed.len() - fit.len()) as u64;
        let selection = Selection::Ids(listed.to_vec());
        return Ok(ChosenLetters { selection, count: fit.len() as u64, others, looks: fit });
    }
    let wanted = Wanted { filter: wished.filter.clone(), statuses: kind.from().to_vec() };
    let keep = |(count, ids): &mut (u64, Vec<LetterId>), found: Candidate| {
        *count += 1;
        if ids.len() <= PINNED {
            ids.push(found.id);
        }
    };
    let sums = wanted.sums(letters, keep).await?;
    let count: u64 = sums.iter().map(|(count, _)| count).sum();
    let ids: Vec<_> = sums.into_iter().flat_map(|(_, ids)| ids).take(PINNED).collect();
    let fit: Vec<_> = looks(letters, &ids).await?;
    let is_small = count <= PINNED as u64;
    let fit: Vec<_> =
        fit.into_iter().filter(|look| may(&look.candidate) && wished.filter.fits(&look.candidate)).collect();
    // Of a small selection the table itself has been read, and not only the index.
    let (count, others) =
        if is_small { (fit.len() as u64, count.saturating_sub(fit.len() as u64)) } else { (count, 0) };
    Ok(ChosenLetters { selection: Selection::Filter(wished.filter.clone()), count, others, looks: fit })
}

pub(super) async fn looks<L: Letters>(letters: &L, ids: &[LetterId]) -> Result<Vec<Look>, Cannot> {
    let mut found = Vec::with_capacity(ids.len());
    for few in ids.chunks(100) {
        found.extend(letters.look(few).await?.into_iter().flatten());
    }
    Ok(found)
}

async fn whole<L: Letters>(letters: &L, chosen: &ChosenLetters) -> Result<Vec<Letter>, Cannot> {
    let ids: Vec<_> = chosen.sample().take(DIFFERENCES).map(|found| found.id).collect();
    let found = letters.read(&ids).await?.into_iter().flatten();
    Ok(found.filter(|letter| letter.check_body().is_ok()).collect())
}

/// Reads the edit that a form carries, if it carries one by now.
fn edit(kind: ActKind, fields: &Fields) -> Result<Option<Edit>, Cannot> {
    let Some(text) = fields.exact("text_of_edit") else { return Ok(None) };
    // A browser sends each line's end as two characters.
    let text = text.replace("\r\n", "\n");
    let edit = match kind {
        ActKind::Edit => Edit::Body(text),
        ActKind::Patch => Edit::Patch(Patch::parse(&text).map_err(|why| Cannot::BadRequest(why.to_string()))?),
        _ => return Ok(None),
    };
    if edit.bytes() > JOB_EDIT_LIMIT {
        let why = "A job takes an edit of at most 128 KiB: use `redrive replay --edit FILE --now` for a larger one.";
        return Err(Cannot::BadRequest(why.to_owned()));
    }
    Ok(Some(edit))
}

/// Request for a dry run of a selection.
pub(super) fn dry_request(selection: &Selection, edit: Option<&Edit>, by: &str) -> Value {
    let mut request = json!({"action": "replay", "dry_run": true, "by": by});
    add_selection(&mut request, selection);
    add_edit(&mut request, edit);
    request
}
