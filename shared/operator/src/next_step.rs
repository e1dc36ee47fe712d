//! Next step of a letter: who acts on it, and when.

use redrive_core::error_type::ErrorType;
use redrive_core::letters::letter::Status;
use redrive_core::letters::policy::{Policy, Verdict};
use redrive_core::letters::waiting::{StepGroup, WaitingCause};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::policies::Policies;
use crate::text::ago;

/// Next step of a letter. The policy decides, as it does for replay itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// A person must act: no schedule sends it.
    Person,
    /// The schedule sends it.
    Replay {
        /// Time from which it may be sent.
        at: Timestamp,
        /// Number of this replay: one after each death.
        replay: u32,
        /// Number of replays that the policy allows; `None` where the policy is not known or asks for none by now.
        of: Option<u32>,
    },
    /// A person must act: the schedule has sent it as often as the policy allows.
    UsedUp {
        /// Number of replays that the policy allows.
        replays: u32,
    },
    /// Being sent, or sent and without an outcome yet.
    UnderWay,
    /// Done by the ledger's word, which the letter does not say yet: replay notes it within a minute.
    Done,
    /// Nobody acts on it any more.
    Closed,
}

/// Facts about a letter from which its next step follows.
#[derive(Debug, Clone, Copy)]
struct StepFacts<'a> {
    status: Status,
    done: bool,
    error_type: ErrorType,
    error_code: Option<&'a str>,
    fingerprint: &'a str,
    deaths: u32,
    due: Timestamp,
}

impl NextStep {
    /// Finds the next step of a letter. `done`: the ledger shows its effect as completed.
    #[must_use]
    pub fn of(one: &Candidate, policy: Option<&Policy>, done: bool) -> Self {
        let facts = StepFacts {
            status: one.status,
            done,
            error_type: one.error_type,
            error_code: one.error_code.as_deref(),
            fingerprint: &one.fingerprint,
            deaths: one.deaths,
            due: one.due,
        };
        Self::of_facts(facts, policy)
    }

    /// Finds the next step that all letters of a group have, by the time at which the first of them is due.
    fn of_group(cause: &WaitingCause, group: &StepGroup, policy: Option<&Policy>) -> Self {
        let facts = StepFacts {
            status: group.inputs.status,
            done: group.inputs.done,
            error_type: cause.error_type,
            error_code: cause.error_code.as_deref(),
            fingerprint: &cause.fingerprint,
            deaths: group.inputs.deaths,
            due: group.due,
        };
        Self::of_facts(facts, policy)
    }

    fn of_facts(facts: StepFacts<'_>, policy: Option<&Policy>) -> Self {
        match facts.status {
            Status::Resolved | Status::Discarded => Self::Closed,
            _ if facts.done => Self::Done,
            Status::Replaying | Status::Replayed => Self::UnderWay,
            Status::Pending => Self::of_pending(facts, policy),
        }
    }

    fn of_pending(facts: StepFacts<'_>, policy: Option<&Policy>) -> Self {
        let StepFacts { error_type, error_code, fingerprint, deaths, due, .. } = facts;
        let verdict = policy.map(|policy| policy.verdict_on(error_type, error_code, fingerprint));
        match (verdict, due == Timestamp::NEVER) {
            (Some(Verdict::Auto { max_deaths, .. }), true) if deaths > max_deaths => {
                Self::UsedUp { replays: max_deaths }
            }
            // A letter that was due under an earlier policy is sent all the same, unless this one says never.
            (Some(Verdict::Never), _) | (_, true) => Self::Person,
            (Some(Verdict::Auto { max_deaths, .. }), false) => {
                Self::Replay { at: due, replay: deaths, of: Some(max_deaths) }
            }
            (Some(Verdict::Ask) | None, false) => Self::Replay { at: due, replay: deaths, of: None },
        }
    }

    /// Describes the step in words that follow the letter.
    #[must_use]
    pub fn words(self, now: Timestamp) -> String {
        match self {
            Self::Person => "waits for a person".to_owned(),
            Self::Replay { at, replay, of } => {
                format!("comes back by itself {} ({})", when(at, now), number(replay, of))
            }
            Self::UsedUp { replays } => format!("waits for a person: its {replays} replays are used up"),
            Self::UnderWay => "is under way".to_owned(),
            Self::Done => "is done by the ledger, and noted within a minute".to_owned(),
            Self::Closed => "is closed".to_owned(),
        }
    }

    /// Returns the step as JSON.
    #[must_use]
    pub fn json(self) -> Value {
        match self {
            Self::Person => json!({"who": "person"}),
            Self::Replay { at, replay, of } => {
                json!({"who": "schedule", "at": at.to_rfc3339(), "replay": replay, "of": of})
            }
            Self::UsedUp { replays } => json!({"who": "person", "replays_used_up": replays}),
            Self::UnderWay => json!({"who": "replay"}),
            Self::Done => json!({"who": "nobody", "done_by_ledger": true}),
            Self::Closed => json!({"who": "nobody"}),
        }
    }
}

fn when(at: Timestamp, now: Timestamp) -> String {
    if at <= now { "with the next run".to_owned() } else { ago(now, at) }
}

fn number(replay: u32, of: Option<u32>) -> String {
    of.map_or_else(|| format!("replay {replay}"), |of| format!("replay {replay} of {of}"))
}

/// Numbers of letters by their next steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepCounts {
    /// Letters that wait for a person.
    pub person: u64,
    /// Letters that the schedule sends.
    pub schedule: u64,
    /// Letters whose replays are used up.
    pub used_up: u64,
    /// Letters that are under way.
    pub under_way: u64,
    /// Letters that the ledger shows as done, and that do not say so yet.
    pub done: u64,
    /// Replay that comes first: its time, its number and of how many.
    pub next: Option<(Timestamp, u32, Option<u32>)>,
}

impl StepCounts {
    /// Counts the letters of a cause by their next steps under these policies.
    #[must_use]
    pub fn of(cause: &WaitingCause, policies: &Policies) -> Self {
        let mut counts = Self::default();
        for group in &cause.steps {
            let step = NextStep::of_group(cause, group, policies.of(&group.inputs.source));
            counts.add(step, group.letters);
        }
        counts
    }

    /// Counts letters by the next step that they have.
    pub fn add(&mut self, step: NextStep, letters: u64) {
        match step {
            NextStep::Person => self.person += letters,
            NextStep::Replay { at, replay, of } => {
                self.schedule += letters;
                self.come(Some((at, replay, of)));
            }
            NextStep::UsedUp { .. } => self.used_up += letters,
            NextStep::UnderWay => self.under_way += letters,
            NextStep::Done => self.done += letters,
            NextStep::Closed => {}
        }
    }

    /// Adds other letters to these.
    pub fn join(&mut self, other: &Self) {
        self.person += other.person;
        self.schedule += other.schedule;
        self.used_up += other.used_up;
        self.under_way += other.under_way;
        self.done += other.done;
        self.come(other.next);
    }

    fn come(&mut self, other: Option<(Timestamp, u32, Option<u32>)>) {
        self.next = [self.next, other].into_iter().flatten().min();
    }

    /// Describes the counts, each group in words of its own.
    #[must_use]
    pub fn words(&self, now: Timestamp) -> Vec<String> {
        let first = self.next.map_or(String::new(), |(at, replay, of)| {
            let first = if self.schedule > 1 { "the first " } else { "" };
            format!(", {first}{} ({})", when(at, now), number(replay, of))
        });
        self.parts(["comes back by itself", "come back by themselves"].map(|words| format!("{words}{first}")))
    }

    /// Describes the counts in one short line.
    #[must_use]
    pub fn brief(&self, now: Timestamp) -> String {
        let first = self.next.map_or(String::new(), |(at, ..)| format!(" {}", when(at, now)));
        let many = if first.is_empty() { String::new() } else { format!(", first{first}") };
        self.parts([format!("comes back{first}"), format!("come back{many}")]).join(" · ")
    }

    fn parts(&self, schedule: [String; 2]) -> Vec<String> {
        let [comes, come] = &schedule;
        let groups = [
            (self.person, "waits for a person", "wait for a person"),
            (self.used_up, "used up its replays", "used up their replays"),
            (self.schedule, comes, come),
            (self.under_way, "is under way", "are under way"),
            (self.done, "is done by the ledger, not noted yet", "are done by the ledger, not noted yet"),
        ];
        let groups = groups.iter().filter(|(n, ..)| *n > 0);
        groups.map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many })).collect()
    }

    /// Returns the counts as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let next = self.next.map(|(at, replay, of)| json!({"at": at.to_rfc3339(), "replay": replay, "of": of}));
        json!({
            "person": self.person,
            "replays_used_up": self.used_up,
            "schedule": self.schedule,
            "under_way": self.under_way,
            "done_by_ledger": self.done,
            "next_replay": next,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use redrive_core::letters::letter::Letter;
    use redrive_core::letters::policy::{Glob, Match, PolicyRule};
    use redrive_core::replay::{Consent, ConsentTerms, KeyStatus, consent};

    use super::*;
    use crate::samples::{self, NOW};

    fn types() -> impl Strategy<Value = ErrorType> {
        use ErrorType::{NeverRan, Permanent, Schema, Timeout, Transient, Unknown};
        prop::sample::select(vec![NeverRan, Transient, Timeout, Permanent, Schema, Unknown])
    }

    fn policies() -> impl Strategy<Value = Policy> {
        let auto = (1_u64..600, 1_u32..5).prop_map(|(cool_down, max_deaths)| Verdict::Auto {
            cool_down: Duration::from_secs(cool_down),
            max_deaths,
        });
        let verdict = prop_oneof![Just(Verdict::Never), Just(Verdict::Ask), auto];
        let code = prop::option::of(prop_oneof![
            Just(Glob::Exactly("currency".to_owned())),
            Just(Glob::Beginning("curr".to_owned())),
            Just(Glob::Beginning(String::new())),
        ]);
        let fits = (prop::option::of(types()), code).prop_map(|(error_type, error_code)| Match {
            error_type,
            error_code,
            fingerprint: None,
        });
        let rules = prop::collection::vec((fits, verdict), 0..3);
        (rules, 1_u64..900, 1_u32..5).prop_map(|(rules, cool_down, max_deaths)| Policy {
            rules: rules.into_iter().map(|(fits, verdict)| PolicyRule { fits, verdict }).collect(),
            cool_down: Duration::from_secs(cool_down),
            max_deaths,
            resolved_retention: Duration::from_secs(90 * 86_400),
            body_retention: Duration::from_secs(90 * 86_400),
            outcome_after: Duration::from_secs(19 * 86_400),
        })
    }

    /// A letter that waits after so many deaths, as the policy leaves it.
    fn waiting(policy: &Policy, error_type: ErrorType, code: Option<&str>, deaths: u32) -> Letter {
        let mut letter = samples::letters().swap_remove(0);
        letter.reason.error_type = error_type;
        letter.reason.error_code = code.map(str::to_owned);
        letter.fingerprint = letter.reason.fingerprint();
        letter.deaths = deaths;
        letter.due = policy.due(&letter.reason, deaths, NOW);
        letter
    }

    proptest! {
        /// The step never contradicts what replay does by the same policy.
        #[test]
        fn the_schedule_sends_exactly_what_is_said_to_come_back_and_not_before_that_time(
            policy in policies(), error_type in types(), coded in any::<bool>(), deaths in 1_u32..7,
        ) {
            let letter = waiting(&policy, error_type, coded.then_some("currency"), deaths);
            let known = KeyStatus {
                kept: true, retention: Duration::from_secs(30 * 86_400), entry: true, effect: None, few_enqueues_left: None,
            };
            let run = |at: Timestamp| {
                let terms = ConsentTerms { named: false, due_by: at, forgotten_ok: false, as_new: false };
                consent(&letter, &known, terms, &policy, at) == Consent::Send
            };
            let far = NOW.after(Duration::from_secs(365 * 86_400));
            match NextStep::of(&Candidate::of(&letter), Some(&policy), false) {
                NextStep::Replay { at, replay, of } => {
                    prop_assert!(run(at), "sent at that time");
                    let before = Timestamp::from_millis(at.as_millis() - 1);
                    prop_assert!(!run(before), "and not before");
                    prop_assert!(of.is_some_and(|of| replay <= of), "within the policy's number");
                }
                NextStep::UsedUp { replays } => {
                    prop_assert!(!run(far));
                    let earlier = waiting(&policy, error_type, coded.then_some("currency"), replays);
                    let step = NextStep::of(&Candidate::of(&earlier), Some(&policy), false);
                    let last = matches!(step, NextStep::Replay { replay, of, .. } if of == Some(replay));
                    prop_assert!(last, "the last of them came before");
                }
                NextStep::Person => {
                    prop_assert!(!run(far));
                    let auto = matches!(policy.verdict(&letter.reason), Verdict::Auto { .. });
                    prop_assert!(!auto, "the schedule has no part in it");
                }
                other => prop_assert!(false, "a waiting letter is not {other:?}"),
            }
        }
    }

    #[test]
    fn the_ledgers_word_comes_before_the_letters_own() {
        let one = Candidate { status: Status::Replayed, ..Candidate::of(&samples::full()) };
        assert_eq!(NextStep::of(&one, None, false), NextStep::UnderWay);
        assert_eq!(NextStep::of(&one, None, true), NextStep::Done);
        let closed = Candidate { status: Status::Resolved, ..one };
        assert_eq!(NextStep::of(&closed, None, true), NextStep::Closed);
    }

    #[test]
    fn counts_are_told_by_who_acts_and_the_first_replay_with_its_number() {
        let mut counts = StepCounts::default();
        assert!(counts.words(NOW).is_empty() && counts.brief(NOW).is_empty());
        let at = |seconds| NOW.after(Duration::from_secs(seconds));
        counts.add(NextStep::Person, 1);
        counts.add(NextStep::Replay { at: at(600), replay: 2, of: Some(3) }, 1);
        assert_eq!(counts.words(NOW), ["1 waits for a person", "1 comes back by itself, in 10m (replay 2 of 3)"]);
        assert_eq!(counts.brief(NOW), "1 waits for a person · 1 comes back in 10m");
        let mut more = StepCounts::default();
        more.add(NextStep::Replay { at: at(60), replay: 1, of: Some(3) }, 1);
        more.add(NextStep::UsedUp { replays: 3 }, 1);
        more.add(NextStep::Done, 1);
        counts.join(&more);
        let words = counts.words(NOW);
        assert_eq!(words[1], "1 used up its replays");
        assert_eq!(words[2], "2 come back by themselves, the first in 1m (replay 1 of 3)");
        assert_eq!(words[3], "1 is done by the ledger, not noted yet");
        assert_eq!(counts.json()["schedule"], 2);
    }

    proptest! {
        /// A summary keeps of each letter what its step follows from.
        #[test]
        fn letters_that_are_summed_up_have_the_steps_that_each_has_by_itself(
            policy in policies(), letters in prop::collection::vec((1_u32..7, 0_u64..900, any::<bool>()), 1..20),
        ) {
            let mut sum: Option<WaitingCause> = None;
            let mut each = StepCounts::default();
            for (deaths, due, done) in letters {
                let mut one = Candidate::of(&waiting(&policy, ErrorType::Timeout, None, deaths));
                if one.due != Timestamp::NEVER {
                    one.due = NOW.after(Duration::from_secs(due));
                }
                each.add(NextStep::of(&one, Some(&policy), done), 1);
                let other = WaitingCause::of(&one, done);
                match &mut sum {
                    Some(sum) => sum.join(other, 10),
                    None => sum = Some(other),
                }
            }
            prop_assert_eq!(StepCounts::of(&sum.unwrap(), &Policies::only(policy)), each);
        }
    }
}
