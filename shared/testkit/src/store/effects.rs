use std::collections::BTreeMap;
use std::fmt;

use redrive_core::fault::Fault;

/// Counters by name: what a handler hands over in tests, committed together with its completion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// Amount added to each counter.
    pub adds: BTreeMap<String, u64>,
    /// Set if the store shall refuse them for good: a failed condition of the user's own.
    pub refusal: Option<Fault>,
}

impl Effects {
    /// Adds one to one counter.
    #[must_use]
    pub fn one(counter: impl Into<String>) -> Self {
        Self { adds: [(counter.into(), 1)].into(), refusal: None }
    }

    /// Makes effects that the store refuses with this fault.
    #[must_use]
    pub fn refused(fault: Fault) -> Self {
        Self { adds: BTreeMap::new(), refusal: Some(fault) }
    }
}

impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let adds: Vec<_> = self.adds.iter().map(|(counter, by)| format!("{counter} +{by}")).collect();
        f.write_str(&adds.join(", "))
    }
}

/// Effects that the model ledger can carry out. Implement it for a handler's own effects to test that handler.
pub trait Countable: Send + Sync + 'static {
    /// The same as counters.
    fn counted(&self) -> Effects;
}

impl Countable for Effects {
    fn counted(&self) -> Effects {
        self.clone()
    }
}

impl Countable for () {
    fn counted(&self) -> Effects {
        Effects::default()
    }
}
