use redrive_engine::trace;
use redrive_lambda::run::{Flow, Invocation, InvocationFailure};
use serde_json::Value;

/// A flow whose calls belong to the trace of the invocation that they are made for.
pub(crate) struct Traced<F>(pub(crate) F);

impl<F: Flow> Flow for Traced<F> {
    type Event = F::Event;

    async fn invoke(&self, invocation: Invocation<F::Event>) -> Result<Value, InvocationFailure> {
        trace::within(invocation.trace.clone(), self.0.invoke(invocation)).await
    }
}
