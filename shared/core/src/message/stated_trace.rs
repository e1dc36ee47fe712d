//! Traces that a message states, and which of them counts for what.
//!
//! A producer that is traced says so in one of two places: the message attribute `traceparent` (W3C Trace Context, which
//! OpenTelemetry writes), and SQS's system attribute `AWSTraceHeader` (X-Ray). The attribute counts first. Whoever made the message
//! wrote it, and everybody on the way leaves it alone. The header is of the last hop: SNS, or a function that sent a copy.
//! None of it proves anything. Anybody who sends may write it, and nothing is decided by it.

use crate::message::envelope::{Attribute, Envelope};
use crate::message::redrive::Redrive;
use crate::message::trace_context::{ATTRIBUTE, TraceContext};
use crate::message::wrapping::Content;

/// Traces that a message states.
///
/// Rule R43 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatedTrace {
    attribute: Option<TraceContext>,
    header: Option<TraceContext>,
}

/// Traces of a message, as its handler needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageTrace {
    /// Trace in which this very message was sent.
    pub own: Option<TraceContext>,
    /// Trace in which the message was sent that this one is a copy of; `None` if it is no copy.
    pub original: Option<TraceContext>,
}

impl StatedTrace {
    /// Reads what an envelope states. A producer's attribute may stand inside of SNS's wrapping, as a key may.
    pub(crate) fn of(envelope: &Envelope, content: Option<&Content<'_>>) -> Self {
        let outer = envelope.attributes.get(ATTRIBUTE).and_then(Attribute::as_text);
        let attribute = outer.or_else(|| content?.attribute(ATTRIBUTE));
        let header = envelope.trace.as_deref().and_then(TraceContext::of_xray);
        Self { attribute: attribute.and_then(TraceContext::parse), header }
    }

    /// Returns the traces of a message; `redrive` is there if it is a copy that redrive sent. A copy has the attributes of the
    /// original, so of what it states only the header is its own.
    #[must_use]
    pub fn of_message(&self, redrive: Option<&Redrive>) -> MessageTrace {
        match redrive {
            Some(_) => MessageTrace { own: self.header, original: self.first(redrive) },
            None => MessageTrace { own: self.first(None), original: None },
        }
    }

    /// Returns the trace of the message that came first: of this one, or of the one that it is a copy of.
    #[must_use]
    pub fn first(&self, redrive: Option<&Redrive>) -> Option<TraceContext> {
        match redrive {
            Some(redrive) => redrive.trace.or(self.attribute),
            None => self.attribute.or(self.header),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LetterId, MessageId, QueueArn, ReplayNumber, Scope};
    use crate::message::decode::{Inspected, Reading};
    use crate::message::envelope::Record;
    use crate::message::wrapping::Wrapping;
    use crate::time::Timestamp;

    const ORIGINAL: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const WRITTEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    fn reading() -> Reading {
        Reading::new(QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap(), Scope::new("main").unwrap())
    }

    fn redrive(trace: Option<TraceContext>) -> Redrive {
        let origin = MessageId::new("m-0").unwrap();
        Redrive {
            letter: LetterId::derive(&reading().source, &origin),
            number: ReplayNumber(1),
            key: None,
            scope: reading().scope,
            origin,
            sent_at: Timestamp::from_millis(1),
            died: None,
            trace,
        }
    }

    fn inspected(body: &str, attributes: &[(&str, String)], header: Option<&str>, reading: &Reading) -> Inspected {
        let mut system = std::collections::BTreeMap::from([("SentTimestamp".to_owned(), "5".to_owned())]);
        system.extend(header.map(|header| ("AWSTraceHeader".to_owned(), header.to_owned())));
        let text = |(name, text): &(&str, String)| ((*name).to_owned(), Attribute::text(text.as_str()));
        let record = Record {
            receipt_handle: Some("handle".to_owned()),
            body: Some(body.to_owned()),
            system,
            attributes: attributes.iter().map(text).collect(),
            ..Record::default()
        };
        Inspected::new(Envelope::read(MessageId::new("m-1").unwrap(), record).unwrap(), reading)
    }

    fn traces(attributes: &[(&str, String)], header: Option<&str>) -> MessageTrace {
        inspected("{}", attributes, header, &reading()).message_trace()
    }

    #[test]
    fn a_message_is_of_the_trace_that_its_producer_wrote_and_else_of_the_headers() {
        let own = |own| MessageTrace { own, original: None };
        let written = ("traceparent", WRITTEN.to_owned());
        assert_eq!(traces(&[], None), own(None));
        assert_eq!(traces(&[], Some(HEADER)), own(TraceContext::of_xray(HEADER)));
        assert_eq!(traces(std::slice::from_ref(&written), Some(HEADER)), own(TraceContext::parse(WRITTEN)));
        let forged = ("redrive", "{\"trace\":\"00\"}".to_owned());
        assert_eq!(
            traces(&[written, forged], None),
            own(TraceContext::parse(WRITTEN)),
            "an attribute that is not valid"
        );
    }

    #[test]
    fn a_copys_own_trace_is_the_headers_and_its_original_is_what_is_carried_and_else_what_was_written() {
        let written = ("traceparent", WRITTEN.to_owned());
        let carried = ("redrive", redrive(TraceContext::parse(ORIGINAL)).encode());
        let older = ("redrive", redrive(None).encode());
        for (attributes, original) in [
            (vec![carried.clone()], Some(ORIGINAL)),
            (vec![carried, written.clone()], Some(ORIGINAL)),
            (vec![older.clone(), written], Some(WRITTEN)),
            (vec![older], None),
        ] {
            let expected = MessageTrace { own: None, original: original.and_then(TraceContext::parse) };
            assert_eq!(traces(&attributes, None), expected);
            let own = TraceContext::of_xray(HEADER);
            assert_eq!(traces(&attributes, Some(HEADER)), MessageTrace { own, ..expected });
        }
    }

    #[test]
    fn what_a_producer_wrote_is_found_inside_of_snss_wrapping_and_not_in_anybodys_body() {
        let attributes = format!(r#"{{"traceparent":{{"Type":"String","Value":"{WRITTEN}"}}}}"#);
        let body = format!(r#"{{"Message":"{{}}","MessageAttributes":{attributes}}}"#);
        for (wrapping, own) in [(Wrapping::Sns, TraceContext::parse(WRITTEN)), (Wrapping::None, None)] {
            let reading = Reading { wrapping, ..reading() };
            assert_eq!(inspected(&body, &[], None, &reading).message_trace().own, own);
        }
    }

    #[test]
    fn a_message_that_is_handed_over_carries_its_first_trace() {
        let (reading, carried) = (reading(), redrive(TraceContext::parse(ORIGINAL)));
        let at_death = |attributes: &[(&str, String)]| {
            let dead = inspected("{}", attributes, Some(HEADER), &reading);
            dead.redrive_at_death(&reading.source, &reading.scope).trace
        };
        assert_eq!(at_death(&[]), TraceContext::of_xray(HEADER));
        assert_eq!(at_death(&[("redrive", carried.encode())]), TraceContext::parse(ORIGINAL));
    }
}
