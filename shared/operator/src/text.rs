//! Words for people: times, names and counts, and texts made fit to be shown. What comes from a message may hold anything, a
//! terminal's own commands included.

use std::fmt::Write;
use std::time::Duration;

use redrive_core::time::Timestamp;

/// A text with everything escaped that a terminal would obey instead of showing: control characters, and the marks that
/// turn the direction of writing or cannot be seen.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON as it is, with the same characters written as JSON's escapes: whoever parses it sees no difference.
pub fn shown_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        // They stand in texts only, and a line's end between documents.
        if is_obeyed(c) && c != '\n' {
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

fn is_obeyed(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || unseen
}

/// Describes a time in the largest unit that has one of it.
pub fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Describes how long ago an instant was, or how soon it is, in the largest unit that has one of it.
pub fn ago(now: Timestamp, at: Timestamp) -> String {
    if at == Timestamp::NEVER {
        "never".to_owned()
    } else if at > now {
        format!("in {}", span(at.since(now)))
    } else {
        format!("{} ago", span(now.since(at)))
    }
}

/// An instant in UTC, to the second.
pub fn instant(at: Timestamp) -> String {
    if at == Timestamp::NEVER {
        return "never".to_owned();
    }
    let text = at.to_rfc3339();
    format!("{}Z", text.get(..19).unwrap_or(&text).replace('T', " "))
}

/// The name of a queue, of its ARN or URL.
pub fn queue_name(queue: &str) -> &str {
    queue.rsplit([':', '/']).next().unwrap_or(queue)
}

/// Formats a number with its noun, singular or plural.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Returns the words for the name of a count in JSON. One name is older than the word that it means now, and scripts read it.
pub fn words(name: &str) -> String {
    if name == "too_many_lives" { "too many dead enqueues".to_owned() } else { name.replace('_', " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        let text = "a\u{1b}[2J\u{7}b\r\n\t\u{9b}31m\u{202e}c\u{200b}d ünïcode 🚚";
        let told = shown(text);
        assert_eq!(told, "a\\u{1b}[2J\\u{7}b\\r\\n\\t\\u{9b}31m\\u{202e}c\\u{200b}d ünïcode 🚚");
        assert!(!told.chars().any(char::is_control));
    }

    #[test]
    fn json_says_the_same_and_a_terminal_obeys_nothing_of_it() {
        let value = serde_json::json!({"k\u{9b}": "a\u{1b}\u{7f}\u{9b}31m\u{202e}\u{feff} ünïcode 🚚 \\ \" \n"});
        for json in [format!("{value}\n"), format!("{value:#}\n")] {
            let told = shown_json(&json);
            assert!(told.lines().all(|line| shown(line) == line), "{told:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap(), value);
        }
    }

    #[test]
    fn a_time_is_told_in_the_largest_unit() {
        let at = Timestamp::from_millis;
        let now = at(1_000_000_000);
        for (then, told) in [
            (now.as_millis(), "0s ago"),
            (now.as_millis() - 59_999, "59s ago"),
            (now.as_millis() - 60_000, "1m ago"),
            (now.as_millis() - 47 * 3_600_000, "47h ago"),
            (now.as_millis() - 48 * 3_600_000, "2d ago"),
            (now.as_millis() + 90_000, "in 1m"),
        ] {
            assert_eq!(ago(now, at(then)), told);
        }
        assert_eq!(
            (ago(now, Timestamp::NEVER), instant(at(0))),
            ("never".to_owned(), "1970-01-01 00:00:00Z".to_owned())
        );
    }
}
