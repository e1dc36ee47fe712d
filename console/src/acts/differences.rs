//! Differences that an edit makes, line by line, and what became of the key.

use std::fmt::Write;

use redrive_core::letters::letter::Letter;
use redrive_core::message::wrapping::Wrapping;
use redrive_core::replay::Edit;
use redrive_operator::payload;
use similar::{ChangeTag, TextDiff};

use crate::shown_text::{self, ShownText};

/// Number of equal lines around a difference.
const AROUND: usize = 3;
/// Limit of lines that are shown.
const LINES: usize = 400;

/// A letter, and what an edit makes of its body.
pub(crate) struct Difference {
    pub(crate) letter: String,
    pub(crate) key: ShownText,
    pub(crate) lines: ShownText,
    /// Reason for which there is no other body.
    pub(crate) refused: Option<ShownText>,
    /// True if only the beginning was compared.
    pub(crate) is_cut: bool,
}

impl Difference {
    pub(crate) fn of(letter: &Letter, edit: &Edit, wrapping: Wrapping) -> Self {
        let before = letter.payload_now();
        let after = edit.apply_to(letter, wrapping);
        // A patch writes the content anew: what only moves by that is no difference.
        let anew = |text: &str| {
            let content = matches!(edit, Edit::Patch(_)).then(|| wrapping.written_anew(text)).flatten();
            content.unwrap_or_else(|| text.to_owned())
        };
        let ((old, cut), (new, cut_too)) = match &after {
            Ok(after) => (payload::lines_of(&anew(before)), payload::lines_of(&anew(after))),
            Err(_) => Default::default(),
        };
        Self {
            letter: letter.id.to_string(),
            key: ShownText::of(letter.key.as_ref().map_or("no key", |key| key.as_str())),
            lines: lines(&old, &new),
            refused: after.err().map(|why| ShownText::of(&why.to_string())),
            is_cut: cut + cut_too > 0,
        }
    }
}

fn lines(old: &[String], new: &[String]) -> ShownText {
    let (old, new): (Vec<_>, Vec<_>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&old, &new);
    let mut html = String::new();
    let mut lines = 0;
    for (n, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if n > 0 {
            html.push_str("<span class=\"line\">…</span>");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)).take(LINES) {
            let (class, sign) = match change.tag() {
                ChangeTag::Delete => (" minus", "- "),
                ChangeTag::Insert => (" plus", "+ "),
                ChangeTag::Equal => ("", "  "),
            };
            let _ = write!(html, "<span class=\"line{class}\">{sign}");
            shown_text::push(&mut html, change.value());
            html.push_str("</span>");
            lines += 1;
        }
    }
    if lines == 0 {
        html.push_str("<span class=\"line\">no difference</span>");
    }
    ShownText::markup(html)
}
