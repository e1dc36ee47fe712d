//! Numbers and times as findings say them.

pub(super) const DAY: u64 = 24 * 3_600;

/// A time in the unit that it is usually said in.
pub(super) fn time(seconds: u64) -> String {
    match seconds {
        s if s >= DAY && s % DAY == 0 => format!("{} d", s / DAY),
        s if s >= 3_600 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s >= 2 * DAY => format!("{} d", s / DAY),
        s if s >= 2 * 3_600 => format!("{} h", s / 3_600),
        s => format!("{s} s"),
    }
}

/// Formats a number with its noun, singular or plural.
pub(super) fn count(n: impl Into<u64>, one: &str) -> String {
    let n = n.into();
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}
