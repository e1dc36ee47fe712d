//! Texts set for a terminal: cut, broken into lines, in tables.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};
pub(crate) use redrive_operator::text::{ago, count, instant, queue_name, shown, shown_json, span, words};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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
