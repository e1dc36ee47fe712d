//! An incident as it looks: a bad deployment, a customer's limit, an outage that heals by itself, and hostile texts.

use redrive_core::fault::Class;
use redrive_core::letters::letter::Status;
use redrive_core::message::envelope::Attribute;
use redrive_core::time::Timestamp;

use crate::incident::{Dying, Incident};

/// Text with everything that a page must not obey.
pub const HOSTILE: &str = "expected value <script>document.title='pwned'</script> \u{1b}[31mred\u{1b}[0m \u{202e}gnp.exe\u{202c} <img src=x onerror=alert(1)>";

pub fn dying(class: Class, code: &'static str, text: &'static str, version: &'static str) -> Dying {
    Dying { class, code, text, version }
}

/// Fills the tables; besides, so many more letters of one cause.
pub fn fill(incident: &Incident, more: u64) {
    let chf = dying(Class::Permanent, "currency", "Currency CHF is not supported", "42");
    let eur = dying(Class::Permanent, "currency", "Currency EUR is not supported", "42");
    (0..148).for_each(|n| drop(incident.put(n, "CHF", &chf, 170 - n)));
    (148..185).for_each(|n| drop(incident.put(n, "EUR", &eur, 24 + (n - 148) / 3)));
    let key = dying(Class::Schema, "missing-field", "missing field `customer_id` at line 1 column 48", "41");
    (200..226).for_each(|n| drop(incident.put(n, "EUR", &key, 60 * 26 + (n - 200) * 17)));
    let hostile = dying(Class::Schema, "not-json", HOSTILE, "41");
    for n in 300..304 {
        let order = format!("o-{n:05}");
        let mut letter = incident.dead(&order, &format!("{{\"order_id\":\"{order}\" {HOSTILE}"), &hostile, 400 + n);
        letter.attributes.insert("weird\u{1b}]0;title\u{7}".to_owned(), Attribute::text("a\tb <b>bold</b>"));
        incident.put_letter(letter);
    }
    let slow = dying(Class::Timeout, "deadline", "deadline of 30 s was over: payments did not answer", "42");
    for n in 400..431 {
        let mut letter = incident.dead(&format!("o-{n:05}"), &body(n), &slow, 12 + n - 400);
        letter.due = Timestamp::from_millis(incident.now().as_millis() + 60_000 * (2 + (n - 400) / 8));
        incident.put_letter(letter);
    }
    let gone = dying(Class::Transient, "no-row", "order has no row yet", "41");
    for n in 500..503 {
        let mut letter = incident.dead(&format!("o-{n:05}"), &body(n), &gone, 2_000 + n);
        (letter.deaths, letter.number) = (4, redrive_core::ids::ReplayNumber(3));
        incident.put_letter(letter);
    }
    for n in 600..609 {
        let mut letter = incident.dead(&format!("o-{n:05}"), &body(n), &slow, 44);
        letter.status = Status::Resolved;
        letter.due = Timestamp::from_millis(incident.now().as_millis() - 60_000 * (n - 598));
        incident.put_letter(letter);
    }
    let exact = r#"{"order_id":"o-00700","amount_minor":12345678901234567890123,"rate":1.50e0,"note":"two  spaces","items":[{"sku":"a-1","n":2},{"sku":"b-9","n":1}],"customer":{"id":"c-7","tags":[]}}"#;
    let limit = dying(Class::Permanent, "limit", "amount is over the limit of customer c-7", "42");
    incident.put_letter(incident.dead("o-00700", exact, &limit, 5));
    let large = format!(r#"{{"order_id":"o-00800","customer_id":"c-8","blob":"{}"}}"#, "x".repeat(1_000_000));
    incident.put_letter(incident.dead("o-00800", &large, &limit, 8));
    (0..more).for_each(|n| {
        drop(incident.put(
            10_000 + n,
            "JPY",
            &dying(Class::Permanent, "currency-jpy", "Currency JPY is not supported", "42"),
            7 + n % 300,
        ))
    });
}

fn body(n: u64) -> String {
    format!(r#"{{"order_id":"o-{n:05}","customer_id":"c-{}","amount_minor":{},"currency":"EUR"}}"#, n % 90, 990 + n)
}
