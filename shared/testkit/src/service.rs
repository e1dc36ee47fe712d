//! A service of somebody else, which a handler calls: a payment provider, say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use redrive_core::ports::Unavailable;

use crate::faults::Faults;
use crate::lock;

/// Service with effects that no transaction of ours holds. The service has one effect for each key that it is given, and
/// one for each call without a key. Clones share it.
///
/// ```
/// use redrive_testkit::KeyedService;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let payments = KeyedService::new("payments");
/// for _ in 0..2 {
///     payments.call(Some("o-1"), "charge").await.unwrap();
///     payments.call(None, "mail").await.unwrap();
/// }
/// assert_eq!(payments.effects(), [("charge".to_owned(), 1), ("mail".to_owned(), 2)].into());
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct KeyedService {
    name: &'static str,
    state: Arc<Mutex<State>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<ServiceCall>,
    keys: BTreeSet<String>,
    effects: BTreeMap<String, u64>,
}

/// Call that arrived at a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCall {
    /// Idempotency key that the caller sent, if it sent one.
    pub key: Option<String>,
    /// Effect that the caller asked for.
    pub effect: String,
}

impl KeyedService {
    /// Makes a service that has had no call yet.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, state: Arc::default(), faults: Faults::none() }
    }

    /// The same service, as the process of `faults` sees it.
    #[must_use]
    pub fn with_faults(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// Asks for an effect. A call whose key is known has none, and gets the same answer.
    ///
    /// # Errors
    /// [`Unavailable`] if the call or its answer was lost; the effect may have happened.
    pub async fn call(&self, key: Option<&str>, effect: &str) -> Result<(), Unavailable> {
        let call = ServiceCall { key: key.map(str::to_owned), effect: effect.to_owned() };
        let state = Arc::clone(&self.state);
        self.faults.call(self.name, "carry out a call", move |_| lock(&state).arrive(&call)).await
    }

    /// Returns the number of times that each effect happened.
    #[must_use]
    pub fn effects(&self) -> BTreeMap<String, u64> {
        lock(&self.state).effects.clone()
    }

    /// Returns the calls that arrived, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<ServiceCall> {
        lock(&self.state).calls.clone()
    }
}

impl State {
    fn arrive(&mut self, call: &ServiceCall) {
        self.calls.push(call.clone());
        if call.key.as_ref().is_none_or(|key| self.keys.insert(key.clone())) {
            *self.effects.entry(call.effect.clone()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::CallFault;

    #[tokio::test(start_paused = true)]
    async fn a_call_whose_answer_is_lost_has_its_effect_and_its_repeat_with_the_key_none() {
        for (key, effects) in [(Some("o-1"), 1), (None, 2)] {
            let faults = Faults::script([(0, CallFault::LostAnswer)]);
            let service = KeyedService::new("payments").with_faults(faults);
            assert!(service.call(key, "charge").await.is_err());
            assert!(service.call(key, "charge").await.is_ok());
            assert_eq!((service.effects()["charge"], service.calls().len()), (effects, 2), "{key:?}");
        }
    }
}
