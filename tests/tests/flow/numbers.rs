//! Numbers of a body are decimals: what differs in a digit is another payload, and equal values are one.

use redrive_core::message::key::PayloadHash;
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_testkit::handlers::{Order, Scripted};

use crate::bench::{Bench, event, record};

/// SHA-256 of `{"amount":5,"order_id":"o-1","rate":12.5}`, as the version before exact numbers stored it.
const FORMER: &str = "584f9d360deb0e8cf38970ddcd7698995a198e080e186cfb5096d298e7d0af84";

fn order(rate: &str) -> String {
    format!(r#"{{"order_id":"o-1","amount":5,"rate":{rate}}}"#)
}

/// The ids that come back of two orders of one key with these rates.
async fn returned(first: &str, second: &str) -> (Bench, Vec<String>) {
    let bench = Bench::new(Scripted::new());
    assert!(bench.returned(event(&[record("m-1", &order(first))])).await.is_empty());
    let returned = bench.returned(event(&[record("m-2", &order(second))])).await;
    (bench, returned)
}

#[tokio::test(start_paused = true)]
async fn two_payloads_of_one_key_that_differ_beyond_a_double_are_never_taken_for_one() {
    for (one, other) in [
        ("12345678901234567.88", "12345678901234567.89"),
        ("18446744073709551616", "18446744073709551617"),
        ("1e400", "1e401"),
    ] {
        let (bench, returned) = returned(one, other).await;
        assert_eq!((returned, bench.charged("o-1")), (vec!["m-2".to_owned()], 1), "{one} {other}");
        assert_eq!(bench.keyless("m-2").unwrap().fault.unwrap().code, "key_reused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_one_whatever_form_its_numbers_have() {
    for (one, other) in [("1", "1.0"), ("1.0", "1e0"), ("12.50", "1.25e1"), ("0", "-0.0")] {
        let (bench, returned) = returned(one, other).await;
        assert!(returned.is_empty(), "{one} {other}");
        assert_eq!((bench.runs("o-1"), bench.charged("o-1")), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_an_older_version_completed_is_still_a_duplicate_and_another_one_is_not() {
    let former = Bench::new(Scripted::new());
    former.returned(event(&[record("m-0", &Order::body("o-1", 5))])).await;
    let done = Entry { hash: PayloadHash::from_stored(FORMER.to_owned()), ..former.entry("o-1").unwrap() };
    assert_eq!(done.state, EntryState::Completed);
    for (rate, returns) in [("12.50", false), ("12.5", false), ("125e-1", false), ("12.51", true)] {
        let bench = Bench::new(Scripted::new());
        bench.force("o-1", done.clone());
        let returned = bench.returned(event(&[record("m-1", &order(rate))])).await;
        assert_eq!((!returned.is_empty(), bench.runs("o-1")), (returns, 0), "{rate}");
    }
}
