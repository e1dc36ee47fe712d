//! Bodies as a person reads them: JSON in lines with every digit as it was, and the key marked.

use std::fmt::Write;

use serde_json::value::RawValue;

use crate::shown_text::{self, ShownText};

/// Limit in bytes of what is shown of a body before somebody asks for all of it.
pub(crate) const SHOWN: usize = 48 * 1024;

/// A body, made fit for a page.
pub(crate) struct BodyView {
    /// Name of the text: the payload now, the payload at first, what a layer decodes to.
    pub(crate) title: String,
    /// Name of its element, for what copies it.
    pub(crate) id: String,
    /// Set in lines, where it is JSON.
    pub(crate) pretty: Option<ShownText>,
    /// Text as it came.
    pub(crate) raw: ShownText,
    pub(crate) bytes: usize,
    /// Bytes that are not shown.
    pub(crate) more: usize,
    /// Remark on anything that a reader of JSON stumbles over.
    pub(crate) remark: Option<ShownText>,
    /// Address of the whole of it, where it can be had.
    pub(crate) download: Option<String>,
}

impl BodyView {
    pub(crate) fn of(
        title: impl Into<String>,
        id: impl Into<String>,
        text: &str,
        key: Option<&str>,
        limit: usize,
    ) -> Self {
        let mut end = text.len().min(limit);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let is_json = text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(text).is_ok();
        let head = text.get(..end).unwrap_or_default();
        Self {
            title: title.into(),
            id: id.into(),
            pretty: is_json.then(|| pretty(head, key)),
            raw: raw(head, key),
            bytes: text.len(),
            more: text.len() - end,
            remark: redrive_operator::payload::remark(text).map(|remark| ShownText::of(&remark)),
            download: None,
        }
    }

    pub(crate) fn with_download(self, address: String) -> Self {
        Self { download: Some(address), ..self }
    }
}

/// Text as it came, its lines kept.
fn raw(text: &str, key: Option<&str>) -> ShownText {
    let mut html = String::with_capacity(text.len() * 2);
    let mut lines = text.split('\n');
    if let Some(first) = lines.next() {
        marked(&mut html, first, key);
    }
    for line in lines {
        html.push('\n');
        marked(&mut html, line, key);
    }
    ShownText::markup(html)
}

/// Appends a text; the key is marked wherever it stands between other characters than those of a longer word.
fn marked(html: &mut String, text: &str, key: Option<&str>) {
    let Some(key) = key.filter(|key| !key.is_empty()) else { return shown_text::push(html, text) };
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut from = 0;
    for (place, _) in text.match_indices(key) {
        let before = text.get(..place).and_then(|before| before.chars().next_back());
        let after = text.get(place + key.len()..).and_then(|after| after.chars().next());
        if place < from || before.is_some_and(in_word) || after.is_some_and(in_word) {
            continue;
        }
        shown_text::push(html, text.get(from..place).unwrap_or_default());
        html.push_str("<mark class=\"key\">");
        shown_text::push(html, key);
        html.push_str("</mark>");
        from = place + key.len();
    }
    shown_text::push(html, text.get(from..).unwrap_or_default());
}

/// JSON, or the beginning of it, in lines. Each token stays as it was: numbers, order and repeated names.
fn pretty(json: &str, key: Option<&str>) -> ShownText {
    let mut html = String::with_capacity(json.len() * 3);
    let (mut depth, mut before, mut rest) = (0_usize, ' ', json);
    while let Some(c) = rest.chars().next() {
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        if matches!(c, '}' | ']') {
            depth = depth.saturating_sub(1);
            if !matches!((before, c), ('{', '}') | ('[', ']')) {
                let _ = write!(html, "\n{:1$}", "", depth * 2);
            }
        } else if matches!(before, '{' | '[' | ',') {
            let _ = write!(html, "\n{:1$}", "", depth * 2);
        }
        let token = token(rest);
        rest = rest.get(token.len()..).unwrap_or_default();
        match c {
            '{' | '[' => depth += 1,
            ':' => {
                html.push_str(": ");
                before = c;
                continue;
            }
            _ => {}
        }
        let class = match c {
            '"' if rest.trim_start().starts_with(':') => "k",
            '"' => "s",
            '-' | '0'..='9' | 't' | 'f' | 'n' => "n",
            _ => "",
        };
        if class.is_empty() {
            html.push(c);
        } else {
            let _ = write!(html, "<span class=\"{class}\">");
            marked(&mut html, token, key.filter(|_| class != "k"));
            html.push_str("</span>");
        }
        before = c;
    }
    ShownText::markup(html)
}

/// The token with which a text of valid JSON begins.
fn token(text: &str) -> &str {
    let mut characters = text.char_indices();
    let end = match characters.next() {
        Some((_, '"')) => {
            let mut escaped = false;
            let close = characters.find(|(_, c)| {
                let closes = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            close.map_or(text.len(), |(place, _)| place + 1)
        }
        Some((_, '{' | '}' | '[' | ']' | ',' | ':')) => 1,
        Some(_) => text.find([',', '}', ']', ' ', '\n', '\r', '\t', ':']).unwrap_or(text.len()),
        None => 0,
    };
    text.get(..end.max(1)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(html: &ShownText) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in html.to_string().chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                _ if !inside => text.push(c),
                _ => {}
            }
        }
        text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }

    #[test]
    fn json_is_set_in_lines_and_every_digit_stays() {
        let json = r#"{"b":1.0e400,"a":[],"s":"{\",[<\\","n": 12345678901234567890123.10,"l":[1,{"x":{}},null]}"#;
        let view = BodyView::of("Payload", "body", json, None, SHOWN);
        let expected = "{\n  \"b\": 1.0e400,\n  \"a\": [],\n  \"s\": \"{\\\",[<\\\\\",\n  \"n\": 12345678901234567890123.10,\n  \"l\": [\n    1,\n    {\n      \"x\": {}\n    },\n    null\n  ]\n}";
        assert_eq!(plain(view.pretty.as_ref().unwrap()).trim_start_matches('\n'), expected);
        assert_eq!(plain(&view.raw), json);
    }

    #[test]
    fn the_key_is_marked_where_it_stands_alone_and_never_as_a_name() {
        let view = BodyView::of("", "", r#"{"o-1":"o-1","x":"o-12","y":"a o-1"}"#, Some("o-1"), SHOWN);
        let html = view.pretty.unwrap().to_string();
        assert_eq!(html.matches("<mark class=\"key\">o-1</mark>").count(), 2, "{html}");
    }

    #[test]
    fn markup_and_hidden_marks_in_a_body_are_only_shown() {
        let text = "{\"a\":\"<img src=x onerror=1>\u{202e}\"}";
        let view = BodyView::of("", "", text, Some("<img"), SHOWN);
        for html in [view.pretty.unwrap().to_string(), view.raw.to_string()] {
            assert!(!html.contains("<img") && html.contains("\\u{202e}"), "{html}");
        }
    }

    #[test]
    fn a_long_body_is_cut_at_a_character_and_says_how_much_is_missing() {
        let view = BodyView::of("", "", &"ü".repeat(SHOWN), None, SHOWN + 1);
        assert_eq!((view.bytes, view.more), (SHOWN * 2, SHOWN));
        let deep = "[".repeat(10_000);
        assert!(BodyView::of("", "", &deep, None, SHOWN).pretty.is_none(), "too deep to be JSON that anyone reads");
    }
}
