//! Output of the command: to where, and in which form.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use serde_json::Value;

use crate::completion::Error;
use crate::text::{hanging, shown_json};

/// Width of a terminal that does not tell its own.
const WIDTH: usize = 80;
/// Columns for which output is set at the least.
const NARROWEST: usize = 40;

/// Time between two looks of a line that goes on.
const TICK: Duration = Duration::from_millis(200);

/// Time after which a person is told what takes so long.
const LONG: Duration = Duration::from_secs(2);
/// Columns of output that goes into a pipe or a file: nothing is cut there.
pub(crate) const UNCUT: usize = 100_000;

/// Columns that output is set for: as `COLUMNS` says, else as the terminal does. Into a pipe or a file everything is written whole.
fn width(columns: Option<&str>, terminal: Option<u16>, is_terminal: bool) -> usize {
    let wanted = columns.and_then(|columns| columns.trim().parse().ok()).filter(|columns| *columns > 0);
    let own = || if is_terminal { terminal.map_or(WIDTH, usize::from) } else { UNCUT };
    wanted.unwrap_or_else(own).max(NARROWEST)
}

/// The output of one command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// True for JSON instead of text: one document, or one a line.
    pub(crate) json: bool,
    /// Number of columns of the terminal.
    pub(crate) width: usize,
    /// True if a person looks at the output.
    pub(crate) is_terminal: bool,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        let terminal = Term::stdout();
        let columns = std::env::var("COLUMNS").ok();
        let width = width(columns.as_deref(), terminal.size_checked().map(|(_, columns)| columns), terminal.is_term());
        Self { json, width, is_terminal: terminal.is_term() }
    }

    /// Writes text. Headings, lines without a small letter, are bold where they are looked at and colours are wanted.
    pub(crate) fn text(&self, text: &str) -> Result<(), Error> {
        let mut to = io::stdout().lock();
        for line in text.split_inclusive('\n') {
            let heading = line.chars().any(char::is_uppercase) && !line.chars().any(char::is_lowercase);
            let styled = if heading { console::style(line).bold().to_string() } else { line.to_owned() };
            to.write_all(styled.as_bytes())?;
        }
        Ok(to.flush()?)
    }

    /// Writes bytes as they are.
    pub(crate) fn exact(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut to = io::stdout().lock();
        to.write_all(bytes)?;
        Ok(to.flush()?)
    }

    /// Writes one document in a line of its own.
    pub(crate) fn line(&self, document: &Value) -> Result<(), Error> {
        self.exact(shown_json(&format!("{document}\n")).as_bytes())
    }

    /// Writes the one document, or the text, whichever is wanted.
    pub(crate) fn either(
        &self,
        document: impl FnOnce() -> Value,
        text: impl FnOnce(usize) -> String,
    ) -> Result<(), Error> {
        if self.json {
            self.exact(shown_json(&format!("{:#}\n", document())).as_bytes())
        } else {
            self.text(&text(self.width))
        }
    }
}

/// Says something to the person beside the output.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{}\n", set(text)).as_bytes());
}

/// Waits for a look, and says so to the person once it takes long.
pub(crate) async fn patiently<T>(look: impl Future<Output = T>) -> T {
    let mut look = std::pin::pin!(look);
    if let Ok(found) = tokio::time::timeout(LONG, &mut look).await {
        return found;
    }
    say("Reading the letters that fit; nothing is changed yet.");
    look.await
}

/// A text in lines that fit the terminal that it is said at: a terminal itself breaks words.
fn set(text: &str) -> String {
    let Some((_, columns)) = Term::stderr().size_checked() else { return text.to_owned() };
    let hung = text.lines().map(|line| hanging(line, 2, usize::from(columns).max(NARROWEST)));
    hung.collect::<String>().trim_end().to_owned()
}

/// Makes a progress bar, beside the output; hidden where nobody looks at it.
pub(crate) fn bar(out: Out) -> ProgressBar {
    let target = if out.is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed}\n{msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    ProgressBar::with_draw_target(None, target).with_style(style)
}

/// Makes a line that tells how many letters were read, beside the output; hidden where nobody looks at it, and gone at its end.
pub(crate) fn reading(out: Out) -> ProgressBar {
    let target = if out.is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{spinner} {human_pos} letters read, {elapsed}\n{msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    let line = ProgressBar::with_draw_target(None, target).with_style(style).with_finish(ProgressFinish::AndClear);
    if out.is_terminal {
        line.enable_steady_tick(TICK);
    }
    line
}

/// Returns true if a person can be asked.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a yes-or-no question; anything but yes is no.
pub(crate) fn ask(question: &str) -> Result<bool, Error> {
    let mut to = io::stderr().lock();
    to.write_all(format!("{} ", set(&format!("{question} [y/N]"))).as_bytes())?;
    to.flush()?;
    // What was typed before the question was there answers something else.
    #[cfg(unix)]
    let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_looks_at_is_never_cut_and_columns_is_heeded() {
        assert_eq!(width(None, Some(132), true), 132);
        assert_eq!(width(None, None, true), WIDTH);
        assert_eq!(width(None, None, false), UNCUT);
        assert_eq!(width(Some("100"), Some(132), true), 100);
        assert_eq!(width(Some("100"), None, false), 100);
        assert_eq!(width(Some("3"), None, false), NARROWEST);
        for nonsense in ["", "0", "wide", "-1"] {
            assert_eq!(width(Some(nonsense), None, false), UNCUT, "{nonsense}");
        }
    }
}
