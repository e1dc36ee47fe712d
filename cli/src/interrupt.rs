//! Ctrl-C: a text says what was done, what goes on by itself, and the command to look. Then the command ends as it would have.

use std::sync::{Mutex, PoisonError};

/// Text that is shown at an interruption: each step of a command writes what is true from then on.
static TEXT: Mutex<String> = Mutex::new(String::new());

/// Sets what is shown if the command is interrupted from now on.
pub(crate) fn explain(text: impl Into<String>) {
    *TEXT.lock().unwrap_or_else(PoisonError::into_inner) = text.into();
}

/// Waits for Ctrl-C beside the command, with a text for its beginning. Without the means for it, the command ends without a word, as
/// ever.
pub(crate) fn listen(text: impl Into<String>) {
    explain(text);
    #[cfg(unix)]
    wait();
}

#[cfg(unix)]
fn wait() {
    use signal_hook::consts::SIGINT;
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    let Ok(mut signals) = Signals::new([SIGINT]) else { return };
    std::thread::spawn(move || {
        for signal in &mut signals {
            let text = TEXT.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // Behind the ^C, or a bar.
            crate::out::say(&format!("\n{text}"));
            let _ = emulate_default_handler(signal);
        }
    });
}
