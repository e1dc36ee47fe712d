//! Tests of the destinations of letters.

use serde_json::json;

use super::pairs::{lookup, pair, places, replay, with};
use super::{DestinationConfig, ReplayConfig};

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:123456789012:{name}")
}

fn url(name: &str) -> String {
    format!("https://sqs.us-east-1.amazonaws.com/123456789012/{name}")
}

fn told(config: &ReplayConfig) -> (bool, Vec<(&str, &str)>) {
    let read = &config.pairs[0];
    let others = read.destinations.iter().map(|DestinationConfig { arn, url }| (arn.as_str(), url.as_str()));
    (read.sends, others.collect())
}

#[test]
fn letters_go_back_unless_a_list_says_otherwise_and_elsewhere_only_if_it_says_so() {
    let (refunds, there) = (arn("refunds"), url("refunds"));
    let other = json!({"arn": refunds, "url": "http://localhost:4566/123456789012/refunds"});
    for (list, back, others) in [
        (json!("ABSENT"), true, vec![]),
        (json!([]), false, vec![]),
        (json!([arn("orders")]), true, vec![]),
        (json!([refunds]), false, vec![(refunds.as_str(), there.as_str())]),
        (json!([arn("orders"), other]), true, vec![(&refunds, "http://localhost:4566/123456789012/refunds")]),
        (json!([arn("orders"), refunds, arn("mail")]), true, vec![(&refunds, &there), (&arn("mail"), &url("mail"))]),
    ] {
        let config = replay(&[with(pair("orders"), json!({"destinations": list}))]).unwrap();
        assert_eq!(told(&config), (back, others), "{list}");
    }
    let fifo = with(pair("steps.fifo"), json!({"destinations": [arn("mail"), arn("more.fifo")]}));
    assert_eq!(replay(&[fifo]).unwrap().pairs[0].destinations.len(), 2, "out of a FIFO queue a message goes anywhere");
    // Another pair's main queue is a destination like any other.
    let listed = with(pair("orders"), json!({"destinations": [refunds]}));
    assert!(replay(&[listed, pair("refunds")]).is_ok());
}

#[test]
fn a_destination_that_cannot_be_meant_is_refused_at_its_place() {
    for (list, place) in [
        (json!("all"), ""),
        (json!({"arn": arn("refunds"), "url": url("refunds")}), ""),
        (json!(["refunds"]), "/0"),
        (json!([arn("orders"), "arn:aws:sqs:us-east-1:123456789012:*"]), "/1"),
        (json!([7]), "/0"),
        (json!([arn("refunds.fifo")]), "/0"),
        (json!([arn("dead-orders")]), "/0"),
        (json!(["arn:aws:sqs:eu-west-1:123456789012:refunds"]), "/0"),
        (json!([arn("refunds"), arn("mail"), arn("refunds")]), "/2"),
        (json!([{"arn": arn("refunds"), "url": url("mail")}]), "/0"),
        (json!([{"arn": arn("orders"), "url": url("refunds")}]), "/0"),
        (json!([{"arn": arn("refunds")}]), "/0/url"),
        (json!([{"arn": "refunds", "url": url("refunds")}]), "/0/arn"),
        (json!([{"arn": arn("refunds"), "url": url("refunds"), "name": "r"}]), "/0/name"),
        (json!((0..51).map(|n| arn(&format!("q-{n}"))).collect::<Vec<_>>()), ""),
    ] {
        let error = replay(&[with(pair("orders"), json!({"destinations": list}))]).unwrap_err();
        assert_eq!(places(&error), [format!("/pairs/0/destinations{place}")], "{list}: {error}");
        assert!(!error.problems[0].allowed.is_empty(), "{list}");
    }
    let dead = with(pair("orders"), json!({"destinations": [arn("dead-refunds")]}));
    let error = replay(&[dead, pair("refunds")]).unwrap_err();
    assert_eq!(places(&error), ["/pairs/0/destinations"], "another pair's dead-letter queue: {error}");
}

#[test]
fn a_single_pair_names_others_by_a_variable_and_their_urls_are_like_its_own() {
    let read = |destinations: &str| {
        let (main, own) = (url("orders"), arn("orders"));
        let dead = url("dead-orders");
        let variables = [
            ("MAIN_QUEUE_URL", main.as_str()),
            ("MAIN_QUEUE_ARN", &own),
            ("DEAD_LETTER_QUEUE_URL", &dead),
            ("REPLAY_DESTINATIONS", destinations),
        ];
        ReplayConfig::read(lookup(&variables))
    };
    assert_eq!(told(&read("").unwrap()), (true, vec![]));
    let (refunds, mail) = (arn("refunds"), arn("mail"));
    let both = read(&format!(" {refunds} ,{mail}")).unwrap();
    assert_eq!(told(&both), (true, vec![(refunds.as_str(), url("refunds").as_str()), (&mail, &url("mail"))]));
    let wrong = ["refunds", &arn("x.fifo"), &arn("orders"), &arn("dead-orders"), &format!("{refunds},{refunds}")];
    for wrong in wrong {
        assert_eq!(places(&read(wrong).unwrap_err()), ["REPLAY_DESTINATIONS"], "{wrong}");
    }
    let many = read(&format!("refunds,{}", arn("x.fifo"))).unwrap_err();
    assert_eq!(many.problems.len(), 2, "all of it is told at once: {many}");
}
