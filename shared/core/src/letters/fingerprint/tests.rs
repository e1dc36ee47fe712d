use proptest::prelude::*;

use super::*;

fn of(message: &str) -> String {
    fingerprint("UNKNOWN", None, message)
}

#[test]
fn a_stable_code_is_the_cause_whatever_the_message_says() {
    assert_eq!(fingerprint("PERMANENT", Some("currency"), "CHF"), "PERMANENT/currency");
    assert_eq!(fingerprint("PERMANENT", Some("currency"), "JPY"), fingerprint("PERMANENT", Some("currency"), "CHF"));
    assert_eq!(fingerprint("PERMANENT", Some(""), "CHF"), fingerprint("PERMANENT", None, "CHF"));
}

#[test]
fn without_a_code_ids_numbers_paths_and_quotes_do_not_make_another_cause() {
    assert_eq!(of("order o-17 not found in \"main db\" at /srv/a/b"), of("Order o-9281 not found in \"x\" at /srv/c"),);
    assert_ne!(of("connection refused"), of("connection reset"));
}

/// Texts as Java, Python, Node, .NET, Go, Rust and the services write them: what stands in one group is one cause.
const TOGETHER: &[&[&str]] = &[
    &[
        "java.lang.NumberFormatException: For input string: \"12a\"\n\tat java.base/java.lang.Integer.parseInt(Integer.java:652)",
        "java.lang.NumberFormatException: For input string: \"\"\n\tat com.acme.Orders.read(Orders.java:17)",
    ],
    &[
        "java.net.SocketTimeoutException: connect timed out to 10.0.3.17:5432",
        "java.net.SocketTimeoutException: connect timed out to 10.0.3.99:5433",
    ],
    &[
        "java.lang.IllegalStateException: com.acme.Order@1b6d3586",
        "java.lang.IllegalStateException: com.acme.Order@deadbeef",
    ],
    &[
        "com.amazonaws.AmazonS3Exception: Access Denied (Request ID: 4XM7TEZQ)",
        "com.amazonaws.AmazonS3Exception: Access Denied (Request ID: 9ZB1)",
    ],
    &["KeyError: 'customer_id'", "KeyError: 'order_id'"],
    &[
        "Traceback (most recent call last):\n  File \"/var/task/app.py\", line 12, in handler\n    total(order)\nValueError: could not convert string to float: 'abc'",
        "Traceback (most recent call last):\n  File \"/var/task/app.py\", line 99, in other\n\nValueError: could not convert string to float: '17,5'\n",
    ],
    &[
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        "json.decoder.JSONDecodeError: Expecting value: line 3 column 12 (char 99)",
    ],
    &[
        "UnicodeDecodeError: 'utf-8' codec can't decode byte b'\\xff'",
        "UnicodeDecodeError: 'ascii' codec can't decode byte b'x'",
    ],
    &[
        "TypeError: Cannot read properties of undefined (reading 'amount')\n    at handler (/var/task/index.js:7:13)",
        "TypeError: Cannot read properties of undefined (reading 'currency')\n    at Runtime.handler (/var/task/index.js:9:1)",
    ],
    &["Error: connect ECONNREFUSED 127.0.0.1:3306", "Error: connect ECONNREFUSED 10.1.2.3:3307"],
    &[
        "Error: ENOENT: no such file or directory, open '/tmp/a.json'",
        "Error: ENOENT: no such file or directory, open '/tmp/uploads/b.json'",
    ],
    &[
        "System.FormatException: Input string was not in a correct format.\n   at System.Number.Parse()",
        "System.FormatException: Input string was not in a correct format.",
    ],
    &[
        "System.ArgumentException: An item with the same key has already been added. Key: 17",
        "System.ArgumentException: An item with the same key has already been added. Key: 18 ",
    ],
    &[
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:",
        "panic: runtime error: index out of range [99] with length 12",
    ],
    &[
        "service error: conditional check failed for order=o-17, customer=jane",
        "service error: conditional check failed for order=o-18, customer=\"joe b\"",
    ],
    &[
        "2025-11-22T05:01:12.353Z 8f0b5e3a-1f5b-4d27-9a55-0a3d7f6c1e11 Task timed out after 3.00 seconds",
        "2026-01-01T00:00:00.000Z 11111111-2222-4333-8444-555555555555 Task timed out after 30.00 seconds",
    ],
    &["HTTP 503 from https://api.acme.example/v1/orders/17?a=b", "HTTP 503 from https://api.acme.example/v1/orders/18"],
    &[
        "mail to jane.doe@example.com bounced on Tue, 25 Nov 2026 07:17:35 PM",
        "mail to joe@acme.example bounced on Sat, 3 Jan 2026 11:00:00 AM",
    ],
    &["no row for order {\"id\":17,\"lines\":[1,2]}", "no row for order {\"id\":18"],
    &["ids 1, 2, 3 are not known", "ids 99, 100 are not known"],
    &["digest deadbeefcafebabe is stale", "digest 0123456789abcdef is stale"],
    &["user <jane> has no account", "user <joe> has no account"],
    &["der Auftrag „A-17“ fehlt", "der Auftrag „B-99“ fehlt"],
];

/// No two of these are one cause, nor is one of them one of a group's above.
const APART: &[&str] = &[
    "connection refused",
    "connection reset by peer",
    "java.lang.NullPointerException",
    "com.amazonaws.AmazonS3Exception: Slow Down",
    "com.amazonaws.AmazonSQSException: Slow Down",
    "TypeError: Cannot set properties of undefined (setting 'amount')",
    "Error: getaddrinfo ENOTFOUND db.internal",
    "Error: read ECONNRESET",
    "System.NullReferenceException: Object reference not set to an instance of an object.",
    "the users' accounts are locked",
    "the users' accounts are closed",
    "can't charge, the card isn't valid",
    "can't charge, the card isn't known",
    "i/o error",
    "",
];

#[test]
fn real_texts_of_one_cause_fall_together_and_those_of_others_do_not() {
    let mut seen = std::collections::BTreeMap::new();
    for group in TOGETHER {
        for text in *group {
            assert_eq!(of(text), of(group[0]), "{:?} and {:?}", normalised(text), normalised(group[0]));
        }
        assert_eq!(seen.insert(of(group[0]), group[0]), None, "{:?}", normalised(group[0]));
    }
    for text in APART {
        assert_eq!(seen.insert(of(text), text), None, "{text:?}: {:?}", normalised(text));
    }
}

#[test]
fn what_is_left_of_a_text_can_be_read() {
    for (text, left) in [
        ("Order o-17 of \"Jane\" failed, code 5.", "order # of \"…\" failed, code #"),
        ("status=failed, retries=3; see /var/log/a.log", "status=…, retries=…; see /…"),
        ("x[17] {a} <b> (c)", "x[…] {…} <…> (c)"),
        ("1 <= 2 and a == b => c", "# <= # and a == b => c"),
        ("name'x' b'y' don't", "name'x' b\"…\" don't"),
        ("cut in 'the middle of", "cut in \"…\""),
        ("cut in the mid…", "cut in the …"),
        ("\n\n  Second line\nthird", "second line"),
    ] {
        assert_eq!(normalised(text), left, "{text:?}");
    }
}

/// The place at which the ledger cuts a text depends on the length of the ids in it.
#[test]
fn a_text_that_was_cut_behind_a_long_id_is_the_same_cause() {
    let tail = "could not be charged because the payment provider answered that it is down for planned work until ";
    let text = |id: &str| format!("order {id} {}", tail.repeat(4));
    let cut = |text: String| crate::text::capped(&text, crate::fault::TEXT_LIMIT);
    assert_eq!(of(&cut(text("7"))), of(&cut(text(&"7".repeat(60)))));
    assert_eq!(of(&cut(text("7"))), of(&text("8")));
}

fn word() -> impl Strategy<Value = String> {
    "[a-z]{1,9}".prop_filter("a part of a date", |word| !normalised(&format!("{word} 5")).starts_with('#'))
}

/// Two fillings of one hole, as they differ from one letter to the next.
fn hole() -> impl Strategy<Value = (String, String)> {
    fn two<S: Strategy<Value = String>>(one: impl Fn() -> S) -> impl Strategy<Value = (String, String)> {
        (one(), one())
    }
    prop_oneof![
        two(|| any::<u64>().prop_map(|n| n.to_string())),
        two(|| any::<f64>().prop_map(|n| format!("{n:.2}"))),
        two(|| "[a-z]{1,6}-[0-9]{1,12}"),
        two(|| "[A-Z]{2,4}[0-9]{2,9}[a-z]{0,3}"),
        two(|| any::<u128>().prop_map(|n| uuid::Uuid::from_u128(n).to_string())),
        two(|| "[0-9a-f]{16,64}"),
        two(|| "\"[^\"\\\\\n\r]{0,40}\""),
        two(|| "'[a-zA-Z0-9_.,:/@=-][a-zA-Z0-9 _.,:/@=-]{0,40}'"),
        two(|| "[a-z]{1,8}(\\.[a-z]{1,8})?@[a-z]{1,12}\\.example"),
        two(|| "https?://[a-z]{1,9}(\\.[a-z]{2,5}){1,2}(:[0-9]{2,5})?(/[a-z0-9]{1,9}){0,4}(\\?[a-z]=[a-z0-9]{1,5})?"),
        two(|| "(/[a-z0-9_.]{1,9}){2,6}"),
        two(|| "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z"),
        two(|| "20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]"),
        two(|| "\\[[a-zA-Z0-9 ,._-]{0,30}\\]"),
        two(|| "key=[a-zA-Z0-9._:/-]{1,30}"),
    ]
}

/// A text with holes, filled in two ways.
fn twins() -> impl Strategy<Value = (String, String)> {
    let part =
        (proptest::collection::vec(word(), 1..4), hole(), prop_oneof![Just(" "), Just(": "), Just(", "), Just(" (")]);
    proptest::collection::vec(part, 1..6).prop_map(|parts| {
        let (mut one, mut other) = (String::new(), String::new());
        for (words, (a, b), between) in parts {
            for (text, filled) in [(&mut one, a), (&mut other, b)] {
                text.push_str(&words.join(" "));
                text.push_str(between);
                text.push_str(&filled);
                text.push(' ');
            }
        }
        (one, other)
    })
}

/// Generates any text, and much of what the scanner stumbles over.
fn any_text() -> impl Strategy<Value = String> {
    let odd = proptest::sample::select(vec![
        "'", "\"", "`", "…", "“", "”", "„", "«", "[", "]", "{", "<", ">", "(", "=", "#", "/", "\\", "@", "://", ".",
        ",", " ", "\n", "may", "Nov", "5", "ſ", "İ", "Σ", "b'", "error", "x", "-", "key=", "/…", "\"…\"", "٣", "½",
        "0x",
    ]);
    prop_oneof![any::<String>(), proptest::collection::vec(odd, 0..40).prop_map(|parts| parts.concat())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn other_ids_numbers_and_quoted_values_never_make_another_cause((one, other) in twins()) {
        prop_assert_eq!(normalised(&one), normalised(&other), "{:?} {:?}", one, other);
    }

    #[test]
    fn any_text_is_normalised_once_for_all_and_to_a_bounded_length(text in any_text()) {
        let once = normalised(&text);
        prop_assert!(once.len() <= 120 && !once.contains('\n'));
        prop_assert_eq!(normalised(&once), once.clone(), "{:?}", text);
        prop_assert!(fingerprint("UNKNOWN", None, &text).len() < 24);
    }
}

/// Each byte is looked at a few times at most, also in the texts that make patterns backtrack.
#[test]
fn a_text_of_a_megabyte_is_done_at_once() {
    for hard in ["[", "{", "'", "\"", "<", "a'", "=", "(((", "1,", "[{<", "may ", "5 may ", "\\\"", "/", "@", "…"] {
        let text = hard.repeat(1024 * 1024 / hard.len());
        assert!(normalised(&text).len() <= 120, "{hard}");
    }
}

#[test]
fn a_schema_failure_is_named_by_what_does_not_fit_and_never_by_a_value() {
    for (code, text, name) in [
        ("decode", "missing field `currency`", "SCHEMA/decode: missing field currency"),
        ("decode", "missing field `amount`", "SCHEMA/decode: missing field amount"),
        (
            "decode",
            "amount_minor: invalid type: string, expected i64",
            "SCHEMA/decode: amount_minor: invalid type: string, expected i64",
        ),
        ("decode", "unknown variant, expected `a` or `b`", "SCHEMA/decode: unknown variant, expected a, b"),
        (
            "no-key",
            "nothing stands at the configured key pointer /order_id: the body is an S3 test notice",
            "SCHEMA/no-key: nothing at /order_id in an S3 test notice",
        ),
        ("no-key", "idempotency key has 10240 bytes, and at most 1024 are allowed", "SCHEMA/no-key: too long"),
        // Somebody else's words, and what holds more than names.
        ("decode", "it does not have the shape that is expected", "SCHEMA/decode"),
        ("decode", "jane doe: 12 Elm St", "SCHEMA/decode"),
        ("decode", "missing field `jane@example.com`", "SCHEMA/decode"),
        ("no-key", "nothing stands at the configured key pointer /a: the body is jane", "SCHEMA/no-key"),
        ("not-json", "missing field `currency`", "SCHEMA/not-json"),
    ] {
        assert_eq!(fingerprint("SCHEMA", Some(code), text), name);
    }
    assert_eq!(fingerprint("PERMANENT", Some("decode"), "missing field `a`"), "PERMANENT/decode");
    assert!(fingerprint("SCHEMA", Some("decode"), &format!("missing field `{}`", "x".repeat(300))).len() < 130);
}

#[test]
fn the_former_name_of_a_cause_means_the_whole_family() {
    assert!(
        is_cause("SCHEMA/decode: missing field currency", "SCHEMA/decode")
            && is_cause("SCHEMA/decode", "SCHEMA/decode")
    );
    assert!(!is_cause("SCHEMA/decode", "SCHEMA/decode: missing field currency"));
    assert!(!is_cause("SCHEMA/no-key: empty", "SCHEMA/decode") && !is_cause("PERMANENT/a: b", "PERMANENT/a"));
}
