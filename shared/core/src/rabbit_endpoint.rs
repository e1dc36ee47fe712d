//! Address of a RabbitMQ broker.

use std::fmt;

use thiserror::Error;

/// Address of a broker as Amazon MQ shows it, such as `amqps://b-1.mq.eu-central-1.on.aws:5671`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RabbitEndpoint {
    /// True if the connection is encrypted, and the broker's certificate is held to the public roots.
    pub encrypted: bool,
    /// Name or address of the host.
    pub host: String,
    /// TCP port of the broker.
    pub port: u16,
}

/// Text that is no address of a broker. What it says is not repeated: it may have a login in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("amqps://HOST:PORT, or amqp://HOST:PORT on a network of your own; no user, no path")]
pub struct BadEndpoint;

impl RabbitEndpoint {
    /// Reads an address: scheme, host and, unless it is the usual one, port.
    ///
    /// # Errors
    /// [`BadEndpoint`] for anything else. A user, a password and a virtual host have settings of their own.
    pub fn parse(text: &str) -> Result<Self, BadEndpoint> {
        let (scheme, rest) = text.split_once("://").ok_or(BadEndpoint)?;
        let (encrypted, usual) = match scheme {
            "amqps" => (true, 5671),
            "amqp" => (false, 5672),
            _ => return Err(BadEndpoint),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| BadEndpoint)?),
            None => (rest, usual),
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if host.is_empty() || port == 0 || !host.bytes().all(fits) {
            return Err(BadEndpoint);
        }
        Ok(Self { encrypted, host: host.to_owned(), port })
    }
}

impl fmt::Display for RabbitEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "amqps" } else { "amqp" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port_that_may_be_the_usual_one() {
        for (text, whole) in [
            ("amqps://b-1.mq.eu-central-1.on.aws:5671", "amqps://b-1.mq.eu-central-1.on.aws:5671"),
            ("amqps://broker", "amqps://broker:5671"),
            ("amqp://127.0.0.1:25672", "amqp://127.0.0.1:25672"),
            ("amqp://broker", "amqp://broker:5672"),
        ] {
            assert_eq!(RabbitEndpoint::parse(text).unwrap().to_string(), whole);
        }
    }

    #[test]
    fn a_login_a_path_and_another_scheme_are_refused_and_not_repeated() {
        for text in [
            "",
            "broker:5671",
            "https://broker",
            "amqps://",
            "amqps://:5671",
            "amqps://broker:",
            "amqps://broker:0",
            "amqps://broker:65536",
            "amqps://ann:SECRET@broker:5671",
            "amqps://broker:5671/SECRET",
            "amqps://broker/SECRET",
            "amqps://broker:5671?heartbeat=SECRET",
        ] {
            let refused = RabbitEndpoint::parse(text).unwrap_err().to_string();
            assert!(refused.contains("no user, no path") && !refused.contains("SECRET"), "{text}");
        }
    }
}
