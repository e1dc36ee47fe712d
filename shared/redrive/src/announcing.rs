use redrive_aws::AwsClients;
use redrive_engine::Announcer;
use redrive_lambda::run::{Flow, Invocation, InvocationFailure};
use serde_json::Value;

use crate::meter;

/// Makes what tells other systems of letters and jobs, if they have a bus for it.
pub(crate) fn announcer(aws: &AwsClients, bus: Option<String>) -> Option<Announcer> {
    bus.map(|bus| Announcer::start(aws.event_bus(bus)))
}

/// A flow that ends once its events are on their bus, or a second later.
pub(crate) struct Announcing<F> {
    pub(crate) flow: F,
    /// Name of the function, for its metrics.
    pub(crate) function: String,
    pub(crate) announcer: Option<Announcer>,
}

impl<F: Flow> Flow for Announcing<F> {
    type Event = F::Event;

    async fn invoke(&self, invocation: Invocation<F::Event>) -> Result<Value, InvocationFailure> {
        let answer = self.flow.invoke(invocation).await;
        if let Some(announcer) = &self.announcer {
            meter::emit(&[meter::whole_events(&self.function, announcer.flush().await)]);
        }
        answer
    }
}
