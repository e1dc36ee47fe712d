//! A payload as a person reads it.

use redrive_core::json::{Document, NotJson, Twice};
use serde::de::IgnoredAny;

use crate::text::shown;

/// Limit of lines of a payload that are shown.
const LINES: usize = 200;
/// Limit of bytes of a payload that are shown.
const BYTES: usize = 16 * 1024;

/// Returns the lines of a payload, with everything escaped that must be, and the number of bytes left out. JSON is set
/// in lines, token by token as it is: numbers, order and repeated names stay what they were.
pub fn lines_of(payload: &str) -> (Vec<String>, usize) {
    let mut end = payload.len().min(BYTES);
    while !payload.is_char_boundary(end) {
        end -= 1;
    }
    let head = &payload[..end];
    let json = payload.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(payload).is_ok();
    let mut lines: Vec<String> = if json { indented(head) } else { head.split('\n').map(str::to_owned).collect() };
    let mut more = payload.len() - end;
    if lines.len() > LINES {
        more += lines.drain(LINES..).map(|line| line.trim_start().len()).sum::<usize>();
    }
    (lines.iter().map(|line| shown(line)).collect(), more)
}

/// Returns a remark on what a reader of JSON stumbles over, if anything. Whoever reads the payload may read its names.
pub fn remark(payload: &str) -> Option<String> {
    match payload.parse::<Document>() {
        Ok(Document { twice: Some(Twice { name, line, column }), .. }) => {
            let name = shown(&format!("{name:?}"));
            Some(format!("… has the name {name} twice, again at line {line}, column {column}"))
        }
        Ok(document) => document.json.is_encoded_twice().then(|| "… is a JSON string that contains JSON".to_owned()),
        // Whoever looks at it sees that.
        Err(NotJson::Syntax(_)) => None,
        Err(why) => Some(format!("… {why}")),
    }
}

/// Valid JSON, or the beginning of it, in lines.
fn indented(json: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut depth, mut quoted, mut escaped, mut before) = (0_usize, false, false, ' ');
    for c in json.chars() {
        if quoted {
            push(&mut lines, c);
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            before = c;
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => continue,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !matches!((before, c), ('{', '}') | ('[', ']')) {
                    lines.push("  ".repeat(depth));
                }
            }
            _ if matches!(before, '{' | '[' | ',') => lines.push("  ".repeat(depth)),
            _ => {}
        }
        push(&mut lines, c);
        match c {
            '{' | '[' => depth += 1,
            ':' => push(&mut lines, ' '),
            '"' => quoted = true,
            _ => {}
        }
        before = c;
    }
    lines
}

fn push(lines: &mut [String], c: char) {
    if let Some(line) = lines.last_mut() {
        line.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_set_in_lines_and_nothing_of_it_is_changed() {
        let (lines, more) =
            lines_of(r#"{"b":1.0e400,"a":[],"s":"{\",[\\","b": 12345678901234567890123, "l":[1,{"x":{}}]}"#);
        let expected = [
            "{",
            "  \"b\": 1.0e400,",
            "  \"a\": [],",
            "  \"s\": \"{\\\",[\\\\\",",
            "  \"b\": 12345678901234567890123,",
            "  \"l\": [",
            "    1,",
            "    {",
            "      \"x\": {}",
            "    }",
            "  ]",
            "}",
        ];
        assert_eq!((lines, more), (expected.map(str::to_owned).to_vec(), 0));
    }

    #[test]
    fn what_is_no_json_is_shown_in_its_lines_with_controls_escaped() {
        assert_eq!(lines_of("a\u{1b}c\nno { json"), (vec!["a\\u{1b}c".to_owned(), "no { json".to_owned()], 0));
        assert_eq!(lines_of(""), (vec![String::new()], 0));
    }

    #[test]
    fn what_a_reader_of_json_stumbles_over_is_named() {
        let twice = remark(r#"{"a":1,"b\u001b":2,"b\u001b":3}"#).unwrap();
        assert!(
            twice.starts_with("… has the name \"b") && twice.ends_with("twice, again at line 1, column 30"),
            "{twice}"
        );
        assert!(!twice.contains('\u{1b}'));
        assert_eq!(remark(r#""{\"a\":1}""#).as_deref(), Some("… is a JSON string that contains JSON"));
        assert!(remark("\u{feff}{}").unwrap().contains("byte order mark"));
        assert!(remark(r#"{"a":1}"#).is_none() && remark("no json").is_none());
    }

    #[test]
    fn a_long_payload_is_cut_and_says_how_much_is_missing() {
        let long = "ü".repeat(BYTES);
        let (lines, more) = lines_of(&long);
        assert_eq!(lines.concat().len() + more, long.len());
        let (lines, more) = lines_of(&"x\n".repeat(1_000));
        assert_eq!((lines.len(), more > 0), (LINES, true));
    }
}
