//! Which failures are one cause.

use sha2::{Digest, Sha256};

/// The name of a cause: the class and the handler's stable code; where there is no code, a hash of the message
/// with everything normalised away that differs from one letter to the next.
#[must_use]
pub fn fingerprint(error_type: &str, code: Option<&str>, message: &str) -> String {
    match code.filter(|code| !code.is_empty()) {
        Some(code) => format!("{error_type}/{code}"),
        None => {
            let hash: String =
                Sha256::digest(normalised(message).as_bytes()).iter().take(6).map(|b| format!("{b:02x}")).collect();
            format!("{error_type}/~{hash}")
        }
    }
}

/// Words that hold a digit become `#`, quoted text becomes `"…"`, and what looks like a path becomes `/…`.
fn normalised(message: &str) -> String {
    let mut words = Vec::new();
    let mut quote = None;
    for word in message.split_whitespace() {
        if let Some(mark) = quote {
            if word.contains(mark) {
                quote = None;
            }
            continue;
        }
        if let Some(mark @ ('"' | '\'' | '`')) = word.chars().next() {
            words.push("\"…\"");
            if word[1..].find(mark).is_none() {
                quote = Some(mark);
            }
        } else if word.bytes().any(|b| b.is_ascii_digit()) {
            words.push("#");
        } else if word.contains('/') {
            words.push("/…");
        } else {
            words.push(word);
        }
    }
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stable_code_is_the_cause_whatever_the_message_says() {
        assert_eq!(fingerprint("PERMANENT", Some("currency"), "CHF"), "PERMANENT/currency");
        assert_eq!(
            fingerprint("PERMANENT", Some("currency"), "JPY"),
            fingerprint("PERMANENT", Some("currency"), "CHF")
        );
    }

    #[test]
    fn without_a_code_ids_numbers_paths_and_quotes_do_not_make_another_cause() {
        let of = |message: &str| fingerprint("UNKNOWN", None, message);
        assert_eq!(
            of("order o-17 not found in \"main db\" at /srv/a/b"),
            of("Order o-9281 not found in \"x\" at /srv/c"),
        );
        assert_ne!(of("connection refused"), of("connection reset"));
    }
}
