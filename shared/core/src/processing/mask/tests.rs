use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fault::Class;

fn masks(list: &str) -> Masks {
    Masks::parse(list).unwrap()
}

fn json(value: Value) -> Json {
    value.to_string().parse().unwrap()
}

fn customer() -> Json {
    json(json!({
        "order_id": "o-17",
        "customer": {"name": "Jane \"J\" Doe", "email": "jane.doe@example.com", "age": 41, "vip": true, "tag": "x"},
        "cards": [{"number": "4111 1111 1111 1111"}, {"number": 550000555}],
    }))
}

#[test]
fn the_values_under_a_pointer_are_masked_wherever_a_text_quotes_them() {
    let (body, masks) = (customer(), masks("/customer, /cards"));
    for (text, masked) in [
        ("no account for jane.doe@example.com", "no account for ***"),
        ("no account for JANE.DOE@EXAMPLE.COM.", "no account for ***."),
        ("GET /accounts?mail=jane.doe%40example.com failed", "GET /accounts?mail=*** failed"),
        (r#"cannot read {"name":"Jane \"J\" Doe"}"#, r#"cannot read {"name":"***"}"#),
        (
            "Jane \"J\" Doe, aged 41, paid 410 with 4111 1111 1111 1111 or 550000555",
            "***, aged ***, paid 410 with *** or ***",
        ),
        ("tag x of box", "tag *** of box"),
        ("order o-17 has no row", "order o-17 has no row"),
    ] {
        assert_eq!(masks.apply(text, Some(&body)), masked);
    }
}

#[test]
fn without_masks_a_text_stays_as_it_is_and_pointers_that_lead_nowhere_mask_nothing() {
    assert_eq!(masks("").apply("jane", None), "jane");
    assert_eq!(masks(" , ").apply("jane", None), "jane");
    assert_eq!(masks("/nobody").apply("jane", Some(&customer())), "jane");
    assert_eq!(masks("/customer").apply("", None), "");
}

#[test]
fn a_value_that_a_cut_left_only_the_beginning_of_is_masked_too() {
    let (body, masks) = (customer(), masks("/customer/email"));
    assert_eq!(masks.apply("no account for jane.do…", Some(&body)), "no account for ***…");
    assert_eq!(masks.apply("no account for jane", Some(&body)), "no account for jane", "nothing was cut");
    let long = format!("{} jane.doe@ex", "x".repeat(1_013));
    assert!(masks.apply(&long, Some(&body)).ends_with("x ***"));
}

#[test]
fn a_text_is_withheld_if_nothing_tells_what_to_mask_in_it() {
    assert_eq!(masks("/customer/email").apply("about jane", None), WITHHELD);
    let crowd = json(json!({"people": (0..2_000).map(|n| format!("person-{n}")).collect::<Vec<_>>()}));
    assert_eq!(masks("/people").apply("about person-7", Some(&crowd)), WITHHELD);
}

#[test]
fn a_mask_that_is_no_pointer_is_refused_with_the_mend() {
    let error = Masks::parse("/customer/email,customer.name").unwrap_err().to_string();
    assert!(error.contains("customer.name") && error.contains("must start with '/'"), "{error}");
}

#[test]
fn the_users_function_sees_what_the_masks_left_and_has_the_last_word() {
    let redaction = Redaction::new(masks("/customer/email")).with_hook(|text| text.replace("Elm St", "[street]"));
    let text = redaction.apply("jane.doe@example.com lives at 12 Elm St", Some(&customer()));
    assert_eq!(text, "*** lives at 12 [street]");
    let fault = redaction.fault(Fault::new(Class::Permanent, "moved", "to Elm St"), Some(&customer()));
    assert_eq!((&*fault.code, fault.text.as_str()), ("moved", "to [street]"));
}

#[test]
fn a_function_that_panics_withholds_the_text_and_one_that_adds_to_it_meets_the_cap() {
    let panics = Redaction::default().with_hook(|_| std::panic::resume_unwind(Box::new("no")));
    assert_eq!(panics.apply("jane", None), WITHHELD);
    let adds = Redaction::default().with_hook(|text| text.repeat(1_000));
    assert!(adds.apply("jane", None).len() <= TEXT_LIMIT);
}

proptest! {
    #[test]
    fn no_masked_value_is_left_in_a_text_that_quotes_it(
        value in "[a-zA-Z0-9@ .äß\"\\\\-]{0,10}[a-z]{4}", before in "\\PC{0,20}", after in "\\PC{0,20}", upper in any::<bool>()
    ) {
        let body = json(json!({"who": value}));
        let quoted = if upper { value.to_ascii_uppercase() } else { value.clone() };
        let masked = masks("/who").apply(&format!("{before}{quoted}{after}"), Some(&body));
        let sought = value.trim().to_ascii_lowercase();
        prop_assert!(!masked.to_ascii_lowercase().contains(&sought), "{masked}");
        prop_assert_eq!(masks("/who").apply(&masked, Some(&body)), masked.clone());
    }

    #[test]
    fn any_text_and_any_value_are_masked_without_a_crash(text in any::<String>(), value in any::<String>()) {
        let body = json(json!({"who": [value.clone(), {"and": value}]}));
        let _ = masks("/who").apply(&format!("{text}…"), Some(&body));
    }
}
