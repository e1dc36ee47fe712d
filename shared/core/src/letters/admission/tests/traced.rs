//! Trace of a letter: that of its first message, wherever the copy that died came from.

use super::*;

const WRITTEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

/// The same message with a header of X-Ray, and perhaps the attribute of its producer.
fn traced(dead: &Inspected, header: Option<&str>, written: Option<&str>) -> Inspected {
    let mut envelope = dead.envelope.clone();
    envelope.trace = header.map(str::to_owned);
    envelope.attributes.extend(written.map(|text| ("traceparent".to_owned(), Attribute::text(text))));
    Inspected::new(envelope, &reading())
}

fn indexed(header: Option<&str>, written: Option<&str>) -> (Option<String>, Option<String>) {
    let letter = created(&traced(&message("m-1", 1_000, BODY, None), header, written), &Findings::default());
    (letter.trace.map(|trace| trace.to_string()), letter.history.last().unwrap().note.clone())
}

#[test]
fn a_letter_has_the_trace_of_its_producer_and_else_that_of_x_ray() {
    let noted = |header: &str| Some(format!("its X-Ray header: {header}"));
    let of_header = TraceContext::of_xray(HEADER).map(|trace| trace.to_string());
    assert_eq!(indexed(None, None), (None, None));
    assert_eq!(indexed(None, Some(WRITTEN)), (Some(WRITTEN.to_owned()), None));
    assert_eq!(indexed(Some(HEADER), None), (of_header.clone(), None));
    assert_eq!(indexed(Some(HEADER), Some(WRITTEN)), (Some(WRITTEN.to_owned()), noted(HEADER)));
    assert_eq!(indexed(Some(HEADER), Some("00-0-0-00")), (of_header, None), "what is no trace does not count");
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    assert_eq!(indexed(Some(root), None), (None, noted(root)), "no link, but one can search for it");
    let long = "x".repeat(10_000);
    assert_eq!(indexed(Some(&long), None).1.map(|note| note.len() < 300), Some(true));
}

#[test]
fn a_copy_that_the_processor_sent_is_of_the_trace_of_the_message_and_not_of_the_processors() {
    for (header, written) in [(Some(HEADER), None), (None, Some(WRITTEN))] {
        let dead = traced(&message("m-1", 1, BODY, None), header, written);
        let hop = Some("Root=1-00000000-000000000000000000000001;Parent=0000000000000001;Sampled=1");
        let copy = traced(&handed_over(&dead, "d-1"), hop, written);
        let letter = created(&copy, &Findings { owned: Some(failed(&dead)), ..Findings::default() });
        assert_eq!((&letter.origin, letter.trace), (&dead.envelope.message_id, dead.trace.first(None)));
        assert!(letter.trace.is_some());
        // Nobody proves that death: the message stands for itself, with what it says of itself.
        let unproven = created(&copy, &Findings::default());
        let own = written.map_or_else(|| hop.and_then(TraceContext::of_xray), TraceContext::parse);
        assert_eq!((unproven.origin.as_str(), unproven.trace), ("d-1", own));
    }
}

#[test]
fn a_send_that_dies_leaves_the_trace_of_the_first_message_and_its_own_header_in_the_history() {
    let (_, sent, redrive) = sent();
    let first = TraceContext::parse(WRITTEN);
    let sent = Letter { trace: first, ..sent };
    let forged = Redrive { trace: TraceContext::of_xray(HEADER), ..redrive };
    let again = traced(&message("m-2", 20_001, BODY, Some(&forged)), Some(HEADER), None);
    let back = changed(&again, &Findings { named: Some(sent), ..Findings::default() });
    assert_eq!((back.deaths, back.trace), (2, first), "what the attribute carries changes no letter");
    assert_eq!(back.history.last().unwrap().note.as_deref(), Some(&*format!("its X-Ray header: {HEADER}")));
}

#[test]
fn the_place_of_a_message_in_a_fifo_queue_is_kept() {
    let mut dead = message("m-1", 1_000, r#"{"order_id":"o-1"}"#, None);
    dead.envelope.sequence = Some("18849496460467696128".to_owned());
    assert_eq!(created(&dead, &Findings::default()).sequence.as_deref(), Some("18849496460467696128"));
}
