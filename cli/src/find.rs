//! Search for letters, as a terminal shows it.

use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::ports::{KeyIndex, LedgerReader};
use redrive_core::time::Timestamp;
use redrive_operator::find::{BODIES, FoundBy, Search, everywhere, exactly};

use crate::completion::{Completion, Error};
use crate::list::{Columns, LineMarks};
use crate::out::{self, Out};
use crate::stack_port::StackPort;
use crate::text::{count, shown};

/// Finds letters, and shows each with the place in which the text was found.
pub(crate) async fn run<L: KeyIndex, R: LedgerReader>(
    (letters, ledger): (&L, &R),
    text: &str,
    (sources, all): (&[QueueArn], bool),
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let mut search = find(letters, text, sources, (all, out)).await?;
    search.join(letters, ledger, now).await?;
    out.either(|| search.json(), |width| render(&search, now, width))?;
    if !out.json {
        out::say(&account(&search));
    }
    Ok(if search.met == 0 { Completion::NotAsAsked } else { Completion::Done })
}

/// Looks ids and keys up; if they lead nowhere, or `all` is wanted, searches everywhere.
async fn find<L: KeyIndex>(
    letters: &L,
    text: &str,
    sources: &[QueueArn],
    (all, out): (bool, Out),
) -> Result<Search, Error> {
    let search = exactly(letters, text, sources).await?;
    if search.met > 0 && !all {
        return Ok(search);
    }
    let bar = out::bar(out);
    bar.set_message("letters read; the index is read first");
    let bodies = if all { usize::MAX } else { BODIES };
    let found = everywhere(letters, text, bodies, |looked, of| {
        bar.set_length(of.min(bodies as u64).max(looked));
        bar.set_position(looked);
    });
    let found = found.await;
    bar.finish_and_clear();
    Ok(found?)
}

/// Finds the one letter that a text names: by its id, its key, or the id of a message or request. Says why, if there is not one.
pub(crate) async fn one<L: KeyIndex, S: StackPort>(
    letters: &L,
    text: &str,
    access: &S,
    (now, out): (Timestamp, Out),
) -> Result<Option<LetterId>, Error> {
    if let Some(id) = LetterId::parse(text)
        && letters.look(&[id]).await?.into_iter().flatten().next().is_some()
    {
        return Ok(Some(id));
    }
    let mut search = find(letters, text, &access.sources().await, (false, out)).await?;
    // Only what names a letter: a text in a body does not.
    search.letters.retain(|one| match one.by {
        FoundBy::Letter | FoundBy::Message | FoundBy::Request | FoundBy::Trace => true,
        FoundBy::Key => one.found.key.as_ref().is_some_and(|key| key.as_str() == text),
        FoundBy::Error | FoundBy::Body | FoundBy::Note => false,
    });
    match search.letters.as_slice() {
        [one] => Ok(Some(one.found.id)),
        [] => {
            out::say(&format!(
                "no letter has the id or key {0}; `redrive find {0}` looks for it as a text, too",
                shown(text)
            ));
            Ok(None)
        }
        several => {
            out::say(&format!("{} letters have this id or key: show one by its own id", several.len()));
            search.met = several.len() as u64;
            out.text(&render(&search, now, out.width))?;
            Ok(None)
        }
    }
}

/// Renders the letters that were found, each with the place of the text.
pub(crate) fn render(search: &Search, now: Timestamp, width: usize) -> String {
    if search.letters.is_empty() {
        return String::new();
    }
    let columns = Columns::of_any(now, width);
    let lines = search.letters.iter().map(|one| {
        let done = search.done.contains(&one.found.id);
        let marks = LineMarks { found: Some(one.by), done, ..LineMarks::default() };
        columns.line(&one.found, &marks)
    });
    columns.head() + &lines.collect::<String>()
}

/// Describes how far the search went.
pub(crate) fn account(search: &Search) -> String {
    let found = count(search.met, "letter", "letters");
    let shown = search.letters.len() as u64;
    let cut = if shown < search.met { format!("; the {shown} that failed last are shown") } else { String::new() };
    match search.of {
        None => format!("{found} found by id or key; --all searches bodies, too"),
        Some(of) if search.is_bounded() => {
            format!("{found} found{cut}: looked at {} of {of} letters; --all goes on", search.looked)
        }
        Some(of) => format!("{found} found{cut}: looked at all {of} letters"),
    }
}
