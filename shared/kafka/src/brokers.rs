//! Way to a cluster: addresses, encryption, and who asks.

use std::time::Duration;

use krafka::auth::{AuthConfig, TlsConfig};
use krafka::{Kafka, KrafkaError};
use thiserror::Error;

/// Time for one connection, at the most. An invocation cannot wait for longer.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for one request, and for a record with all its tries.
const REQUEST: Duration = Duration::from_secs(8);

/// Cluster, as it is reached.
#[derive(Clone)]
pub struct Brokers {
    bootstrap: String,
    security: AuthConfig,
}

/// A word for an authentication that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no authentication: use none, tls, plain, scram-sha-256 or scram-sha-512")]
pub struct BadAuthentication(String);

impl Brokers {
    /// Brokers at `host:port,...`, by a configured word. All but `none` are encrypted. `secret` is user and password.
    ///
    /// # Errors
    /// [`BadAuthentication`] for any other word, or one that needs a secret and has none.
    pub fn new(bootstrap: &str, word: &str, secret: Option<(String, String)>) -> Result<Self, BadAuthentication> {
        let security = match (word, secret) {
            ("none", None) => AuthConfig::plaintext(),
            ("tls", None) => AuthConfig::plaintext().with_tls(TlsConfig::new()),
            ("plain", Some((user, password))) => AuthConfig::sasl_plain(user, password).with_tls(TlsConfig::new()),
            ("scram-sha-256", Some((user, password))) => {
                AuthConfig::sasl_scram_sha256(user, password).with_tls(TlsConfig::new())
            }
            ("scram-sha-512", Some((user, password))) => {
                AuthConfig::sasl_scram_sha512(user, password).with_tls(TlsConfig::new())
            }
            _ => return Err(BadAuthentication(word.to_owned())),
        };
        Ok(Self { bootstrap: bootstrap.to_owned(), security })
    }

    pub(crate) async fn producer(&self) -> Result<krafka::producer::Producer, KrafkaError> {
        let kafka = Kafka::builder(self.bootstrap.as_str())
            .client_id("redrive")
            .security(self.security.clone())
            .connect_timeout(CONNECT)
            .request_timeout(REQUEST)
            // A name that is mistyped would become a topic that nobody reads.
            .allow_auto_create_topics(false)
            .connect()
            .await?;
        let producer = kafka.producer().acks(krafka::producer::Acks::All).idempotent(true).linger(Duration::ZERO);
        // A topic that is missing, or without a leader, is waited for as long as one that does not answer.
        producer.max_block(REQUEST).delivery_timeout(REQUEST).metrics_push(false).build().await
    }
}
