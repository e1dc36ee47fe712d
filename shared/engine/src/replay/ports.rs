use redrive_core::ports::{Causes, Gauges, Jobs, LedgerMarker, Letters, Outbox, Summaries};

use super::queue_pair::QueuePair;
use crate::world::World;

/// Ports that a replay works with, under one name.
pub trait ReplayPorts {
    /// Queue that letters go to.
    type Outbox: Outbox;
    /// Ledger of the queue's consumer, if it keeps one.
    type Ledger: LedgerMarker;
    /// Table of the dead letters.
    type Letters: Letters + Jobs + Causes + Summaries;
    /// Measurements that guards read.
    type Gauges: Gauges;
    /// Time and chance, as given.
    type World: World;
}

impl<O, R, T, G, W> ReplayPorts for (O, R, T, G, W)
where
    O: Outbox,
    R: LedgerMarker,
    T: Letters + Jobs + Causes + Summaries,
    G: Gauges,
    W: World,
{
    type Outbox = O;
    type Ledger = R;
    type Letters = T;
    type Gauges = G;
    type World = W;
}

/// Queue pair behind these ports.
pub(crate) type PairOf<P> =
    QueuePair<<P as ReplayPorts>::Outbox, <P as ReplayPorts>::Ledger, <P as ReplayPorts>::Gauges>;
