//! Handler that does nothing, or fails if the message says so.

use redrive::{Context, Fault, Handler};

/// Order of a peer, as far as the handler looks at it.
#[derive(serde::Deserialize)]
pub(crate) struct NoopOrder {
    fail: bool,
}

/// Handler of these orders, without effects.
pub(crate) struct Nothing;

impl Handler for Nothing {
    type Message = NoopOrder;
    type Effects = ();

    async fn handle(&self, order: &NoopOrder, _: &Context) -> Result<(), Fault> {
        if order.fail { Err(Fault::transient("later", "not yet")) } else { Ok(()) }
    }
}
