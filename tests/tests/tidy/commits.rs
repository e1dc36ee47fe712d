//! Holds the subjects of commits to one line of a log.

use std::process::Command;

use super::root;

/// Longest subject in characters, as git's own tools show it whole.
const LONGEST: usize = 72;

/// Time from which the rule holds: older commits stay as they are.
const SINCE: &str = "2026-11-29T18:00:00Z";

/// Returns the subjects that are too long, each with its length.
fn too_long(log: &str) -> Vec<String> {
    let lengths = log.lines().map(|subject| (subject, subject.chars().count()));
    lengths.filter(|(_, length)| *length > LONGEST).map(|(subject, length)| format!("{length}: {subject}")).collect()
}

/// Reads the subjects since then, merges apart; `None` where there is no history, as in a source archive.
fn subjects() -> Option<String> {
    let log = ["log", "--no-merges", "--format=%s", "--since", SINCE];
    let output = Command::new("git").arg("-C").arg(root()).args(log).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn subjects_of_commits_fit_a_line() {
    let Some(log) = subjects() else {
        eprintln!("no history here: subjects of commits are not checked");
        return;
    };
    eprintln!("{} subjects of commits since {SINCE} are checked", log.lines().count());
    let wrong = too_long(&log);
    assert!(wrong.is_empty(), "subjects of more than {LONGEST} characters:\n{}", wrong.join("\n"));
}

#[test]
fn a_subject_of_73_characters_is_too_long_and_one_of_72_is_not() {
    let (fits, long) = ("é".repeat(72), "é".repeat(73));
    assert_eq!(too_long(&format!("{fits}\n{long}\n")), [format!("73: {long}")]);
}
