//! List of every rule, with its reason and source.

mod alarms;
mod consumers;
mod ours;
mod pairs;

use crate::Rule;

const COUNT: usize = pairs::RULES.len() + consumers::RULES.len() + alarms::RULES.len() + ours::RULES.len();

/// List of all rules, by what they look at.
pub static RULES: [&Rule; COUNT] = {
    static GROUPS: [&[Rule]; 4] = [&pairs::RULES, &consumers::RULES, &alarms::RULES, &ours::RULES];
    let mut all = [&GROUPS[0][0]; COUNT];
    let (mut group, mut n) = (0, 0);
    while group < GROUPS.len() {
        let mut at = 0;
        while at < GROUPS[group].len() {
            all[n] = &GROUPS[group][at];
            (at, n) = (at + 1, n + 1);
        }
        group += 1;
    }
    all
};
