//! An error's text without what differs from one letter to the next.
//!
//! A scanner, not a set of patterns: one pass from left to right, linear in the text. What it writes it would read
//! again as the same, so a text that was normalised once stays as it is.

/// No more of a text is looked at, in bytes.
const READ: usize = 4_096;
/// The most bytes that are written. Much less than the 256 bytes of an error text that are kept: where such a text
/// was cut depends on how long the ids in it are, and what lies behind this must not matter.
const WRITTEN: usize = 120;
/// A longer word is data, in bytes.
const WORD: usize = 100;

const VALUE: &str = "#";
const QUOTED: &str = "\"…\"";
const PATH: &str = "/…";
const URL: &str = "://…";
const MAIL: &str = "@…";

/// A word with one of these ends is a type's name: its digits belong to it (`S3Exception`).
const TYPES: [&str; 4] = ["error", "exception", "fault", "timeout"];
/// Words that beside a number are a part of a date.
const DATES: &[&str] = &[
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "am",
    "pm",
];

/// The first line, in lower case, at most 120 bytes of it: ids, numbers, dates, UUIDs and hex become `#`, quoted text
/// `"…"`, what stands in square, curly or angle brackets `[…]`, the value of `key=value` `…`, and paths, URLs and
/// e-mail addresses `/…`, `://…` and `@…`. Of a Python traceback the last line counts, where the error stands.
#[must_use]
pub fn normalised(message: &str) -> String {
    let line = cut(telling_line(message), READ).to_lowercase();
    let mut scanner = Scanner { line: &line, at: 0, out: String::new(), full: false };
    while !scanner.full && scanner.at < line.len() {
        scanner.step();
    }
    let end = scanner.out.trim_end_matches([' ', '.', ',', ':', ';', '!', '?']).len();
    scanner.out.truncate(end);
    scanner.out
}

fn telling_line(message: &str) -> &str {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    match lines.next() {
        Some(first) if first.starts_with("Traceback (most recent call last)") => lines.next_back().unwrap_or(first),
        first => first.unwrap_or_default(),
    }
}

/// Cuts a text to at most `max` bytes, at a character.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

struct Scanner<'a> {
    line: &'a str,
    at: usize,
    out: String,
    full: bool,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        if first.is_whitespace() || first.is_control() {
            self.at += first.len_utf8();
            if !self.out.is_empty() && !self.out.ends_with(' ') {
                self.write(" ");
            }
        } else if first == '\'' && !opens_a_quote(&self.line[..self.at], rest) {
            self.at += 1;
            self.write("'");
        } else if let Some(close) = closing_quote(first) {
            self.at += quoted(rest, first, close);
            self.write(QUOTED);
        } else if let Some(held) = bracketed(rest) {
            self.at += held.bytes;
            self.write(held.token);
        } else if is_delimiter(first) {
            self.at += first.len_utf8();
            self.write(first.encode_utf8(&mut [0; 4]));
        } else {
            self.word();
        }
    }

    fn word(&mut self) {
        let rest = self.rest();
        let mut run = &rest[..word_end(rest)];
        if run.contains("://") {
            // Its query belongs to it.
            run = &rest[..rest.find(|c: char| c.is_whitespace() || "\"'`<>)]}".contains(c)).unwrap_or(rest.len())];
        }
        let trail = run.len() - run.trim_end_matches(['.', ':', '!', '?']).len();
        let (word, trail) = run.split_at(run.len() - trail);
        self.at += run.len();
        match kind(word) {
            WordKind::Plain if DATES.contains(&word) && self.after_value().is_some() => self.value(),
            WordKind::Plain => self.write(word),
            WordKind::Value => self.value(),
            WordKind::Is(token) => {
                self.write(token);
                // Its dots and colons belong to it.
                return self.assigned();
            }
        }
        self.write(trail);
        self.assigned();
    }

    /// The value of `key=value`, if one follows.
    fn assigned(&mut self) {
        let rest = self.rest();
        let Some(value) = rest.strip_prefix('=') else { return };
        let Some(first) = value.chars().next().filter(|c| !c.is_whitespace() && !matches!(c, '=' | '>')) else {
            return;
        };
        let held = match closing_quote(first) {
            Some(close) => quoted(value, first, close),
            None => bracketed(value).map_or(0, |held| held.bytes),
        };
        let after = &value[held..];
        let more = after.find(|c: char| c.is_whitespace() || ",;)]}>&|\"".contains(c)).unwrap_or(after.len());
        if held + more == 0 {
            return;
        }
        self.at += 1 + held + more;
        self.write("=…");
    }

    /// Writes `#`, once for all the values that stand together, with the parts of a date between them.
    fn value(&mut self) {
        loop {
            if let Some(end) = self.after_value() {
                self.out.truncate(end);
                return;
            }
            let before = self.out.trim_end_matches(is_between);
            let start = before.rfind(is_delimiter).map_or(0, |at| at + last_len(before, at));
            if !DATES.contains(&&before[start..]) {
                break;
            }
            self.out.truncate(start);
        }
        self.write(VALUE);
    }

    /// Returns the end of the last value written, if only punctuation follows it.
    fn after_value(&self) -> Option<usize> {
        let before = self.out.trim_end_matches(is_between);
        before.ends_with(VALUE).then_some(before.len())
    }

    fn write(&mut self, token: &str) {
        if self.out.len() + token.len() > WRITTEN {
            self.full = true;
        }
        if !self.full {
            self.out.push_str(token);
        }
    }
}

fn last_len(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// Returns true for characters that may stand between two numbers of one date, list or range.
const fn is_between(c: char) -> bool {
    matches!(c, ' ' | ',' | ';' | ':' | '.' | '-' | '+' | '|' | '&' | '!' | '?')
}

const fn closing_quote(open: char) -> Option<char> {
    match open {
        '"' | '\'' | '`' => Some(open),
        '“' | '„' => Some('”'),
        '‘' => Some('’'),
        '«' => Some('»'),
        _ => None,
    }
}

/// Returns the length in bytes of the quoted text at the start, quotes included. A text without a closing quote was
/// cut: all the rest is data.
fn quoted(text: &str, open: char, close: char) -> usize {
    let mut escaped = false;
    let mut inner = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = inner.next() {
        // An apostrophe in quoted text ends nothing.
        let apostrophe = open == '\'' && inner.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if (c == close || open == '„' && c == '“') && !apostrophe {
            return at + c.len_utf8();
        }
    }
    text.len()
}

struct Held {
    bytes: usize,
    token: &'static str,
}

/// Text in brackets at the beginning. Without an end it was cut: the rest is data.
fn bracketed(text: &str) -> Option<Held> {
    let (open, close, token) = match text.chars().next()? {
        '[' => ('[', ']', "[…]"),
        '{' => ('{', '}', "{…}"),
        // Else it is a comparison or an arrow.
        '<' if !text[1..].starts_with([' ', '=', '<']) => ('<', '>', "<…>"),
        _ => return None,
    };
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        // Angles do not nest: one of them may be a comparison.
        if c == open && (open != '<' || at == 0) {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(Held { bytes: at + 1, token });
            }
        }
    }
    // A lonely angle is a comparison.
    (open != '<').then_some(Held { bytes: text.len(), token })
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || c.is_control() || ",;|&()[]{}<>=\"`“”„‘«»".contains(c)
}

/// Returns the end of the word at the start. An apostrophe between letters is a part of the word.
fn word_end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let between = |kind: fn(char) -> bool| text[..at].ends_with(kind) && next.is_some_and(kind);
        let ends = match c {
            '\'' => !between(char::is_alphanumeric) || is_prefix(&text[..at]),
            ',' => !between(char::is_numeric),
            _ => is_delimiter(c),
        };
        if ends {
            return at;
        }
    }
    text.len()
}

/// Returns true if the single quote at the start of `rest` opens quoted text. A quote that ends a word (`users'`) does
/// not.
fn opens_a_quote(before: &str, rest: &str) -> bool {
    let word = before.rfind(|c| is_delimiter(c) || c == '\'').map_or(before, |at| &before[at + last_len(before, at)..]);
    let apart = !before.ends_with(|c: char| c.is_alphanumeric() || c == '#' || c == '…') || is_prefix(word);
    apart && rest[1..].chars().next().is_some_and(|next| !next.is_whitespace())
}

/// Returns true for prefixes that some languages write before a string: b'…', u'…'.
fn is_prefix(word: &str) -> bool {
    matches!(word, "b" | "u" | "r" | "f" | "n" | "rb" | "br")
}

enum WordKind {
    Plain,
    Value,
    Is(&'static str),
}

fn kind(word: &str) -> WordKind {
    let digits = word.contains(char::is_numeric);
    let of_a_date = |c: char| c.is_numeric() || "/.:,-+tz".contains(c);
    if matches!(word, VALUE | PATH | URL | MAIL | "…") {
        WordKind::Plain
    } else if word.ends_with('…') {
        // The text was cut in this word: how much of it is left depends on what stands before it.
        WordKind::Is("…")
    } else if word.contains("://") {
        WordKind::Is(URL)
    } else if digits && !word.starts_with(['/', '.']) && word.chars().all(of_a_date) {
        WordKind::Value
    } else if word.len() <= WORD && TYPES.iter().any(|end| word.ends_with(end)) && !word.contains(['/', '@', '\\']) {
        WordKind::Plain
    } else if word.find('@').is_some_and(|at| at > 0 && at + 1 < word.len()) {
        WordKind::Is(MAIL)
    } else if is_path(word) {
        WordKind::Is(PATH)
    } else if digits || word.len() > WORD || word.starts_with("arn:") || is_hex(word) {
        WordKind::Value
    } else {
        WordKind::Plain
    }
}

/// `i/o`, `n/a` and `and/or` are words.
fn is_path(word: &str) -> bool {
    if !word.contains(['/', '\\']) {
        return false;
    }
    let parts: Vec<_> = word.split(['/', '\\']).collect();
    !(parts.len() == 2
        && parts.iter().all(|part| (1..=3).contains(&part.len()) && part.chars().all(char::is_alphabetic)))
}

/// Eight letters or more that are all hexadecimal are no word of any language.
fn is_hex(word: &str) -> bool {
    let hex = word.strip_prefix("0x").unwrap_or(word);
    hex.len() >= 8
        && hex.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        && hex.bytes().any(|b| b.is_ascii_hexdigit())
}
