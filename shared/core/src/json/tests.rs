use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn canonical(number: &str) -> String {
    let Ok(Json::Number(number)) = number.parse() else { panic!("{number} is no number") };
    number.canonical()
}

#[test]
fn numbers_of_one_value_have_one_form_and_no_others_have_it() {
    let alike: [&[&str]; 9] = [
        &["1", "1.0", "1e0", "10e-1", "0.1E+1", "1.000000000000000000000000"],
        &["0", "-0", "0.0", "-0e5", "0e99999999"],
        &["12345678901234567.88", "1234567890123456788e-2"],
        &["12345678901234567.89"],
        &["18446744073709551616", "1.8446744073709551616e19"],
        &["18446744073709551617"],
        &["18446744073709551615", "18446744073709551615.0"],
        &["-9223372036854775808", "-9223372036854775808.00"],
        &["1e400", "10e399"],
    ];
    for (n, forms) in alike.iter().enumerate() {
        assert!(forms.iter().all(|form| canonical(form) == canonical(forms[0])), "{forms:?}");
        assert!(alike[n + 1..].iter().all(|others| canonical(others[0]) != canonical(forms[0])), "{forms:?}");
    }
    assert_eq!((canonical("100"), canonical("1e2"), canonical("-1.50")), ("100".into(), "100".into(), "-15e-1".into()));
}

#[test]
fn what_no_reader_takes_is_named_for_what_it_is() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth)).parse::<Json>();
    assert!(nested(127).is_ok());
    assert_eq!(nested(128), Err(NotJson::Depth));
    assert_eq!(nested(100_000), Err(NotJson::Depth));
    assert_eq!(r#"{"a":"\ud800"}"#.parse::<Json>(), Err(NotJson::Surrogate));
    assert_eq!("\u{feff}{}".parse::<Json>(), Err(NotJson::ByteOrderMark));
    assert_eq!("1e9999999999999999999".parse::<Json>(), Err(NotJson::Exponent));
    assert_eq!("not".parse::<Json>(), Err(NotJson::Syntax("expected ident at line 1 column 2".to_owned())));
}

#[test]
fn a_name_that_stands_twice_is_told_with_its_place_and_the_last_value_counts() {
    let read = |text: &str| text.parse::<Document>().unwrap();
    let document = read("{\"a\":1,\n \"b\":{\"c\":1,\"c\":2},\"a\":3}");
    assert_eq!(document.twice, Some(Twice { name: "c".to_owned(), line: 2, column: 17 }));
    assert_eq!(document.json.to_string(), r#"{"a":3,"b":{"c":2}}"#);
    assert_eq!(read(r#"[{"a":1},{"a":2}]"#).twice, None);
}

#[test]
fn a_pointer_leads_where_rfc_6901_says() {
    let json: Json = r#"{"a/b":{"m~n":[7,{"":8}]},"0":"x"}"#.parse().unwrap();
    let at = |pointer: &str| json.pointer(pointer).map(ToString::to_string);
    assert_eq!(at("/a~1b/m~0n/0").as_deref(), Some("7"));
    assert_eq!(at("/a~1b/m~0n/1/").as_deref(), Some("8"));
    assert_eq!(at("/0").as_deref(), Some("\"x\""));
    for nowhere in ["a", "/a~1b/m~0n/00", "/a~1b/m~0n/+1", "/a~1b/m~0n/-", "/a~1b/m~0n/2", "/0/x"] {
        assert_eq!(at(nowhere), None, "{nowhere}");
    }
}

#[test]
fn a_member_is_found_by_its_name_and_by_a_place_in_its_value() {
    let text = "{ \"a\": {\"b\": 1},\n \"b\": \"x\", \"a\": [2 ] }";
    assert_eq!(&text[member(text, "a").unwrap()], "[2 ]");
    assert_eq!(member(text, "c"), None);
    assert_eq!(member_at(text, 1, 14).as_deref(), Some("a"));
    assert_eq!(member_at(text, 2, 9).as_deref(), Some("b"));
    assert_eq!((member_at(text, 2, 10), member_at("[1]", 1, 2), member_at(text, 0, 0)), (None, None, None));
}

#[test]
fn text_that_contains_an_object_or_a_list_was_encoded_twice() {
    let twice = |text: &str| text.parse::<Json>().unwrap().is_encoded_twice();
    assert!(twice(r#""{\"a\":1}""#) && twice(r#""[1]""#));
    assert!(!twice(r#""17""#) && !twice(r#""{a}""#) && !twice("{}"));
}

/// Generates any JSON as text, with white space.
fn json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?"
    ];
    let text = any::<String>().prop_map(|text| Value::from(text).to_string());
    let leaf = prop_oneof![Just("null".to_owned()), Just("true".to_owned()), number, text];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let member =
            (any::<String>(), inner.clone()).prop_map(|(name, value)| format!("{} :{value}", Value::from(name)));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|values| format!("[ {} ]", values.join(" ,"))),
            prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}\n}}", members.join(", "))),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_serde_json_reads_is_read_as_the_same(text in json()) {
        let ours: Json = text.parse().unwrap();
        let theirs: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&ours.to_string()).unwrap(), theirs.clone());
        let mut doubles = String::new();
        ours.write(&mut doubles, &mut |number, out| out.push_str(&number.as_double().unwrap()));
        prop_assert_eq!(doubles, theirs.to_string());
        prop_assert_eq!(ours.to_string().parse::<Json>().unwrap(), ours);
    }

    #[test]
    fn any_text_is_read_by_both_or_by_none_but_for_numbers_that_no_double_holds(text in "[\\[\\]{}:,\"a\\\\0-9.eE+ -]{0,12}") {
        let (ours, theirs) = (text.parse::<Json>(), serde_json::from_str::<Value>(&text));
        let out_of_range = theirs.as_ref().is_err_and(|why| why.to_string().contains("out of range"));
        prop_assert!(ours.is_ok() == theirs.is_ok() || out_of_range, "{ours:?} {theirs:?}");
    }

    #[test]
    fn a_canonical_number_is_its_own_canonical_form(number in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
        prop_assert_eq!(canonical(&canonical(&number)), canonical(&number));
    }
}
