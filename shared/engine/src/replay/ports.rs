use redrive_core::ports::{Causes, Gauges, Jobs, LedgerMarker, Letters, Outbox};

use crate::World;

/// What a replay works with, under one name.
pub trait Ports {
    /// Of a queue: where letters go.
    type Outbox: Outbox;
    /// The ledger of the queue's consumer, if it keeps one.
    type Ledger: LedgerMarker;
    /// The dead-letter table.
    type Letters: Letters + Jobs + Causes;
    /// What guards read.
    type Gauges: Gauges;
    /// Time and chance.
    type World: World;
}

impl<O: Outbox, R: LedgerMarker, T: Letters + Jobs + Causes, G: Gauges, W: World> Ports for (O, R, T, G, W) {
    type Outbox = O;
    type Ledger = R;
    type Letters = T;
    type Gauges = G;
    type World = W;
}
