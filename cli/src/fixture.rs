//! A letter as a test case: `redrive fixture` writes it with every value replaced that is not asked for by name.

use redrive_core::fixture::{Redacted, Salt, redacted};
use redrive_core::ports::Letters;
use redrive_core::time::Timestamp;
use uuid::Uuid;

use crate::args::FixtureArgs;
use crate::completion::{Completion, Error};
use crate::find;
use crate::out::{self, Out};
use crate::stack_port::StackPort;
use crate::text::{count, shown, shown_json};

/// Writes the fixture of one letter to standard output.
pub(crate) async fn run<S: StackPort>(
    args: &FixtureArgs,
    access: &S,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let letters = access.letters()?;
    let Some(id) = find::one(&letters, &args.id, access, (now, out)).await? else { return Ok(Completion::NotAsAsked) };
    let Some(letter) = letters.read(&[id]).await?.pop().flatten() else {
        return Err(Error::Absent(format!("there is no letter {id}")));
    };
    // Kept nowhere: with it, a value that is guessed could be checked.
    let salt = Salt(Uuid::new_v4().as_u128());
    let made =
        redacted(&letter, &args.keep, salt).map_err(|why| Error::Absent(format!("no fixture of {id}: {why}")))?;
    out.exact(document(&made)?.as_bytes())?;
    remarks(&made).iter().for_each(|remark| out::say(remark));
    Ok(if made.unmatched.is_empty() { Completion::Done } else { Completion::NotAsAsked })
}

/// Renders the file of a fixture.
fn document(made: &Redacted) -> Result<String, Error> {
    let document = serde_json::to_string_pretty(&made.fixture)
        .map_err(|why| Error::Service(format!("fixture cannot be written as JSON: {why}")))?;
    Ok(shown_json(&format!("{document}\n")))
}

/// Returns what a person should know before the file is shared.
fn remarks(made: &Redacted) -> Vec<String> {
    let missing = made.unmatched.iter().map(|place| format!("nothing stands at {}: it kept nothing", shown(place)));
    let names = (made.telling_names > 0).then(|| {
        let names = count(made.telling_names as u64, "name of a member looks", "names of members look");
        format!("{names} like data, and names are kept: read the file before you share it")
    });
    missing.chain(names).collect()
}

#[cfg(test)]
mod tests {
    use redrive_core::fixture::{Fixture, Kept};
    use redrive_operator::samples;

    use super::*;
    use crate::golden;

    fn made(keep: &[&str]) -> Redacted {
        let keep: Vec<_> = keep.iter().map(|text| Kept::parse(text).unwrap()).collect();
        redacted(&samples::full(), &keep, Salt(7)).unwrap()
    }

    #[test]
    fn the_file_is_readable_and_reads_back() {
        let made = made(&["/currency"]);
        let file = document(&made).unwrap();
        golden::is("fixture.json", &file);
        assert_eq!(Fixture::read(&file).unwrap().body(), made.fixture.body());
        assert!(remarks(&made).is_empty());
    }

    #[test]
    fn a_place_that_is_not_there_and_a_telling_name_are_remarked_upon() {
        let made = Redacted { telling_names: 2, ..made(&["/nowhere", "attribute:none"]) };
        let expected = [
            "nothing stands at /nowhere: it kept nothing",
            "nothing stands at attribute:none: it kept nothing",
            "2 names of members look like data, and names are kept: read the file before you share it",
        ];
        assert_eq!(remarks(&made), expected);
    }
}
