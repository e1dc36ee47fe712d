//! Spans of OpenTelemetry. The span of a handler is linked to where its message was sent, and the span of a replay to the trace of
//! the original, too: by a link, since that trace ended when the original died.

use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{Span, SpanContext, SpanId, SpanKind, TraceFlags, TraceId, TraceState, Tracer};
use redrive::{Context, Error, Fault, Handler, TraceContext};

#[derive(serde::Deserialize)]
struct Parcel {
    to: String,
}

struct Shipper {
    tracer: BoxedTracer,
}

/// The same place in a trace, in OpenTelemetry's type.
fn remote(trace: &TraceContext) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from_bytes(trace.trace_id()), SpanId::from_bytes(trace.span_id()));
    SpanContext::new(trace_id, span_id, TraceFlags::new(trace.flags()), true, TraceState::NONE)
}

impl Handler for Shipper {
    type Message = Parcel;
    type Effects = ();

    async fn handle(&self, parcel: &Parcel, context: &Context) -> Result<(), Fault> {
        let mut span = self.tracer.span_builder("process parcels").with_kind(SpanKind::Consumer).start(&self.tracer);
        for trace in context.trace().into_iter().chain(context.link()) {
            span.add_link(remote(trace), Vec::new());
        }
        if parcel.to.is_empty() { Err(Fault::permanent("no-address", "parcel has no address")) } else { Ok(()) }
    }
}

/// Runs the function until Lambda ends it. A provider of spans, with the exporter of your choice, is set before.
///
/// # Errors
/// If the configuration is refused, or Lambda's runtime cannot be reached.
pub fn main() -> Result<(), Error> {
    redrive::run(|_| Ok(Shipper { tracer: global::tracer("parcels") }))
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
    use redrive_testkit::handlers::first_attempt;

    use super::*;

    const ORIGINAL: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const REPLAY: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00";

    /// The one span that a real provider exports of a handler's run.
    async fn exported(context: Context) -> SpanData {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let shipper = Shipper { tracer: BoxedTracer::new(Box::new(provider.tracer("parcels"))) };
        shipper.handle(&Parcel { to: "Ann".to_owned() }, &context).await.unwrap();
        exporter.get_finished_spans().unwrap().remove(0)
    }

    /// The links of a span as W3C writes them.
    fn links(span: &SpanData) -> Vec<String> {
        let one = |context: &SpanContext| {
            format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
        };
        span.links.iter().map(|link| one(&link.span_context)).collect()
    }

    #[tokio::test]
    async fn the_span_of_a_replay_is_linked_to_the_original_and_to_the_replay_and_is_a_child_of_neither() {
        let (trace, link) = (TraceContext::parse(REPLAY), TraceContext::parse(ORIGINAL));
        let span = exported(first_attempt("p-1").traced(trace, link)).await;
        assert_eq!(links(&span), [REPLAY, ORIGINAL]);
        assert!(span.links.iter().all(|link| link.span_context.is_remote() && link.span_context.is_valid()));
        assert_eq!(span.parent_span_id, SpanId::INVALID);
        assert_ne!(span.span_context.trace_id().to_string(), ORIGINAL[3..35], "a trace of its own");
    }

    #[tokio::test]
    async fn a_message_without_a_trace_has_a_span_without_a_link() {
        assert!(links(&exported(first_attempt("p-1")).await).is_empty());
    }
}
