//! State of the console that every page is made with.

use std::sync::{Arc, OnceLock};

use axum::extract::State;

use crate::gate::Gate;
use crate::installation::{Changes, InstallationPort};
use crate::latest::Latest;
use crate::reading::Read;
use crate::snapshot::Snapshots;

/// State that every page is made with.
pub(crate) type Here<I> = State<Arc<Console<I>>>;

/// Console of one installation.
pub struct Console<I> {
    pub(crate) installation: I,
    pub(crate) gate: Arc<Gate>,
    pub(crate) snapshots: Snapshots,
    pub(crate) read: Latest<Arc<Read>>,
    /// Permission that AWS was found to deny.
    denied: OnceLock<&'static str>,
}

impl<I: InstallationPort> Console<I> {
    /// Makes a console that is served at this port of loopback.
    #[must_use]
    pub fn new(installation: I, port: u16) -> Arc<Self> {
        let gate = Arc::new(Gate::new(port));
        let (snapshots, read, denied) = (Snapshots::default(), Latest::default(), OnceLock::new());
        Arc::new(Self { installation, gate, snapshots, read, denied })
    }

    /// Returns the address that opens a session; `None` once it was used.
    #[must_use]
    pub fn start_url(&self) -> Option<String> {
        self.gate.start_url()
    }

    pub(crate) fn changes(&self) -> Changes {
        match (self.installation.changes(), self.denied.get()) {
            (Changes::Allowed, Some(permission)) => Changes::Denied(permission),
            (changes, _) => changes,
        }
    }

    /// Bars what needs a permission that AWS denies.
    pub(crate) fn deny(&self, permission: &'static str) {
        let _ = self.denied.set(permission);
    }
}
