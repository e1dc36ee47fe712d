use serde_json::Value;

use super::*;

/// Ids that the libraries have given payloads: made by `tests/powertools`, and held to them by `make test-powertools`.
const KEYS: &str = include_str!("keys.json");

fn message(body: &str) -> PowertoolsMessage {
    PowertoolsMessage { message_id: MessageId::new("m-1").unwrap(), content: Some(body.parse().unwrap()) }
}

fn keys(selected: &str) -> PowertoolsKeys {
    PowertoolsKeys::new("orders", Selected::parse(selected).unwrap()).unwrap()
}

#[test]
fn ids_are_those_that_the_libraries_of_both_languages_make() {
    let recorded: Vec<Value> = serde_json::from_str(KEYS).unwrap();
    assert!(recorded.len() > 20);
    for one in recorded {
        let body = one["payload"].as_str().unwrap();
        let ids = keys("body").ids(&message(body));
        assert_eq!(ids, [one["python"].as_str().unwrap(), one["typescript"].as_str().unwrap()], "{body}");
    }
}

#[test]
fn a_value_and_several_are_hashed_as_jmespath_selects_them() {
    let order = message(r#"{"order_id": "o-1", "customer": {"id": 7}}"#);
    assert_eq!(keys("/order_id").ids(&order), keys("body").ids(&message(r#""o-1""#)));
    assert_eq!(keys("/order_id,/customer/id").ids(&order), keys("body").ids(&message(r#"["o-1", 7]"#)));
    assert_eq!(keys("message-id").ids(&order), keys("body").ids(&message(r#""m-1""#)));
    let both = PowertoolsKeys::new("a, b", Selected::MessageId).unwrap().ids(&order);
    assert_eq!(both.iter().map(|id| &id[..2]).collect::<Vec<_>>(), ["a#", "a#", "b#", "b#"]);
}

#[test]
fn what_has_no_data_has_no_id() {
    for (selected, body) in [
        ("/order_id", "{}"),
        ("/order_id", r#"{"order_id": null}"#),
        ("/a,/b", "{}"),
        ("body", "null"),
        ("body", "\"\""),
    ] {
        assert!(keys(selected).ids(&message(body)).is_empty(), "{selected} of {body}");
    }
    assert_eq!(keys("/a,/b").ids(&message(r#"{"a": 0}"#)).len(), 2, "a zero is a value");
}

#[test]
fn names_that_differ_in_case_alone_have_no_known_order_in_typescript() {
    assert_eq!(keys("body").ids(&message(r#"{"a": 1, "A": 2}"#)).len(), 1);
}

#[test]
fn an_item_is_judged_as_powertools_does() {
    let (now, second) = (Timestamp::from_millis(100_500), 100);
    let judge = |status, expiration, in_progress| PowertoolsState::of(status, expiration, in_progress, now);
    assert_eq!(judge("COMPLETED", second, None), PowertoolsState::Completed, "the second of its expiry is its own");
    assert_eq!(judge("COMPLETED", second - 1, None), PowertoolsState::Free);
    assert_eq!(judge("INPROGRESS", 200, Some(100_500)), PowertoolsState::InProgress(now));
    assert_eq!(judge("INPROGRESS", 200, Some(100_499)), PowertoolsState::Free, "its invocation has timed out");
    assert_eq!(judge("INPROGRESS", 200, None), PowertoolsState::InProgress(Timestamp::from_millis(200_000)));
    assert_eq!(judge("EXPIRED", 200, None), PowertoolsState::Free);
}

#[test]
fn bad_settings_are_refused_with_what_is_allowed() {
    for bad in ["", "order_id", "/a,b"] {
        assert!(Selected::parse(bad).unwrap_err().to_string().contains("message-id, body"), "{bad}");
    }
    for bad in ["", "a,,b", "1,2,3,4,5,6,7,8,9"] {
        let error = PowertoolsKeys::new(bad, Selected::Body).unwrap_err().to_string();
        assert!(error.contains("1 to 8 prefixes"), "{bad}");
    }
    assert_eq!(Selected::parse("/a,/b").unwrap().to_string(), "/a,/b");
}
