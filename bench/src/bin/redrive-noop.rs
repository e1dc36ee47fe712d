//! Redrive with a handler that does nothing, or fails if the message says so.

use redrive::{Context, Fault, Handler};

#[derive(serde::Deserialize)]
struct NoopOrder {
    fail: bool,
}

struct Nothing;

impl Handler for Nothing {
    type Message = NoopOrder;
    type Effects = ();

    async fn handle(&self, order: &NoopOrder, _: &Context) -> Result<(), Fault> {
        if order.fail { Err(Fault::transient("later", "not yet")) } else { Ok(()) }
    }
}

fn main() -> Result<(), redrive::Error> {
    redrive::run(|_| Ok(Nothing))
}
