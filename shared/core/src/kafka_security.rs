//! Security of the connections to a Kafka cluster: encryption and login.

use thiserror::Error;

pub use crate::login::Login;

/// Encryption of the connections to a cluster, and the login. With a login they are always encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaSecurity {
    /// Neither: for brokers on this machine, and for a network that does both.
    Plaintext,
    /// Encrypted, and nobody is named.
    Tls,
    /// Encrypted, with a user and a password, by this mechanism.
    Sasl(SaslMechanism, Login),
}

/// Mechanism of SASL that proves a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Password as it is (RFC 4616).
    Plain,
    /// SCRAM with SHA-256 (RFC 7677).
    ScramSha256,
    /// SCRAM with SHA-512, which MSK has.
    ScramSha512,
}

/// Refusal of a security that cannot be meant. Says nothing of the login.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadSecurity {
    /// The word is no security.
    #[error("is no security: use {words}", words = KafkaSecurity::WORDS)]
    Word,
    /// The word needs a login, and there is none, or half of one.
    #[error("needs a user and a password")]
    NeedsLogin,
    /// The word sends no login, and there is one.
    #[error("sends no login, and one is given: use plain, scram-sha-256 or scram-sha-512, or take it away")]
    TakesNoLogin,
}

impl KafkaSecurity {
    /// Words of the setting, as a refusal tells them.
    pub const WORDS: &str = "none, tls, plain, scram-sha-256 or scram-sha-512";

    /// Reads the configured word, and what stands beside it.
    ///
    /// # Errors
    /// [`BadSecurity`] for another word, for a login that is missing, and for one that would not be used.
    pub fn parse(word: &str, user: Option<String>, password: Option<String>) -> Result<Self, BadSecurity> {
        let mechanism = match word {
            "none" | "tls" if user.is_some() || password.is_some() => return Err(BadSecurity::TakesNoLogin),
            "none" => return Ok(Self::Plaintext),
            "tls" => return Ok(Self::Tls),
            "plain" => SaslMechanism::Plain,
            "scram-sha-256" => SaslMechanism::ScramSha256,
            "scram-sha-512" => SaslMechanism::ScramSha512,
            _ => return Err(BadSecurity::Word),
        };
        let (user, password) = user.zip(password).ok_or(BadSecurity::NeedsLogin)?;
        Ok(Self::Sasl(mechanism, Login { user, password }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(word: &str, user: Option<&str>, password: Option<&str>) -> Result<KafkaSecurity, BadSecurity> {
        KafkaSecurity::parse(word, user.map(str::to_owned), password.map(str::to_owned))
    }

    #[test]
    fn a_login_goes_with_a_mechanism_and_with_nothing_else() {
        let login = Login { user: "ann".to_owned(), password: "SECRET".to_owned() };
        for (word, mechanism) in [
            ("plain", SaslMechanism::Plain),
            ("scram-sha-256", SaslMechanism::ScramSha256),
            ("scram-sha-512", SaslMechanism::ScramSha512),
        ] {
            let read = parse(word, Some("ann"), Some("SECRET"));
            assert_eq!(read, Ok(KafkaSecurity::Sasl(mechanism, login.clone())));
            assert_eq!(parse(word, None, None), Err(BadSecurity::NeedsLogin));
            assert_eq!(parse(word, Some("ann"), None), Err(BadSecurity::NeedsLogin));
        }
        for (word, plain) in [("none", KafkaSecurity::Plaintext), ("tls", KafkaSecurity::Tls)] {
            assert_eq!(parse(word, None, None), Ok(plain));
            assert_eq!(parse(word, None, Some("SECRET")), Err(BadSecurity::TakesNoLogin));
        }
    }

    #[test]
    fn another_word_is_refused_and_nothing_ever_shows_a_login() {
        for word in ["", "sasl", "PLAIN", "scram-sha-1"] {
            let error = parse(word, Some("SECRET"), Some("SECRET")).unwrap_err();
            assert!(error.to_string().contains("scram-sha-512") && !format!("{error:?}").contains("SECRET"));
        }
        let read = parse("plain", Some("SECRET"), Some("SECRET")).unwrap();
        assert!(!format!("{read:?}").contains("SECRET"));
    }
}
