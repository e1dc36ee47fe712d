//! Export of whole letters, so that what was cut short does not look whole.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use redrive_core::letters::letter::Status;
use redrive_core::ports::Letters;
use redrive_core::replay::Candidate;
use serde_json::Value;

use crate::completion::{Completion, Error};
use crate::interrupt;
use crate::list::some;
use crate::out::{self, Out};
use crate::text::{count, shown, shown_json};
use redrive_operator::json;
use redrive_operator::walk::Wanted;

/// Number of whole letters in memory at once, because they are large.
const WHOLE: usize = 10;

/// Place that letters are written to.
enum Target {
    Output(Out),
    /// A file that has another name until it is whole.
    File {
        begun: PathBuf,
        whole: PathBuf,
        to: BufWriter<File>,
    },
}

impl Target {
    fn open(output: Option<&Path>, out: Out) -> Result<Self, Error> {
        let Some(whole) = output else { return Ok(Self::Output(out)) };
        let wrong =
            |why: &dyn std::fmt::Display| Error::Usage(format!("{}: {why}", shown(&whole.display().to_string())));
        let name = whole.file_name().ok_or_else(|| wrong(&"names no file"))?;
        let mut part = name.to_owned();
        part.push(".part");
        let begun = whole.with_file_name(part);
        let to = BufWriter::new(File::create(&begun).map_err(|why| wrong(&why))?);
        Ok(Self::File { begun, whole: whole.to_owned(), to })
    }

    fn line(&mut self, document: &Value) -> Result<(), Error> {
        match self {
            Self::Output(out) => out.line(document),
            Self::File { to, .. } => Ok(to.write_all(shown_json(&format!("{document}\n")).as_bytes())?),
        }
    }

    /// Says what a person must know who interrupts.
    fn interrupted(&self, written: u64) -> String {
        let letters = count(written, "letter was", "letters were");
        match self {
            Self::Output(_) if written == 0 => "interrupted; no letter was written".to_owned(),
            Self::Output(_) => format!("interrupted: {letters} written, and what was written is not whole"),
            Self::File { begun, whole, .. } => format!(
                "interrupted: {letters} written to {}; there is no {}",
                shown(&begun.display().to_string()),
                shown(&whole.display().to_string())
            ),
        }
    }

    /// Gives the file its name, now that it is whole.
    fn end(self) -> Result<(), Error> {
        let Self::File { begun, whole, mut to } = self else { return Ok(()) };
        to.flush()?;
        to.get_ref().sync_all()?;
        Ok(fs::rename(begun, whole)?)
    }
}

/// Writes whole letters while they are read, and ends by saying how many. A letter that lost its body is written without it, and
/// told of.
pub(crate) async fn run<L: Letters>(
    letters: &L,
    wanted: &Wanted,
    limit: Option<usize>,
    (output, out): (Option<&Path>, Out),
) -> Result<Completion, Error> {
    let mut target = Target::open(output, out)?;
    interrupt::explain(target.interrupted(0));
    let (mut left, mut bodiless, mut written) = (limit.unwrap_or(usize::MAX), 0_u64, 0_u64);
    let each = async |page: Vec<Candidate>| {
        let (page, next) = some(page, &mut left);
        for few in page.chunks(WHOLE) {
            let ids: Vec<_> = few.iter().map(|found| found.id).collect();
            // One that is gone, or has left its status since the index was written, is not what was asked for.
            let here = |status: Status| wanted.statuses.contains(&status);
            for letter in letters.read(&ids).await?.into_iter().flatten().filter(|letter| here(letter.status)) {
                bodiless += u64::from(letter.body.check().is_err());
                target.line(&json::letter(&letter))?;
                written += 1;
            }
            interrupt::explain(target.interrupted(written));
        }
        Ok::<_, Error>(next)
    };
    wanted.each(letters, each).await?;
    target.end()?;
    interrupt::explain("interrupted, but all was written");
    out::say(&format!("{} written: all of them", count(written, "letter was", "letters were")));
    if bodiless > 0 {
        out::say(&format!("{bodiless} of them without their bodies: erased, expired or lost"));
        return Ok(Completion::NotAsAsked);
    }
    if limit != Some(0) {
        wanted.met(written)?;
    }
    Ok(Completion::Done)
}

#[cfg(test)]
mod tests {
    use redrive_core::replay::Filter;
    use redrive_operator::samples;
    use redrive_testkit::ModelLetters;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("redrive-export-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[tokio::test]
    async fn a_file_has_its_name_once_it_is_whole() {
        let store = ModelLetters::new();
        samples::letters().into_iter().for_each(|letter| store.force(letter));
        let (folder, out) = (folder("whole"), Out { json: false, width: 80, is_terminal: false });
        let file = folder.join("letters.ndjson");
        let wanted = Wanted { filter: Filter::default(), statuses: vec![Status::Pending] };
        assert_eq!(run(&store, &wanted, None, (Some(&file), out)).await.unwrap(), Completion::Done);
        let waiting = samples::letters().iter().filter(|letter| letter.status == Status::Pending).count();
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), waiting);
        assert!(!folder.join("letters.ndjson.part").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_was_begun_has_another_name() {
        let (folder, out) = (folder("begun"), Out { json: false, width: 80, is_terminal: false });
        let file = folder.join("letters.ndjson");
        let mut target = Target::open(Some(&file), out).unwrap();
        target.line(&serde_json::json!({"a": 1})).unwrap();
        assert!(target.interrupted(1).contains("1 letter was written"));
        drop(target);
        assert!(!file.exists() && folder.join("letters.ndjson.part").exists());
        assert!(Target::open(Some(Path::new("/")), out).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
