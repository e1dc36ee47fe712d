//! Texts of messages made harmless and visible for a page.

use std::fmt::{self, Write};

use askama::filters::HtmlSafe;

/// Text that is HTML already: nothing of it came from a message unescaped.
///
/// A template prints this type as it is. Only [`ShownText::of`] and the makers of our own markup construct it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShownText(String);

impl ShownText {
    /// Escapes a text for HTML, and shows what a reader would not see or would be misled by: control characters and marks
    /// that turn the direction of writing.
    pub(crate) fn of(text: &str) -> Self {
        let mut html = String::with_capacity(text.len() + 16);
        push(&mut html, text);
        Self(html)
    }

    /// Takes markup that this crate has made.
    pub(crate) const fn markup(html: String) -> Self {
        Self(html)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a text, escaped and visible.
pub(crate) fn push(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ if is_hidden(c) => {
                let _ = write!(html, "<span class=\"ctl\">{}</span>", c.escape_default());
            }
            _ => html.push(c),
        }
    }
}

/// Returns true for a character that would be obeyed instead of shown.
fn is_hidden(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || unseen
}

impl fmt::Display for ShownText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for ShownText {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_neither_open_a_tag_nor_hide_nor_turn_what_stands_beside_it() {
        let hostile = "<script>alert(1)</script>\" onx='1' &amp; \u{1b}[31m \u{202e}evil\u{2066} \u{200b}\u{feff}\n";
        let html = ShownText::of(hostile).to_string();
        let ours = html.replace("<span class=\"ctl\">", "").replace("</span>", "");
        assert!(!ours.contains(['<', '>', '"', '\'']), "{ours}");
        assert!(!html.chars().any(is_hidden), "{html}");
        for visible in ["\\u{1b}", "\\u{202e}", "\\u{2066}", "\\u{200b}", "\\u{feff}", "\\n", "&amp;amp;"] {
            assert!(html.contains(visible), "{visible} is not in {html}");
        }
    }

    #[test]
    fn an_ordinary_text_stays_as_it_is() {
        for text in ["Currency CHF is not supported", "ägypten 短い 🚚 שלום", ""] {
            assert_eq!(ShownText::of(text).to_string(), text);
        }
    }
}
