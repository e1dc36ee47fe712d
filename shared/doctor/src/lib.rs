//! Diagnosis of a deployment: rules over queues, consumers, alarms, topics and our own functions. The rules hold for
//! any queue pair with any consumer; those that need our processor, indexer or replay say nothing where there is none.
//!
//! | to read | about |
//! |---|---|
//! | `deployment.rs` | what is looked at, as plain facts, each either known or not |
//! | `rules.rs` | the list of the rules, with reason and source; `rules/` judges |
//! | `document.rs` | policy documents |
//! | `permissions.rs` | what each role must be allowed to do |
//! | `processor.rs`, `indexed.rs` | what a processor and an indexer of ours are told |
//!
//! A fact that could not be read makes every rule that needs it *not checked*: never healthy.

mod deployment;
mod document;
mod fact;
mod indexed;
mod permissions;
mod processor;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt;

pub use deployment::{
    Alarm, Alarms, Allow, Comparison, Composite, Consumer, DeadSource, Deployment, Doorbell, Encryption, ExaminedPair,
    Fact, Function, Installation, Metric, MoveTask, Mute, Permission, Queue, QueueAttributes, RedrivePolicy, Settings,
    Topic, TopicAttributes, TopicKey, Unread,
};
pub use document::PolicyDocument;
pub use indexed::Indexed;
pub use permissions::{Decision, consuming, indexing, replaying};
pub use processor::ProcessorSettings;
pub use rules::RULES;

use rules::Check;

/// Severity of a broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Messages are lost, stuck, run twice, or nobody is told.
    Error,
    /// The deployment works until something else goes wrong.
    Warning,
    /// The reader should know, and nothing need be done.
    Notice,
}

impl Severity {
    /// Returns the severity in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Rule that a deployment must keep.
#[derive(Debug)]
pub struct Rule {
    /// Name of the rule, which never changes.
    pub id: &'static str,
    /// Severity of a breach.
    pub severity: Severity,
    /// Sentence that says what must hold.
    pub says: &'static str,
    /// Reason for the rule.
    pub reason: &'static str,
    /// Source of the rule: a page of AWS's documentation, or of ours.
    pub source: &'static str,
    /// Advice for mending a breach.
    pub mend: &'static str,
    check: Check,
}

impl Rule {
    /// The rule of this name.
    #[must_use]
    pub fn named(id: &str) -> Option<&'static Self> {
        RULES.iter().copied().find(|rule| rule.id == id)
    }
}

/// Remedy for one finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mend {
    /// The arguments of a command; empty if no command does it.
    pub command: Vec<String>,
    /// Text to write in a template, or an action in words.
    pub template: String,
}

/// A rule that is broken.
#[derive(Debug)]
pub struct Finding {
    /// Rule that is broken.
    pub rule: &'static Rule,
    /// Name of the queue, function, alarm or topic that breaks it.
    pub subject: String,
    /// Values that break the rule.
    pub what: String,
    /// Remedy for this finding.
    pub mend: Mend,
}

/// A rule that could not be checked.
#[derive(Debug)]
pub struct NotChecked {
    /// Rule that could not be judged.
    pub rule: &'static Rule,
    /// Name of the queue, function, alarm or topic.
    pub subject: String,
    /// Reason for which the fact is not known.
    pub why: Unread,
}

/// Result of checking a set of rules.
#[derive(Debug, Default)]
pub struct Diagnosis {
    /// Findings, the most severe first.
    pub findings: Vec<Finding>,
    /// Rules that could not be judged, in their order.
    pub not_checked: Vec<NotChecked>,
}

impl Diagnosis {
    /// Checks these rules against a deployment.
    #[must_use]
    pub fn of(deployment: &Deployment, rules: &[&'static Rule]) -> Self {
        let mut all = Self::default();
        for rule in rules {
            rule.check.walk(deployment, &mut |subject: &str, answer| match answer {
                Ok(None) => {}
                Ok(Some(wrong)) => {
                    let (what, mend) = (wrong.what, wrong.mend);
                    // Two pairs may share a dead-letter queue, an alarm or a function.
                    let known = |one: &Finding| one.rule.id == rule.id && one.subject == subject && one.what == what;
                    if !all.findings.iter().any(known) {
                        all.findings.push(Finding { rule, subject: subject.to_owned(), what, mend });
                    }
                }
                Err(why) => {
                    let known = |one: &NotChecked| one.rule.id == rule.id && one.subject == subject && one.why == why;
                    if !all.not_checked.iter().any(known) {
                        all.not_checked.push(NotChecked { rule, subject: subject.to_owned(), why });
                    }
                }
            });
        }
        all.findings.sort_by_key(|finding| finding.rule.severity);
        all
    }

    /// Counts the findings of one severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.rule.severity == severity).count()
    }
}
