//! Texts made fit for a terminal. What comes from a message may hold anything, a terminal's own commands included.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};
use redrive_core::time::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text with everything escaped that a terminal would obey instead of showing: control characters, and the marks that
/// turn the direction of writing or cannot be seen.
pub(crate) fn shown(text: &str) -> String {
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
pub(crate) fn shown_json(json: &str) -> String {
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

/// Cuts a text to this many columns, at a character, and marks the cut with an ellipsis.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > columns {
            break;
        }
        cut.push(c);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// A text in lines of at most so many columns, none of it lost. A word that a line has room for, such as an id, stays whole; a longer
/// one is broken where the line ends.
pub(crate) fn lines(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let (mut lines, mut line) = (Vec::new(), String::new());
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        let wide = c.width().unwrap_or(0);
        if taken + wide > columns {
            let space = line.rfind(' ').map(|at| at + 1).filter(|end| {
                let begun = &line[*end..];
                let rest = text[at..].chars().take(columns).take_while(|c| *c != ' ').collect::<String>();
                let is_whole = !begun.is_empty() && begun.width() + rest.width() <= columns;
                is_whole || line[..*end].width() * 2 > columns
            });
            let rest = space.map_or_else(String::new, |end| line.split_off(end));
            taken = rest.width();
            lines.push(std::mem::replace(&mut line, rest));
        }
        taken += wide;
        line.push(c);
    }
    lines.push(line);
    lines
}

/// Returns the indent under which a text stands: less than the wanted one where a word of it, such as an id, has room only so.
pub(crate) fn indent_for(text: &str, wanted: usize, width: usize) -> usize {
    let words = text.split(' ').map(UnicodeWidthStr::width);
    let longest = words.filter(|word| *word <= width).max().unwrap_or(0);
    wanted.min(width - longest)
}

/// A text under an indent, in lines of at most `width` columns.
pub(crate) fn indented(text: &str, wanted: usize, width: usize) -> String {
    let indent = indent_for(text, wanted, width);
    let lines = lines(text, width - indent);
    let lines = lines.iter().enumerate().map(|(n, line)| {
        // The space behind a word that ended with its line.
        let line = line.strip_prefix(' ').filter(|_| n > 0).unwrap_or(line);
        format!("{}\n", format!("{:indent$}{line}", "").trim_end())
    });
    lines.collect()
}

/// A value behind its name, in the column where all values begin. One that has no room there, such as an id on a narrow terminal,
/// stands under its name.
pub(crate) fn named(name: &str, value: &str, column: usize, width: usize) -> String {
    if indent_for(value, column, width) < column {
        return format!("  {name}\n{}", indented(value, 4, width));
    }
    let lines = lines(value, width - column);
    let lines = lines.iter().enumerate().map(|(n, line)| {
        let name = if n == 0 { name } else { "" };
        format!("{}\n", format!("  {name:<0$}{line}", column - 2).trim_end())
    });
    lines.collect()
}

/// Describes how long ago an instant was, or how soon it is, in the largest unit that has one of it.
pub(crate) fn ago(now: Timestamp, at: Timestamp) -> String {
    let span = |seconds: u64| match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    };
    if at == Timestamp::NEVER {
        "never".to_owned()
    } else if at > now {
        format!("in {}", span(at.since(now).as_secs()))
    } else {
        format!("{} ago", span(now.since(at).as_secs()))
    }
}

/// An instant in UTC, to the second.
pub(crate) fn instant(at: Timestamp) -> String {
    if at == Timestamp::NEVER {
        return "never".to_owned();
    }
    let text = at.to_rfc3339();
    format!("{}Z", text.get(..19).unwrap_or(&text).replace('T', " "))
}

/// The name of a queue, of its ARN or URL.
pub(crate) fn queue_name(queue: &str) -> &str {
    queue.rsplit([':', '/']).next().unwrap_or(queue)
}

/// Formats a number with its noun, singular or plural.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// A line of a report, in more lines if need be; those after the first begin `hang` columns further in.
pub(crate) fn hanging(line: &str, hang: usize, width: usize) -> String {
    if line.width() <= width {
        return format!("{line}\n");
    }
    let rest = line.trim_start_matches(' ');
    let wanted = line.len() - rest.len();
    let indent = indent_for(rest, wanted, width);
    let first = lines(rest, width - indent).swap_remove(0);
    let more = &rest[first.len()..];
    let under = if more.is_empty() { String::new() } else { indented(more, wanted + hang, width) };
    format!("{:indent$}{}\n{under}", "", first.trim_end())
}

/// Returns the words for the name of a count in JSON. One name is older than the word that it means now, and scripts read it.
pub(crate) fn words(name: &str) -> String {
    if name == "too_many_lives" { "too many dead enqueues".to_owned() } else { name.replace('_', " ") }
}

/// A count in a report, and what was counted.
pub(crate) fn counted(n: u64, words: &str, width: usize) -> String {
    const WORDS: usize = 9;
    let mut text = String::new();
    for (place, line) in lines(&shown(words), width.saturating_sub(WORDS)).iter().enumerate() {
        let n = if place == 0 { n.to_string() } else { String::new() };
        let _ = writeln!(text, "{n:>7}  {}", line.trim_end());
    }
    text
}

/// Columns of a table's last cell that are shown at the least.
const LAST: usize = 8;

/// A row of a table as named values, as many to a line as fit. The last one is cut, as in a table.
pub(crate) fn stacked(head: &[&str], row: &[String], width: usize) -> String {
    let (mut text, mut line) = (String::new(), String::new());
    for (n, (name, cell)) in head.iter().zip(row).enumerate().filter(|(_, (_, cell))| !cell.trim().is_empty()) {
        let pair = format!("{} {}", name.trim(), cell.trim());
        if !line.is_empty() && line.width() + 2 + pair.width() > width {
            text.push_str(&hanging(&line, 2, width));
            line.clear();
        }
        let indent = if text.is_empty() { "" } else { "  " };
        let room = width.saturating_sub(indent.len());
        let pair = if n + 1 == head.len() { fit(&pair, room) } else { pair };
        line.push_str(if line.is_empty() { indent } else { "  " });
        line.push_str(&pair);
    }
    text + &hanging(&line, 0, width)
}

/// A table of columns with two spaces between them, no wider than `width`: the last column, whatever it is, is cut. Where there is
/// no room for the others, each row is a few lines of named values, so that no number and no id is cut.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let (head, rows) = table_rows(head, rows, width);
    head.into_iter().chain(rows).collect()
}

/// The same with its head, if it has one, apart from its rows.
pub(crate) fn table_rows(head: &[&str], rows: &[Vec<String>], width: usize) -> (Option<String>, Vec<String>) {
    let columns = head.len();
    let widest = |n: usize| {
        rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.width()).max().unwrap_or(0).max(head[n].width())
    };
    let others: usize = (0..columns.saturating_sub(1)).map(|n| widest(n) + 2).sum();
    if others + LAST > width {
        return (None, rows.iter().map(|row| stacked(head, row, width)).collect());
    }
    let last = width.saturating_sub(others).max(LAST);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let cut = |row: Vec<String>| {
        row.into_iter()
            .enumerate()
            .map(|(n, cell)| if n + 1 == columns { fit(&cell, last) } else { cell })
            .collect::<Vec<_>>()
    };
    table.set_header(cut(head.iter().map(|name| (*name).to_owned()).collect()));
    rows.iter().for_each(|row| {
        table.add_row(cut(row.clone()));
    });
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let text = table.to_string();
    let mut lines = text.lines().map(|line| format!("{}\n", fit(line.trim_end(), width)));
    (lines.next(), lines.collect())
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
    fn a_cut_never_splits_a_character_nor_passes_the_width() {
        for text in ["Currency CHF is not supported", "ägypten — ünïcode", "🚚🚚🚚🚚🚚", "短い文字列です", ""]
        {
            for columns in 0..40 {
                let cut = fit(text, columns);
                assert!(cut.width() <= columns, "{cut:?} has more than {columns} columns");
                assert_eq!(cut == text, text.width() <= columns, "{cut:?}");
            }
            assert_eq!(lines(text, 7).concat(), text, "nothing of it is lost");
            assert!(lines(text, 7).iter().all(|line| line.width() <= 7));
        }
    }

    #[test]
    fn a_word_that_has_room_in_a_line_is_not_broken() {
        let id = "4f288ddb-bee5-5761-b732-cb895e5547b3";
        assert_eq!(lines(&format!("Letter {id} is PENDING"), 40), ["Letter ", &format!("{id} is "), "PENDING"]);
        assert_eq!(lines(&format!("LETTERS 37  ID {id}"), 40), ["LETTERS 37  ID ", id]);
        assert_eq!(indented(&format!("message {id}: dead"), 6, 40), format!("   message\n   {id}:\n   dead\n"));
        assert_eq!(hanging(&format!("         {id}"), 2, 40), format!("    {id}\n"));
        assert_eq!(lines(id, 30).concat(), id, "without room it is broken, and nothing of it is lost");
    }

    #[test]
    fn named_values_keep_a_long_id_whole() {
        let id = "4f288ddb-bee5-5761-b732-cb895e5547b3";
        let row = ["37".to_owned(), id.to_owned(), "1234567".to_owned()];
        let told = stacked(&["LETTERS", "REQUEST", "BYTES"], &row, 40);
        assert_eq!(told, format!("LETTERS 37\n  REQUEST\n    {id}\n  BYTES 1234567\n"));
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

    #[test]
    fn a_table_is_cut_in_its_last_column() {
        let rows = [vec!["1".to_owned(), "a long text that does not fit".to_owned()]];
        assert_eq!(table(&["N", "TEXT"], &rows, 20), "N  TEXT\n1  a long text that…\n");
    }

    #[test]
    fn a_table_without_room_for_its_columns_is_named_values() {
        let row = ["orders-of-a-long-name", "  12", "", "a text that is long"].map(str::to_owned).to_vec();
        let told = table(&["QUEUE", "SEEN", "MORE", "TEXT"], &[row], 30);
        assert_eq!(told, "QUEUE orders-of-a-long-name\n  SEEN 12\n  TEXT a text that is long\n");
    }

    #[test]
    fn a_line_that_does_not_fit_hangs_and_loses_no_word() {
        assert_eq!(hanging("  Not configured: a queue of yours", 2, 24), "  Not configured: a\n    queue of yours\n");
        assert_eq!(hanging("short", 2, 26), "short\n");
        assert_eq!(counted(3, "are there already, and left", 26), "      3  are there\n         already, and left\n");
    }
}
