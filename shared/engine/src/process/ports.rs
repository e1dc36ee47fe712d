use redrive_core::ids::MessageId;
use redrive_core::ports::{Ledger, MainQueue, Outbox, Unavailable};
use redrive_core::processing::handler::Dispatch;
use redrive_core::replay::Outgoing;

use crate::world::World;

/// Ports that a processor works with, under one name.
pub trait ProcessPorts: 'static {
    /// Handler of the queue's messages.
    type Handler: Dispatch;
    /// Ledger, which commits the handler's effects with their completion.
    type Ledger: Ledger<<Self::Handler as Dispatch>::Effects>;
    /// Main queue, for visibilities.
    type Queue: MainQueue;
    /// Time and chance, as given.
    type World: World;
    /// Dead-letter queue, if the processor itself sends the dead there.
    type DeadLetters: Outbox;
}

impl<H, L, Q, W, D> ProcessPorts for (H, L, Q, W, D)
where
    H: Dispatch,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
    D: Outbox,
{
    type Handler = H;
    type Ledger = L;
    type Queue = Q;
    type World = W;
    type DeadLetters = D;
}

/// Payload of the handler's messages.
pub(super) type PayloadOf<P> = <<P as ProcessPorts>::Handler as Dispatch>::Payload;
/// Effects that the handler hands over.
pub(super) type EffectsOf<P> = <<P as ProcessPorts>::Handler as Dispatch>::Effects;

/// Outbox of a processor that sends nothing: there is none, and so no call of it.
#[derive(Debug, Clone)]
pub enum Nowhere {}

impl Outbox for Nowhere {
    async fn send(&self, _: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        match *self {}
    }
}
