//! The letters that an act will touch, as they are shown before it is confirmed.

use std::collections::{BTreeMap, BTreeSet};

use redrive_core::ids::{JobId, LetterId, QueueArn};
use redrive_core::letters::letter::Status;
use redrive_core::ports::Letters;
use redrive_core::replay::{Candidate, Filter, Look, Selection, Shown};
use redrive_core::time::Timestamp;
use serde_json::Value;

use crate::causes::{self, CauseRow};
use crate::completion::Error;
use crate::out;
use crate::replay_function::{ReplayFunction, Report};
use crate::shown;
use crate::text::{count, hanging};
use redrive_operator::conflicts::conflicts;
use redrive_operator::job_holders::JobHolders;
use redrive_operator::job_list::fifo_place;
use redrive_operator::policies::Policies;
use redrive_operator::walk::{Wanted, look};

/// Preview of the letters that will be touched.
#[derive(Debug, Clone)]
pub(crate) struct Preview {
    pub(crate) causes: Vec<CauseRow>,
    /// Named, and not there or not where it would have to stand.
    pub(crate) others: u64,
    /// Letters that were looked at, each in its version. Named letters are listed in any status: the function judges
    /// them.
    pub(crate) shown: Shown,
    /// Times at which those letters changed last.
    pub(crate) changed: BTreeMap<LetterId, Timestamp>,
    /// Statuses that letters must have for the act.
    statuses: Vec<Status>,
    /// Queues of those letters.
    pub(crate) sources: BTreeSet<QueueArn>,
    /// Place of each letter of a FIFO queue in its group.
    groups: BTreeMap<LetterId, (String, usize, String)>,
    /// Number of letters that belong to an open job.
    held: BTreeMap<JobId, u64>,
}

impl Preview {
    /// Looks at what is chosen and stands in one of `statuses`, beside open jobs, which may have some of the letters.
    pub(crate) async fn of<L: Letters>(
        letters: &L,
        selection: &Selection,
        statuses: Vec<Status>,
        holders: &JobHolders,
    ) -> Result<Self, Error> {
        let ids = match selection {
            Selection::Filter(filter) => {
                let wanted = Wanted { filter: Filter::clone(filter), statuses: statuses.clone() };
                let found = wanted.sums(letters, |ids: &mut Vec<LetterId>, one| ids.push(one.id)).await?;
                found.concat()
            }
            listed => listed.ids().unwrap_or_default(),
        };
        let fits = |one: &Candidate| match selection {
            Selection::Filter(filter) => statuses.contains(&one.status) && filter.fits(one),
            Selection::Ids(_) | Selection::Shown(_) | Selection::Listed(_) => true,
        };
        let mut shown = Shown { letters: BTreeMap::new(), named: selection.is_named() };
        let (mut grouped, mut others, mut changed) = (causes::CauseRows::new(), 0, BTreeMap::new());
        let (mut sources, mut groups, mut held) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        for look in look(letters, &ids).await? {
            let Some(look) = look.filter(|look| fits(&look.candidate)) else {
                others += u64::from(shown.named);
                continue;
            };
            if let Some(job) = holders.of(&look) {
                *held.entry(job).or_default() += 1;
            }
            let Look { candidate, version, changed_at, .. } = look;
            shown.letters.insert(candidate.id, version);
            changed.insert(candidate.id, changed_at);
            if !sources.contains(&candidate.source) {
                sources.insert(candidate.source.clone());
            }
            if let Some(place) = fifo_place(&candidate) {
                groups.insert(candidate.id, place);
            }
            if statuses.contains(&candidate.status) {
                causes::join(&mut grouped, &candidate, false);
            } else {
                others += 1;
            }
        }
        Ok(Self {
            causes: causes::sorted(grouped, &Policies::default()),
            others,
            shown,
            changed,
            statuses,
            sources,
            groups,
            held,
        })
    }

    /// Warns of letters that belong to open jobs.
    pub(crate) fn warn(&self, holders: &JobHolders) {
        holders.warnings(&self.held).iter().for_each(|warning| out::say(warning));
    }

    /// Letters that were shown, each in its version, in the order in which a job sends them.
    pub(crate) fn in_order(&self) -> Vec<(LetterId, u64)> {
        let mut all: Vec<_> = self.shown.letters.iter().map(|(id, version)| (*id, *version)).collect();
        all.sort_by_key(|(id, _)| (self.groups.get(id), *id));
        all
    }

    /// Returns the number of letters that are not in the table at all.
    fn missing(&self, selection: &Selection) -> u64 {
        let named = selection.ids().map_or(0, |ids| ids.len());
        if self.shown.named { named.saturating_sub(self.shown.letters.len()) as u64 } else { 0 }
    }

    /// Asks the function for exactly what was shown.
    pub(crate) async fn carry_out<L: Letters>(
        &self,
        (function, letters): (&impl ReplayFunction, &L),
        selection: &Selection,
        mut request: Value,
    ) -> Result<Report, Error> {
        if let Some(fields) = request.as_object_mut() {
            fields.retain(|name, _| !["ids", "select"].contains(&name.as_str()));
        }
        let mut report = shown::carry_out(function, letters, &request, &self.shown).await?;
        if self.missing(selection) > 0 {
            report.count("not_found", self.missing(selection));
        }
        if report.of("changed_meanwhile") == 0 {
            return Ok(report);
        }
        let by = request.get("by").and_then(Value::as_str).unwrap_or_default();
        match conflicts(letters, &self.shown, (&self.statuses, by)).await {
            Ok(found) => Ok(report.with_conflicts(&found)),
            // What was done is reported all the same.
            Err(error) => {
                out::say(&format!("who changed the others is not known: {error}"));
                Ok(report)
            }
        }
    }

    pub(crate) fn letters(&self) -> u64 {
        causes::total(&self.causes)
    }

    /// Refuses to go on where a selection fits nothing: nothing would be done, and a script must hear of it.
    pub(crate) fn met(&self, selection: &Selection) -> Result<(), Error> {
        match selection {
            Selection::Filter(_) if self.letters() == 0 => {
                let none = "no letter fits this selection in a status that allows it; nothing was done";
                Err(Error::Absent(none.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Fixes a selection for as long as a job runs: what was shown, as it was at `at` by AWS's clock. Where more letters changed shortly
    /// before than a filter may name, each letter is named in the version that was shown.
    pub(crate) fn fixed(&self, selection: &Selection, at: Option<Timestamp>) -> Selection {
        let versions = self.shown.letters.iter();
        let shown = versions.filter_map(|(id, version)| Some((*id, *self.changed.get(id)?, *version)));
        match (selection, at) {
            (Selection::Filter(_), Some(at)) => match selection.clone().shown_at(at, shown) {
                (fixed, 0) => fixed,
                _ => Selection::Shown(self.shown.clone()),
            },
            (Selection::Ids(_) | Selection::Shown(_), _) if !self.shown.letters.is_empty() => {
                Selection::Shown(self.shown.clone())
            }
            _ => selection.clone(),
        }
    }

    /// The question's matter: `verb` is like "would be discarded".
    pub(crate) fn render(&self, verb: &str, now: Timestamp, width: usize) -> String {
        let mut text = causes::preview(&self.causes, now, width);
        text.push_str(&hanging(&format!("{} {verb}.", count(self.letters(), "letter", "letters")), 2, width));
        if self.others > 0 {
            let others = format!("{} not found, or in another status.", self.others);
            text.push_str(&hanging(&others, 2, width));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redrive_operator::samples;
    use redrive_testkit::ModelLetters;

    use super::*;

    #[tokio::test]
    async fn letters_of_which_very_many_changed_a_moment_ago_are_all_named_in_their_versions() {
        let table = ModelLetters::new();
        let letters: Vec<_> = samples::many(600).collect();
        letters.iter().cloned().for_each(|letter| table.force(letter));
        let selection = Selection::Filter(Filter { error_code: Some("currency".to_owned()), ..Filter::default() });
        let preview = Preview::of(&table, &selection, vec![Status::Pending], &JobHolders::default()).await.unwrap();
        let changed = letters.iter().map(redrive_core::letters::letter::Letter::changed_at).max().unwrap();
        let after = |seconds: u64| preview.fixed(&selection, Some(changed.after(Duration::from_secs(seconds))));
        assert!(matches!(after(3_600), Selection::Filter(filter) if filter.recent.is_empty()));
        let Selection::Shown(shown) = after(1) else { panic!("a filter would leave some out") };
        assert_eq!((shown.letters.len(), shown.named), (600, false));
    }
}
