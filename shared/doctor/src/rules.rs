//! The rules. Each is a function of what was seen, and says nothing, what is wrong, or that it cannot know.

mod ages;
mod alarms;
mod consumers;
mod depth;
mod functions;
mod judging;
mod list;
mod queues;
mod wording;

pub(super) use judging::Check;
pub use list::RULES;

use std::collections::{BTreeMap, BTreeSet};

use super::deployment::Deployment;

/// The last part of an ARN.
fn name(arn: &str) -> &str {
    super::deployment::name_of(arn)
}

impl Deployment {
    /// The topics that alarms of these queues and functions publish to, each with the ARNs of those alarms.
    #[must_use]
    pub fn topics_of_alarms(&self) -> BTreeMap<String, BTreeSet<String>> {
        let Ok(alarms) = &self.alarms else { return BTreeMap::new() };
        alarms::topics(&judging::concerned(self, alarms), alarms)
    }
}
