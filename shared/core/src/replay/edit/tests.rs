use super::*;
use crate::message::key::Pointer;
use crate::replay::consent::tests::letter as any;

fn patch(operations: &str) -> Edit {
    Edit::Patch(Patch::parse(operations).unwrap())
}

fn amount() -> Edit {
    patch(
        r#"[{"op": "test", "path": "/currency", "value": "CHF"},
            {"op": "replace", "path": "/currency", "value": "EUR"}]"#,
    )
}

fn apply(edit: &Edit, body: &str) -> Result<String, CannotEdit> {
    edit.apply(body, Wrapping::None)
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let edited = apply(&amount(), r#"{"order": 9007199254740993, "currency": "CHF", "rate": 1.10, "a:": "1e999"}"#);
    assert_eq!(edited.unwrap(), r#"{"a:":"1e999","currency":"EUR","order":9007199254740993,"rate":1.10}"#);
}

#[test]
fn a_patch_that_does_not_apply_says_which_operation_and_nothing_of_the_body() {
    let told = |edit: &Edit, body: &str| apply(edit, body).unwrap_err().to_string();
    let test = told(&amount(), r#"{"currency": "secret"}"#);
    assert_eq!(test, "operation 1 of the patch does not apply: its test failed");
    let path = told(&patch(r#"[{"op": "remove", "path": "/no"}]"#), r#"{"secret": 1}"#);
    assert_eq!(path, "operation 1 of the patch does not apply: its path leads nowhere");
}

#[test]
fn what_cannot_be_patched_is_named_for_what_it_is() {
    let deep = format!("{}1{}", "[".repeat(128), "]".repeat(128));
    for (body, what) in [
        ("secret", "is not JSON"),
        (deep.as_str(), "deeper than 127"),
        (r#"{"currency":"\ud800"}"#, "surrogate"),
        ("\u{feff}{}", "byte order mark"),
        (r#"{"n":1,"n":2}"#, "has a name twice (again at line 1, column 12)"),
    ] {
        let told = apply(&amount(), body).unwrap_err().to_string();
        assert!(told.contains(what) && told.contains("give a whole body") && !told.contains("secret"), "{told}");
    }
}

#[test]
fn a_patch_that_changes_nothing_is_refused_whatever_blanks_and_order_the_body_has() {
    let body = r#"{ "z": 1.0, "currency": "EUR", "list": [1, 2] }"#;
    for nothing in [
        "[]",
        r#"[{"op":"test","path":"/currency","value":"EUR"}]"#,
        r#"[{"op":"replace","path":"/currency","value":"EUR"}]"#,
        r#"[{"op":"add","path":"/x","value":1},{"op":"remove","path":"/x"}]"#,
    ] {
        assert_eq!(apply(&patch(nothing), body), Err(CannotEdit::Nothing), "{nothing}");
    }
    // A handler may take 1, and refuse 1.0.
    let form = patch(r#"[{"op":"replace","path":"/z","value":1}]"#);
    assert_eq!(apply(&form, body).unwrap(), r#"{"currency":"EUR","list":[1,2],"z":1}"#);
}

#[test]
fn a_patch_keeps_every_number_that_it_is_not_about() {
    let edit = patch(r#"[{"op": "add", "path": "/x", "value": 1}]"#);
    for digits in
        ["0.10", "18446744073709551616", "1.2345678901234567", "1e-400", "100000000000000000000.5", "-0", "1E5"]
    {
        assert_eq!(apply(&edit, &format!(r#"{{"n":{digits}}}"#)).unwrap(), format!(r#"{{"n":{digits},"x":1}}"#));
    }
}

#[test]
fn a_patch_of_a_wrapped_body_is_about_the_content_and_keeps_the_envelope_to_the_byte() {
    let sns = "{ \"Type\":\"Notification\", \"Message\" : \"{\\\"currency\\\": \\\"CHF\\\", \\\"n\\\": 1.50}\",\n\"Signature\":\"x==\", \"z\":1.0 }";
    let expected = "{ \"Type\":\"Notification\", \"Message\" : \"{\\\"currency\\\":\\\"EUR\\\",\\\"n\\\":1.50}\",\n\"Signature\":\"x==\", \"z\":1.0 }";
    assert_eq!(amount().apply(sns, Wrapping::Sns).unwrap(), expected);
    let bridge = r#"{"version":"0", "detail": {"n": 1.50, "currency": "CHF"}, "id": 1.0}"#;
    let expected = r#"{"version":"0", "detail": {"currency":"EUR","n":1.50}, "id": 1.0}"#;
    assert_eq!(amount().apply(bridge, Wrapping::EventBridge).unwrap(), expected);
    let bare = amount().apply(r#"{"currency":"CHF"}"#, Wrapping::Sns).unwrap_err().to_string();
    assert!(bare.contains("body is not an SNS notification"), "{bare}");
    assert_eq!(patch("[]").apply(bridge, Wrapping::EventBridge), Err(CannotEdit::Nothing));
}

#[test]
fn a_patch_that_doubles_a_body_again_and_again_ends_at_sqs_limit() {
    let copies: Vec<_> = (0..64).map(|n| format!(r#"{{"op": "copy", "from": "", "path": "/a{n}"}}"#)).collect();
    assert_eq!(apply(&patch(&format!("[{}]", copies.join(","))), r#"{"a":"1234567890"}"#), Err(CannotEdit::Size));
}

#[test]
fn a_body_must_be_one_that_sqs_takes() {
    let body = |text: &str| apply(&Edit::Body(text.to_owned()), "old");
    assert_eq!(body("new\r\n\t\u{7f}🚚"), Ok("new\r\n\t\u{7f}🚚".to_owned()));
    assert_eq!(body(""), Err(CannotEdit::Size));
    assert_eq!(body(&"x".repeat(MESSAGE_LIMIT + 1)), Err(CannotEdit::Size));
    assert_eq!(body("a\u{0}"), Err(CannotEdit::Character));
    assert_eq!(body("old"), Err(CannotEdit::Nothing));
}

#[test]
fn an_edit_that_changes_the_key_is_refused_unless_it_is_allowed() {
    let letter = any(Timestamp::from_millis(1), "c");
    let reading = Reading {
        pointer: Some(Pointer::parse("/order_id").unwrap()),
        ..Reading::new(letter.source.clone(), letter.scope.clone())
    };
    let letter = Letter {
        payload: r#"{"order_id":"o-1","n":1}"#.to_owned(),
        key: Key::new("o-1").ok(),
        key_is_stable: true,
        ..letter
    };
    let edits = [
        Edit::Body(r#"{"order_id":"o-2","n":1}"#.to_owned()),
        patch(r#"[{"op":"replace","path":"/order_id","value":"o-2"}]"#),
    ];
    for edit in edits {
        let prepare = |letter: &Letter, allow_key_change| {
            let terms = EditTerms { by: "ann", reading: &reading, ours: true, allow_key_change };
            edit.prepare(letter, terms, Timestamp::from_millis(2))
        };
        let refused = prepare(&letter, false).unwrap_err();
        assert!(refused.explanation().starts_with(r#"key changes from "o-1" to "o-2""#), "{}", refused.explanation());
        assert!(!refused.to_string().contains("o-1") && !refused.to_string().contains("o-2"), "it stands in logs");
        assert_eq!(prepare(&letter, true).unwrap().key, Key::new("o-2").ok());
    }
    // What had no key is given one: nothing changes.
    let keyless = Letter { payload: r#"{"n":1}"#.to_owned(), key: None, key_is_stable: false, ..letter };
    let given = patch(r#"[{"op":"add","path":"/order_id","value":"o-2"}]"#);
    let terms = EditTerms { by: "ann", reading: &reading, ours: true, allow_key_change: false };
    assert!(given.prepare(&keyless, terms, Timestamp::from_millis(2)).is_ok());
}
