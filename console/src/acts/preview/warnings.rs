//! Warnings before an act: what the replay function would leave out, and who else is at the same letters.

use std::collections::BTreeMap;

use redrive_core::ports::Unavailable;
use redrive_core::replay::{Edit, Selection};
use redrive_core::time::Timestamp;
use redrive_operator::job_holders::JobHolders;
use redrive_operator::text::{count, words};
use serde_json::Value;

use super::{ChosenLetters, dry_request};
use crate::acts::kind::ActKind;
use crate::installation::{AskError, InstallationPort};
use crate::shown_text::ShownText;

/// Consents without which some letters would not be sent: the field, its words, and the count that asks for it.
pub(crate) const CONSENTS: [(&str, &str, &str); 3] = [
    (
        "forgotten_ok",
        "Also those that the ledger may have forgotten: their effect may happen a second time",
        "forgotten",
    ),
    (
        "as_new",
        "Also those that can only go as new messages: their effect may happen a second time",
        "no_attribute_slot",
    ),
    ("allow_key_change", "The edited body may have another key, and so is another message", "edit_failed"),
];

/// Counts that are no reason for a warning.
const QUIET: [&str; 5] = ["considered", "would_send", "sent", "in_s3", "expired_tasks"];

pub(crate) struct WarningsAndConsents {
    pub(crate) warnings: Vec<ShownText>,
    pub(crate) consents: Vec<(&'static str, &'static str)>,
}

/// Asks the function what it would do, with all of a small selection or with none of a large one: then only its clock is read.
pub(crate) async fn dry_run<I: InstallationPort>(
    here: &I,
    selection: &Selection,
    edit: Option<&Edit>,
) -> Result<Value, AskError> {
    here.ask(&dry_request(selection, edit, &here.place().by)).await
}

/// The instant of AWS's clock as of which the function has looked.
pub(crate) fn as_of(dry: &Result<Value, AskError>) -> Option<Timestamp> {
    Timestamp::from_rfc3339(dry.as_ref().ok()?.get("as_of")?.as_str()?)
}

pub(crate) async fn of<I: InstallationPort>(
    here: &I,
    kind: ActKind,
    chosen: &ChosenLetters,
    dry: Option<&Result<Value, AskError>>,
) -> Result<WarningsAndConsents, Unavailable> {
    let mut found = WarningsAndConsents { warnings: Vec::new(), consents: Vec::new() };
    match dry {
        Some(Ok(report)) => found.read(report),
        Some(Err(why)) => found.warn(&format!("What would become of them is not known: {why}")),
        None => {}
    }
    if kind == ActKind::Discard && chosen.count > 0 {
        found.warn("Copies that were sent before may still run; no further send begins. A discard can be taken back for 90 days by default.");
    }
    found.others(here, kind, chosen).await?;
    Ok(found)
}

impl WarningsAndConsents {
    fn warn(&mut self, text: &str) {
        self.warnings.push(ShownText::of(text));
    }

    fn read(&mut self, report: &Value) {
        let counts = report.as_object().into_iter().flatten();
        let counts = counts.filter_map(|(name, n)| Some((name.as_str(), n.as_u64().filter(|n| *n > 0)?)));
        for (name, n) in counts.filter(|(name, _)| !QUIET.contains(name)) {
            self.warn(&format!("{} would not be sent: {}", count(n, "letter", "letters"), words(name)));
            self.consents.extend(
                CONSENTS.iter().filter(|(_, _, count)| *count == name).map(|(field, words, _)| (*field, *words)),
            );
        }
        for (name, what) in [
            ("in_s3", "have only a pointer to a body in S3, which may be gone"),
            ("expired_tasks", "are tasks that have expired: their worker drops them"),
        ] {
            if let Some(n) = report.get(name).and_then(Value::as_u64).filter(|n| *n > 0) {
                self.warn(&format!("{} {what}", count(n, "letter", "letters")));
            }
        }
        for refused in report.get("refused_edits").and_then(Value::as_array).into_iter().flatten().take(3) {
            let text = |name: &str| refused.get(name).and_then(Value::as_str).unwrap_or_default();
            self.warn(&format!("{}: {}", text("letter"), text("why")));
        }
    }

    /// Open jobs to which letters belong that were looked at.
    async fn others<I: InstallationPort>(
        &mut self,
        here: &I,
        kind: ActKind,
        chosen: &ChosenLetters,
    ) -> Result<(), Unavailable> {
        if !kind.sends() && kind != ActKind::Discard {
            return Ok(());
        }
        let holders = JobHolders::read(here.letters()).await?;
        let mut held = BTreeMap::new();
        for job in chosen.looks.iter().filter_map(|look| holders.of(look)) {
            *held.entry(job).or_default() += 1;
        }
        let looks = chosen.looks.len() as u64;
        let of = if looks < chosen.count { format!("Of the first {looks}: ") } else { String::new() };
        holders.warnings(&held).iter().for_each(|warning| self.warn(&format!("{of}{warning}")));
        Ok(())
    }
}
