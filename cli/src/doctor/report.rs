//! Report of a diagnosis: the worst first, each finding with its mend, and what could not be checked at the end.

use std::collections::BTreeMap;
use std::fmt::Write;

use redrive_doctor::{Deployment, Diagnosis, Finding, Mend, NotChecked, Rule, Severity};
use serde_json::{Value, json};

use crate::text::{count, shown};

/// Content of the report.
pub(super) struct ReportContent<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) diagnosis: &'a Diagnosis,
    /// Number of rules that were asked for.
    pub(super) rules: usize,
}

const GROUPS: [(Severity, &str); 3] =
    [(Severity::Error, "ERRORS"), (Severity::Warning, "WARNINGS"), (Severity::Notice, "NOTICES")];

pub(super) fn rule_document(rule: &Rule) -> Value {
    json!({
        "rule": rule.id,
        "severity": rule.severity.as_str(),
        "says": rule.says,
        "reason": rule.reason,
        "source": rule.source,
        "mend": rule.mend,
    })
}

pub(super) fn document(content: &ReportContent<'_>) -> Value {
    let finding = |one: &Finding| {
        json!({
            "rule": one.rule.id,
            "severity": one.rule.severity.as_str(),
            "subject": one.subject,
            "what": one.what,
            "mend": {"command": command_line(&one.mend), "template": one.mend.template},
            "reason": one.rule.reason,
            "source": one.rule.source,
        })
    };
    let unchecked = |one: &NotChecked| json!({"rule": one.rule.id, "subject": one.subject, "why": one.why.to_string()});
    let number = |severity| content.diagnosis.count(severity);
    json!({
        "queues": queues(content.deployment),
        "functions": functions(content.deployment),
        "rules": content.rules,
        "errors": number(Severity::Error),
        "warnings": number(Severity::Warning),
        "notices": number(Severity::Notice),
        "findings": content.diagnosis.findings.iter().map(finding).collect::<Vec<_>>(),
        "not_checked": content.diagnosis.not_checked.iter().map(unchecked).collect::<Vec<_>>(),
    })
}

fn queues(deployment: &Deployment) -> Vec<String> {
    let queues = deployment.pairs.iter().flat_map(|pair| [Some(&pair.source), pair.dead.as_ref()]).flatten();
    let mut names: Vec<_> = queues.map(|queue| queue.name().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

fn functions(deployment: &Deployment) -> Vec<String> {
    let consumers = deployment.pairs.iter().flat_map(|pair| pair.consumers.iter().flatten());
    let ours = deployment.installation.iter().flat_map(|ours| [&ours.indexer, &ours.replay]);
    let mut names: Vec<_> = consumers.map(|one| &one.function).chain(ours).map(|one| one.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

pub(super) fn render(content: &ReportContent<'_>, width: usize) -> String {
    let mut text = String::new();
    for (severity, heading) in GROUPS {
        let number = content.diagnosis.count(severity);
        if number > 0 {
            let _ = writeln!(text, "{heading}: {number}");
            let of_it = content.diagnosis.findings.iter().filter(|finding| finding.rule.severity == severity);
            of_it.for_each(|finding| tell(&mut text, finding, width));
            text.push('\n');
        }
    }
    not_checked(&mut text, &content.diagnosis.not_checked, width);
    let number = |n: usize, one, many| count(n as u64, one, many);
    let looked = [
        number(queues(content.deployment).len(), "queue", "queues"),
        number(functions(content.deployment).len(), "function", "functions"),
        number(content.rules, "rule", "rules"),
    ];
    let [queues, functions, rules] = looked;
    let healthy = match (content.diagnosis.findings.is_empty(), content.diagnosis.not_checked.is_empty()) {
        (true, true) => ", and found nothing wrong",
        (true, false) => ", and found nothing wrong in what could be checked",
        (false, _) => "; `redrive doctor --explain RULE` says why",
    };
    indented(&mut text, "", &format!("Looked at {queues} and {functions} with {rules}{healthy}."), width);
    text
}

fn tell(text: &mut String, finding: &Finding, width: usize) {
    indented(text, "  ", &format!("{}: {}", finding.rule.id, finding.subject), width);
    indented(text, "    ", &finding.what, width);
    for (n, line) in command_lines(&finding.mend, width.saturating_sub(6)).iter().enumerate() {
        let prompt = if n == 0 { "$" } else { " " };
        let _ = writeln!(text, "    {prompt} {line}");
    }
    let word = if finding.mend.command.is_empty() { "mend: " } else { "or, in a template: " };
    indented(text, "    ", &format!("{word}{}", finding.mend.template), width);
}

/// Reports what could not be checked, by what hides it.
fn not_checked(text: &mut String, all: &[NotChecked], width: usize) {
    if all.is_empty() {
        return;
    }
    let mut hidden: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for one in all {
        hidden.entry((one.why.to_string(), &one.subject)).or_default().push(one.rule.id);
    }
    let mut alike: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((why, subject), rules) in &hidden {
        alike.entry((why, rules.clone())).or_default().push(subject);
    }
    let _ = writeln!(text, "NOT CHECKED: {}", all.len());
    for ((why, rules), subjects) in alike {
        indented(text, "  ", &format!("{}: {why}", subjects.join(", ")), width);
        indented(text, "    ", &rules.join(", "), width);
    }
    text.push('\n');
}

pub(super) fn explanation(rule: &Rule, width: usize) -> String {
    let mut text = format!("{} ({})\n", rule.id, rule.severity);
    indented(&mut text, "  ", &format!("{}.", rule.says), width);
    for (heading, value) in [("WHY", rule.reason), ("SOURCE", rule.source), ("MEND", rule.mend)] {
        let _ = writeln!(text, "\n{heading}");
        if value.contains(' ') {
            indented(&mut text, "  ", value, width);
        } else {
            // A link that is broken is no link.
            let _ = writeln!(text, "  {value}");
        }
    }
    text
}

fn indented(text: &mut String, indent: &str, value: &str, width: usize) {
    text.push_str(&crate::text::indented(&shown(value), indent.len(), width));
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:/.,@".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", shown(argument).replace('\'', r"'\''"))
    }
}

fn command_line(mend: &Mend) -> Option<String> {
    let line = mend.command.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

/// A command in lines that a shell takes for one, each option beside its value; a value that is longer stays whole.
fn command_lines(mend: &Mend, columns: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for argument in &mend.command {
        match words.last_mut().filter(|last| last.starts_with("--") && !last.contains(' ')) {
            Some(option) if !argument.starts_with("--") => {
                option.push(' ');
                option.push_str(&quoted(argument));
            }
            _ => words.push(quoted(argument)),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() + 2 <= columns => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(line) => {
                line.push_str(" \\");
                lines.push(format!("  {word}"));
            }
            None => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mend(arguments: &[&str]) -> Mend {
        Mend { command: arguments.iter().map(|one| (*one).to_owned()).collect(), template: String::new() }
    }

    #[test]
    fn a_command_is_broken_between_its_options_and_is_one_for_the_shell() {
        let mend = mend(&["aws", "sqs", "set", "--queue-url", "https://q", "--attributes", r#"{"A":"it's"}"#, "--on"]);
        let told = command_lines(&mend, 36);
        assert_eq!(told, ["aws sqs set --queue-url https://q \\", r#"  --attributes '{"A":"it'\''s"}' \"#, "  --on"]);
        let joined = told.join("\n").replace(" \\\n ", "");
        assert_eq!(command_line(&mend), Some(joined));
        assert_eq!(command_line(&Mend::default()), None);
    }
}
