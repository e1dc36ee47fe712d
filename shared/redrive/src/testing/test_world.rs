use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redrive_testkit::loopback::{JsonAnswer, JsonRequest, JsonServer};
use redrive_testkit::{Faults, KeyedService, ServiceCall};

use super::outcome::ExternalCall;

/// Headers in which a request carries its key: that of most providers, and that of Lambda's durable executions.
const KEY_HEADERS: [&str; 2] = ["idempotency-key", "x-amz-durable-execution-name"];

/// World of one run: what a handler calls, and what outlives the handler when its process dies.
#[derive(Debug, Clone)]
pub struct TestWorld {
    faults: Faults,
    services: Arc<Mutex<BTreeMap<&'static str, KeyedService>>>,
    servers: Arc<Mutex<BTreeMap<&'static str, JsonServer>>>,
}

/// Calls by the names of their services, each list in its order.
pub(super) type ServiceCalls = BTreeMap<&'static str, Vec<ExternalCall>>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TestWorld {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, services: Arc::default(), servers: Arc::default() }
    }

    /// The same world, as the process of `faults` sees it.
    pub(super) fn seen_by(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// Returns the service of this name: one that has an effect for each key, and whose calls go wrong as the run says.
    #[must_use]
    pub fn service(&self, name: &'static str) -> KeyedService {
        let mut services = lock(&self.services);
        services.entry(name).or_insert_with(|| KeyedService::new(name)).with_faults(self.faults.clone())
    }

    /// Returns the URL of the HTTP server of this name on loopback, which `answer` speaks for. The server is started the
    /// first time that a run asks for it.
    ///
    /// A scenario with servers needs [`with_sockets`](super::Scenario::with_sockets).
    ///
    /// # Panics
    /// If no port of loopback is free.
    #[must_use]
    pub fn server(&self, name: &'static str, answer: impl Fn(&JsonRequest) -> JsonAnswer + Send + 'static) -> String {
        lock(&self.servers).entry(name).or_insert_with(|| JsonServer::answering_by(answer)).endpoint()
    }

    /// Returns the calls that every service got until now.
    pub(super) fn calls(&self) -> ServiceCalls {
        let mut all = ServiceCalls::new();
        for (name, service) in &*lock(&self.services) {
            let call = |ServiceCall { key, effect }| ExternalCall { service: name, key, request: effect };
            all.entry(*name).or_default().extend(service.calls().into_iter().map(call));
        }
        for (name, requests) in self.requests() {
            let call = |JsonRequest { method, path, headers, body, .. }: JsonRequest| ExternalCall {
                service: name,
                key: KEY_HEADERS.iter().find_map(|header| headers.get(*header)).cloned(),
                request: format!("{method} {path} {body}"),
            };
            all.entry(name).or_default().extend(requests.into_iter().map(call));
        }
        all
    }

    pub(super) fn service_effects(&self) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
        lock(&self.services).iter().map(|(name, service)| (*name, service.effects())).collect()
    }

    pub(super) fn requests(&self) -> BTreeMap<&'static str, Vec<JsonRequest>> {
        lock(&self.servers).iter().map(|(name, server)| (*name, server.received())).collect()
    }
}
