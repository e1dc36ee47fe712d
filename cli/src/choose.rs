//! Letters that a command line chooses: by their ids, also from a file, by what fits them, and by what stands in their bodies.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::Path;

use futures_util::{StreamExt, stream};
use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::{Filter, Selection, Shown};
use redrive_core::time::Timestamp;
use serde_json::Value;

use crate::args::Chosen;
use crate::body_condition::{BodyCondition, all_fit, content};
use crate::completion::Error;
use crate::edit::Wrappings;
use crate::filters::filter;
use crate::out;
use crate::stack_port::StackPort;
use crate::text::{count, shown};
use redrive_operator::walk::{Wanted, look};

/// Most bodies that are read for `--where`.
const BODIES: usize = 50_000;
/// Number of letters that are read in one call, because they are large, and of calls at once.
const READ: usize = 10;
const AT_ONCE: usize = 8;
/// Number of letters that are looked at before it is known whether they are enough.
const LOOK: usize = 500;
/// Limit in bytes of a file of ids: some million letters.
const FILE: u64 = 64 << 20;

/// Reads what is chosen. What must be read to know it is read: the bodies for `--where`, and the oldest for `--limit`.
pub(crate) async fn choose<S: StackPort>(
    chosen: &Chosen,
    access: &S,
    statuses: &[Status],
    now: Timestamp,
) -> Result<Selection, Error> {
    let filter = filter(&chosen.filters, access, now).await?;
    let selection = chosen_of(chosen, filter, now)?;
    if chosen.conditions.is_empty() && chosen.limit.is_none() {
        return Ok(selection);
    }
    let wrappings = match chosen.conditions.is_empty() {
        true => Wrappings::default(),
        false => access.replay_environment().await.as_ref().and_then(Wrappings::read).unwrap_or_default(),
    };
    let found = narrowed(&access.letters()?, &selection, (chosen, statuses), &wrappings).await?;
    if let Some(summary) = found.summary() {
        out::say(&summary);
    }
    if found.letters.is_empty() {
        return Err(Error::Absent(
            "no letter fits this selection in a status that allows it; nothing was done".to_owned(),
        ));
    }
    Ok(Selection::Shown(Shown { letters: found.letters, named: selection.is_named() }))
}

/// Selection of what was given, before any letter is read.
pub(crate) fn chosen_of(chosen: &Chosen, filter: Filter, now: Timestamp) -> Result<Selection, Error> {
    if let Some((field, must)) = filter.wrong() {
        return Err(Error::Usage(format!("--{} must be {must}", field.replace('_', "-"))));
    }
    let ids = named(chosen)?;
    match (ids.is_empty(), filter.is_empty()) {
        (false, true) => Ok(Selection::Ids(ids)),
        (true, _) if !chosen.conditions.is_empty() => Ok(Selection::Filter(filter)),
        (true, false) if filter.chooses_all(now) => Err(Error::Usage(
            "what was given excludes no letter: say which ones, by --cause, --type and so on".to_owned(),
        )),
        (true, false) => Ok(Selection::Filter(filter)),
        (false, false) => Err(Error::Usage("name letters by their ids or by what fits them, not by both".to_owned())),
        (true, true) if chosen.file.is_some() => Err(Error::Absent("the file has no ids; nothing was done".to_owned())),
        (true, true) => Err(Error::Usage("which letters? Give their ids, or --cause, --type and so on".to_owned())),
    }
}

/// Ids on the command line and in the file, each once, in their order.
fn named(chosen: &Chosen) -> Result<Vec<LetterId>, Error> {
    let mut ids = chosen.ids.clone();
    if let Some(path) = &chosen.file {
        ids.extend(ids_of(path)?);
    }
    let mut met = HashSet::new();
    ids.retain(|id| met.insert(*id));
    Ok(ids)
}

/// Reads the ids of a file, or of standard input: one a line, or lines of `list --json`.
fn ids_of(path: &Path) -> Result<Vec<LetterId>, Error> {
    let name = shown(&path.display().to_string());
    let wrong = |why: &dyn std::fmt::Display| Error::Usage(format!("{name}: {why}"));
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE + 1).read_to_string(&mut text))
    };
    if read.map_err(|why| wrong(&why))? as u64 > FILE {
        return Err(wrong(&"has more than 64 MiB"));
    }
    parsed(&text).map_err(|line| wrong(&format!("line {line} begins with no letter's id")))
}

/// Ids of a text; the number of the line that has none, if one has none.
fn parsed(text: &str) -> Result<Vec<LetterId>, usize> {
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(n, line)| id_of(line).ok_or(n)).collect()
}

fn id_of(line: &str) -> Option<LetterId> {
    if line.starts_with('{') {
        let document: Value = serde_json::from_str(line).ok()?;
        return LetterId::parse(document.get("dlq_message_id")?.as_str()?);
    }
    LetterId::parse(line.split([' ', '\t', ',', ';']).next()?.trim_matches('"'))
}

/// Letters that fit, each in the version in which it was read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Narrowed {
    letters: BTreeMap<LetterId, u64>,
    /// Number of bodies that were read.
    bodies: u64,
    /// Number of these that are no JSON.
    unreadable: u64,
}

impl Narrowed {
    fn summary(&self) -> Option<String> {
        let unreadable = if self.unreadable > 0 { format!("; {} are no JSON", self.unreadable) } else { String::new() };
        let bodies = count(self.bodies, "body was", "bodies were");
        (self.bodies > 0).then(|| format!("--where: {bodies} read, {} fit{unreadable}", self.letters.len()))
    }
}

/// Letters of a selection that fit what their bodies must have, the oldest ones, as many as are wanted.
async fn narrowed<L: Letters>(
    letters: &L,
    selection: &Selection,
    (chosen, statuses): (&Chosen, &[Status]),
    wrappings: &Wrappings,
) -> Result<Narrowed, Error> {
    let ids = candidates(letters, selection, statuses).await?;
    let limit = chosen.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    if chosen.conditions.is_empty() {
        return Ok(first(letters, selection, (&ids, statuses), limit).await?);
    }
    if ids.len() > BODIES {
        let refusal = format!(
            "--where would read {} bodies, and reads {BODIES} at the most: narrow it by --cause, --since and so on",
            ids.len()
        );
        return Err(Error::Usage(refusal));
    }
    Ok(by_bodies(letters, (&ids, statuses), (&chosen.conditions, limit), wrappings).await?)
}

/// Letters to look at, the oldest first; named ones in their order.
async fn candidates<L: Letters>(
    letters: &L,
    selection: &Selection,
    statuses: &[Status],
) -> Result<Vec<LetterId>, Unavailable> {
    let Selection::Filter(filter) = selection else { return Ok(selection.ids().unwrap_or_default()) };
    let wanted = Wanted { filter: filter.clone(), statuses: statuses.to_vec() };
    let keep = |sum: &mut Vec<_>, one: redrive_core::replay::Candidate| sum.push((one.first_failed_at, one.id));
    let mut found = wanted.sums(letters, keep).await?.concat();
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// First of these letters that are where they have to stand.
async fn first<L: Letters>(
    letters: &L,
    selection: &Selection,
    (ids, statuses): (&[LetterId], &[Status]),
    limit: usize,
) -> Result<Narrowed, Unavailable> {
    let mut found = Narrowed::default();
    for few in ids.chunks(LOOK) {
        for look in look(letters, few).await?.into_iter().flatten() {
            let fits = match selection {
                Selection::Filter(filter) => filter.fits(&look.candidate),
                _ => true,
            };
            if found.letters.len() < limit && fits && statuses.contains(&look.candidate.status) {
                found.letters.insert(look.candidate.id, look.version);
            }
        }
        if found.letters.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// First of these letters whose bodies fit.
async fn by_bodies<L: Letters>(
    letters: &L,
    (ids, statuses): (&[LetterId], &[Status]),
    (conditions, limit): (&[BodyCondition], usize),
    wrappings: &Wrappings,
) -> Result<Narrowed, Unavailable> {
    let mut found = Narrowed::default();
    let mut pages = stream::iter(ids.chunks(READ)).map(|few| letters.read(few)).buffered(AT_ONCE);
    while let Some(page) = pages.next().await {
        for letter in page?.into_iter().flatten().filter(|letter| statuses.contains(&letter.status)) {
            if found.letters.len() >= limit {
                return Ok(found);
            }
            found.bodies += 1;
            match content(letter.payload_now(), wrappings.of(&letter.source)) {
                Some(body) if all_fit(conditions, &body) => drop(found.letters.insert(letter.id, letter.version)),
                Some(_) => {}
                None => found.unreadable += 1,
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use redrive_core::letters::letter::Letter;
    use redrive_testkit::ModelLetters;

    use super::*;
    use redrive_operator::samples;

    #[test]
    fn a_filter_that_excludes_nothing_is_refused_like_none() {
        let now = Timestamp::from_rfc3339("2026-11-29T12:00:00Z").unwrap();
        let chosen = |filter: Filter| chosen_of(&Chosen::default(), filter, now);
        let text = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
        for all in [
            Filter::default(),
            text(""),
            text(" "),
            Filter { min_deaths: Some(0), ..Filter::default() },
            Filter { max_deaths: Some(u32::MAX), ..Filter::default() },
            Filter { since: Some(Timestamp::from_millis(0)), ..Filter::default() },
            Filter { until: Some(now.after(std::time::Duration::from_secs(1))), ..Filter::default() },
        ] {
            assert!(matches!(chosen(all.clone()), Err(Error::Usage(_))), "{all:?}");
        }
        assert!(matches!(chosen(text("CHF")), Ok(Selection::Filter(filter)) if filter == text("CHF")));
        let limited = Chosen { limit: Some(1), ..Chosen::default() };
        assert!(chosen_of(&limited, Filter::default(), now).is_err(), "a limit says not which ones");
        let tested = Chosen { conditions: vec![BodyCondition::parse("/a=1").unwrap()], ..Chosen::default() };
        assert!(chosen_of(&tested, Filter::default(), now).is_ok());
    }

    #[test]
    fn ids_are_read_from_lines_from_a_column_and_from_listed_documents() {
        let [one, two]: [LetterId; 2] = [samples::letters()[0].id, samples::letters()[1].id];
        let text = format!("# chosen by hand\n\n {one} \n{two},CHF\n{{\"dlq_message_id\":\"{one}\",\"deaths\":1}}\n");
        assert_eq!(parsed(&text), Ok(vec![one, two, one]));
        assert_eq!(parsed(&format!("{one}\nnot an id\n")), Err(2));
    }

    async fn found(conditions: &[&str], limit: Option<u32>) -> Narrowed {
        let store = ModelLetters::new();
        let mut letters = samples::letters();
        for (n, letter) in letters.iter_mut().enumerate().take(37) {
            letter.payload = format!(r#"{{"currency":"{}","n":{n}}}"#, if n % 2 == 0 { "CHF" } else { "EUR" });
        }
        letters[3].payload = "no json".to_owned();
        letters.into_iter().for_each(|letter: Letter| store.force(letter));
        let filter = Filter { error_code: Some("currency".to_owned()), ..Filter::default() };
        let conditions = conditions.iter().map(|text| BodyCondition::parse(text).unwrap()).collect();
        let chosen = Chosen { conditions, limit, ..Chosen::default() };
        let selection = Selection::Filter(filter);
        narrowed(&store, &selection, (&chosen, &[Status::Pending]), &Wrappings::default()).await.unwrap()
    }

    #[tokio::test]
    async fn what_stands_in_the_bodies_chooses_and_the_bodies_are_counted() {
        let chf = found(&["/currency=CHF"], None).await;
        assert_eq!((chf.letters.len(), chf.bodies, chf.unreadable), (19, 37, 1));
        assert_eq!(chf.summary().unwrap(), "--where: 37 bodies were read, 19 fit; 1 are no JSON");
        assert_eq!(found(&["/currency=CHF", "/n=4"], None).await.letters.len(), 1, "all of them must fit");
    }

    #[tokio::test]
    async fn a_limit_takes_the_oldest_ones_that_fit() {
        let oldest = found(&[], Some(2)).await;
        let ids = samples::letters();
        assert_eq!(oldest.letters.keys().copied().collect::<HashSet<_>>(), HashSet::from([ids[0].id, ids[1].id]));
        let of_currency = found(&["/currency=CHF"], Some(2)).await;
        assert_eq!(of_currency.letters.keys().copied().collect::<HashSet<_>>(), HashSet::from([ids[0].id, ids[2].id]));
    }
}
