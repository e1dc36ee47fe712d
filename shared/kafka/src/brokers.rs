//! Way to a cluster: addresses, encryption, and who asks.

use std::time::Duration;

use krafka::auth::{AuthConfig, TlsConfig};
use krafka::{Kafka, KrafkaError};
use redrive_core::kafka_security::{KafkaSecurity, Login, SaslMechanism};

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

impl Brokers {
    /// Brokers of a cluster, at `host:port,...`. Connects to nothing yet.
    #[must_use]
    pub fn new(bootstrap: &str, security: &KafkaSecurity) -> Self {
        let security = match security {
            KafkaSecurity::Plaintext => AuthConfig::plaintext(),
            KafkaSecurity::Tls => AuthConfig::plaintext().with_tls(TlsConfig::new()),
            KafkaSecurity::Sasl(mechanism, Login { user, password }) => match mechanism {
                SaslMechanism::Plain => AuthConfig::sasl_plain(user, password),
                SaslMechanism::ScramSha256 => AuthConfig::sasl_scram_sha256(user, password),
                SaslMechanism::ScramSha512 => AuthConfig::sasl_scram_sha512(user, password),
            }
            .with_tls(TlsConfig::new()),
        };
        Self { bootstrap: bootstrap.to_owned(), security }
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

#[cfg(test)]
mod tests {
    use krafka::auth::SecurityProtocol;

    use super::*;

    #[test]
    fn a_login_never_travels_without_encryption() {
        for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
            let login = Login { user: "ann".to_owned(), password: "p".to_owned() };
            let brokers = Brokers::new("b:9096", &KafkaSecurity::Sasl(mechanism, login));
            assert_eq!(brokers.security.security_protocol(), &SecurityProtocol::SaslSsl);
        }
        let tls = Brokers::new("b:9094", &KafkaSecurity::Tls);
        assert_eq!(tls.security.security_protocol(), &SecurityProtocol::Ssl);
    }
}
