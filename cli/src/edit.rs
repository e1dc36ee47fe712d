//! Edit of letters' bodies: read, and shown as differences before anything is asked.

mod wrappings;

use std::fmt::Write;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use redrive_core::ids::LetterId;
use redrive_core::json::Json;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::wrapping::Wrapping;
use redrive_core::ports::Letters;
use redrive_core::replay::{Candidate, Edit, JOB_EDIT_LIMIT, Patch, Selection};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use crate::args::Replay;
use crate::completion::Error;
use crate::text::{count, fit, hanging, lines, shown};
use redrive_operator::payload;
use redrive_operator::walk::Wanted;

pub(crate) use wrappings::Wrappings;

/// Number of letters whose differences are shown.
const LETTERS: usize = 3;
/// Limit of lines that are shown of each.
const LINES: usize = 40;
/// Columns of a value of a place that a patch is about.
const VALUE: usize = 60;
/// Number of equal lines around a difference.
const AROUND: usize = 3;
/// Limit in bytes of a file that is read: SQS takes no more.
const BYTES: u64 = 1 << 20;

/// The edit that is asked for, if one is.
pub(crate) fn read(args: &Replay) -> Result<Option<Edit>, Error> {
    let edit = match (&args.edit, &args.patch) {
        (None, None) => return Ok(None),
        (Some(_), _) if args.chosen.ids.len() != 1 => {
            return Err(Error::Usage("--edit is the body of one letter: give its id, and no other".to_owned()));
        }
        (Some(path), _) => Edit::Body(text(path)?),
        (None, Some(path)) => {
            let name = shown(&path.display().to_string());
            Edit::Patch(Patch::parse(&text(path)?).map_err(|why| Error::Usage(format!("{name}: {why}")))?)
        }
    };
    if !args.now && edit.bytes() > JOB_EDIT_LIMIT {
        return Err(Error::Usage("a job takes an edit of at most 128 KiB: say --now".to_owned()));
    }
    Ok(Some(edit))
}

/// A file, whole and as it is.
fn text(path: &Path) -> Result<String, Error> {
    let name = shown(&path.display().to_string());
    let wrong = |why: &dyn std::fmt::Display| Error::Usage(format!("{name}: {why}"));
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(BYTES + 1).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(|why| wrong(&why))?;
        file.take(BYTES + 1).read_to_string(&mut text)
    };
    match read {
        Ok(bytes) if bytes as u64 > BYTES => Err(wrong(&"is larger than SQS takes (1 MiB)")),
        Ok(_) => Ok(text),
        Err(why) => Err(wrong(&why)),
    }
}

/// A letter, and what an edit makes of its body.
pub(crate) struct EditPreview {
    id: LetterId,
    /// Text before the edit: the body, or what the producer wrote of it.
    before: String,
    compared: String,
    /// Whole body after the edit, or why there is none.
    after: Result<String, String>,
    /// Places that a patch is about, each with what stands there before and after.
    places: Vec<PatchedPlace>,
    /// Remark on the body, beside its text.
    note: Option<&'static str>,
}

/// Place that a patch is about.
#[derive(Debug, PartialEq, Eq)]
struct PatchedPlace {
    pointer: String,
    before: Option<String>,
    after: Option<String>,
}

impl PatchedPlace {
    /// Places of a patch in a body, as it was and as it is.
    fn all(patch: &Patch, before: &str, after: &str) -> Vec<Self> {
        let (Ok(before), Ok(after)) = (before.parse::<Json>(), after.parse::<Json>()) else { return Vec::new() };
        let at = |json: &Json, pointer: &str| {
            let found = if pointer.is_empty() { Some(json) } else { json.pointer(pointer) };
            found.map(Json::to_string)
        };
        let place = |pointer: &str| Self {
            pointer: pointer.to_owned(),
            before: at(&before, pointer),
            after: at(&after, pointer),
        };
        patch.places().into_iter().map(place).collect()
    }

    fn render(&self, width: usize) -> String {
        let value = |value: &Option<String>| fit(&shown(value.as_deref().unwrap_or("nothing")), VALUE);
        let (before, after) = (value(&self.before), value(&self.after));
        let change = if self.before == self.after { format!("stays {before}") } else { format!("{before} -> {after}") };
        hanging(&format!("  {}: {change}", shown(&self.pointer)), 2, width)
    }
}

/// An SNS message's signature covers its content.
const SIGNED: &str = "SNS signed the former message: a consumer that checks the signature refuses this one.";

impl EditPreview {
    pub(crate) fn of(letter: &Letter, edit: &Edit, wrapping: Wrapping) -> Self {
        let before = letter.payload_now();
        let after = edit.apply_to(letter, wrapping).map_err(|why| why.to_string());
        // A patch writes the content anew: what only moves by that is no difference, and neither is what is around it.
        let anew = |text: &str| {
            let content = matches!(edit, Edit::Patch(_)).then(|| wrapping.written_anew(text)).flatten();
            content.unwrap_or_else(|| text.to_owned())
        };
        let compared = after.as_deref().map(anew).unwrap_or_default();
        let places = match (edit, &after) {
            (Edit::Patch(patch), Ok(_)) => PatchedPlace::all(patch, &anew(before), &compared),
            _ => Vec::new(),
        };
        let signed = matches!(edit, Edit::Patch(_)) && after.is_ok() && wrapping.is_signed(before);
        Self { id: letter.id, before: anew(before), compared, after, places, note: signed.then_some(SIGNED) }
    }

    pub(crate) fn json(&self) -> Value {
        match &self.after {
            Ok(payload) => json!({"letter": self.id, "payload": payload}),
            Err(why) => json!({"letter": self.id, "why": why}),
        }
    }

    /// The differences in lines, as people know them.
    pub(crate) fn render(&self, width: usize) -> String {
        let mut text = hanging(&format!("Letter {}", self.id), 2, width);
        if let Err(why) = &self.after {
            for line in lines(&shown(why), width.saturating_sub(2)) {
                let _ = writeln!(text, "  {line}");
            }
            return text;
        }
        let ((old, cut), (new, cut_too)) = (payload::lines_of(&self.before), payload::lines_of(&self.compared));
        let changes = differences(&old, &new, width);
        for line in changes.iter().take(LINES) {
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if changes.len() > LINES {
            let _ = writeln!(text, "  … and {}", count((changes.len() - LINES) as u64, "more line", "more lines"));
        }
        if cut + cut_too > 0 {
            text.push_str(&hanging("  Only the beginning of both bodies was compared.", 2, width));
            self.places.iter().for_each(|place| text.push_str(&place.render(width)));
        }
        for line in self.note.iter().flat_map(|note| lines(note, width.saturating_sub(2))) {
            let _ = writeln!(text, "  {line}");
        }
        text
    }
}

fn differences(old: &[String], new: &[String], width: usize) -> Vec<String> {
    let (old, new): (Vec<_>, Vec<_>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&old, &new);
    let mut changes = Vec::new();
    for (n, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if n > 0 {
            changes.push("  …".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            changes.extend(lines(change.value(), width.saturating_sub(2)).iter().map(|line| format!("{sign} {line}")));
        }
    }
    changes
}

/// Applies the edit to the first of the chosen letters.
pub(crate) async fn gather<L: Letters>(
    letters: &L,
    selection: &Selection,
    edit: &Edit,
    wrappings: &Wrappings,
) -> Result<Vec<EditPreview>, Error> {
    let mut ids: Vec<LetterId> = Vec::new();
    match selection {
        Selection::Ids(_) | Selection::Shown(_) | Selection::Listed(_) => {
            ids.extend(selection.ids().unwrap_or_default())
        }
        Selection::Filter(filter) => {
            let wanted = Wanted { filter: filter.clone(), statuses: vec![Status::Pending] };
            let each = async |page: Vec<Candidate>| {
                ids.extend(page.iter().map(|found| found.id));
                Ok::<_, Error>(if ids.len() < LETTERS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            };
            wanted.each(letters, each).await?;
        }
    }
    ids.truncate(LETTERS);
    let found = letters.read(&ids).await?.into_iter().flatten();
    let preview = |letter: Letter| EditPreview::of(&letter, edit, wrappings.of(&letter.source));
    Ok(found.filter(|letter| letter.check_body().is_ok()).map(preview).collect())
}

/// The differences of the first letters, and how many there are that are not shown.
pub(crate) fn render(previews: &[EditPreview], of: u64, width: usize) -> String {
    let mut text: String = previews.iter().map(|one| one.render(width)).collect();
    let more = of.saturating_sub(previews.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "and the same with {}", count(more, "more letter", "more letters"));
    }
    text
}

#[cfg(test)]
mod tests {
    use redrive_core::replay::Request;
    use redrive_operator::request::add_edit;

    use super::*;
    use crate::act::request;
    use redrive_operator::samples;

    #[test]
    fn what_is_asked_for_is_what_the_function_understands() {
        let one = Selection::Ids(vec![samples::letters()[0].id]);
        let patch = r#"[{"op": "add", "path": "/amount", "value": 12345678901234567.89}]"#;
        for edit in [Edit::Body("{}\n".to_owned()), Edit::Patch(Patch::parse(patch).unwrap())] {
            let mut asked = request("replay", &one, "ann");
            add_edit(&mut asked, Some(&edit));
            let Request::Replay { options, .. } = Request::parse(&asked).unwrap() else { panic!("{asked}") };
            assert_eq!(options.edit.as_ref(), Some(&edit));
            asked["action"] = json!("job");
            let Request::Job(job) = Request::parse(&asked).unwrap() else { panic!("{asked}") };
            assert_eq!(job.edit, Some(edit));
        }
    }

    #[test]
    fn a_file_is_read_as_it_is_and_told_by_its_name_if_it_is_no_patch() {
        let folder = std::env::temp_dir().join(format!("redrive-edit-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("body");
        std::fs::write(&file, "{\"a\": 1}\n").unwrap();
        assert_eq!(text(&file).unwrap(), "{\"a\": 1}\n");
        let asked = |patch: &Path| Replay { patch: Some(patch.to_owned()), ..crate::replay::tests::replay(&[]) };
        assert!(matches!(read(&asked(&file)), Err(Error::Usage(why)) if why.contains("body: patch is no JSON Patch")));
        std::fs::write(&file, "x".repeat((1 << 20) + 1)).unwrap();
        assert!(matches!(text(&file), Err(Error::Usage(why)) if why.contains("1 MiB")));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(read(&asked(&file)), Err(Error::Usage(_))));
        let two = Replay { edit: Some(file), ..crate::replay::tests::replay(&[]) };
        assert!(matches!(read(&two), Err(Error::Usage(why)) if why.contains("one letter")));
    }

    #[test]
    fn only_what_a_patch_is_about_is_a_difference() {
        let edit = Edit::Patch(Patch::parse(r#"[{"op":"remove","path":"/b"}]"#).unwrap());
        let letter = Letter { payload: r#"{ "c": 1.50, "b": [1], "a": 2 }"#.to_owned(), ..samples::full() };
        let text = EditPreview::of(&letter, &edit, Wrapping::None).render(80);
        let changed: Vec<_> = text.lines().filter(|line| line.starts_with(['-', '+'])).collect();
        assert_eq!(changed, ["-   \"b\": [", "-     1", "-   ],"]);
    }

    #[test]
    fn the_places_of_a_patch_are_shown_however_large_the_body_is() {
        let patch = r#"[{"op":"replace","path":"/currency","value":"EUR"},{"op":"add","path":"/note","value":"n"},
            {"op":"test","path":"/n","value":12345678901234567.89}]"#;
        let payload = format!(r#"{{"a":"{}","currency":"CHF","n":12345678901234567.89}}"#, "x".repeat(900_000));
        let letter = Letter { payload, ..samples::full() };
        let edit = Edit::Patch(Patch::parse(patch).unwrap());
        let text = EditPreview::of(&letter, &edit, Wrapping::None).render(80);
        for line in ["  /currency: \"CHF\" -> \"EUR\"", "  /note: nothing -> \"n\"", "  /n: stays 12345678901234567.89"]
        {
            assert!(text.lines().any(|one| one == line), "{line}: {}", &text[text.len() - 300..]);
        }
    }

    #[test]
    fn of_a_wrapped_body_the_content_is_compared_and_a_signature_that_fits_no_more_is_told() {
        let edit = Edit::Patch(Patch::parse(r#"[{"op":"replace","path":"/n","value":1.50}]"#).unwrap());
        let payload = r#"{"Signature":"x==", "Message":"{\"n\":12345678901234567.89}"}"#.to_owned();
        let letter = Letter { payload, ..samples::full() };
        let told = EditPreview::of(&letter, &edit, Wrapping::Sns).render(120);
        assert!(told.contains("-   \"n\": 12345678901234567.89") && told.contains("+   \"n\": 1.50"), "{told}");
        assert!(told.contains("SNS signed the former message") && !told.contains("x=="), "{told}");
    }
}
