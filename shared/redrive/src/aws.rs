use std::fmt;

use aws_config::{BehaviorVersion, SdkConfig};
use redrive_aws::Table;
use redrive_lambda::config::{ConfigError, Reader};

use crate::Error;

/// Source of a handler's parts: AWS's clients, made once, and this function's own settings.
#[derive(Clone)]
pub struct Aws {
    clients: redrive_aws::AwsClients,
    lookup: fn(&str) -> Option<String>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").finish_non_exhaustive()
    }
}

impl Aws {
    pub(crate) const fn new(clients: redrive_aws::AwsClients, lookup: fn(&str) -> Option<String>) -> Self {
        Self { clients, lookup }
    }

    /// Makes clients without region and credentials: enough to find out what a constructor thinks of its settings.
    pub(crate) fn unconnected(lookup: fn(&str) -> Option<String>) -> Self {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        Self::new(redrive_aws::AwsClients::new(config), lookup)
    }

    /// The table whose name stands in `variable`, with the name of its partition key.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn table(&self, variable: &str, key: &str) -> Result<Table, Error> {
        let name = self.setting(variable, None, |text| {
            if text.is_empty() { Err("the name of a DynamoDB table") } else { Ok(text.to_owned()) }
        })?;
        Ok(self.clients.table(name, key))
    }

    /// Returns what `parse` makes of the text of `variable`, or of `default` if it is not set (`None`: it must be set).
    ///
    /// ```no_run
    /// # fn example(aws: &redrive::Aws) -> Result<u32, redrive::Error> {
    /// aws.setting("LIMIT", "100", |text| text.parse::<u32>().map_err(|_| "a whole number"))
    /// # }
    /// ```
    ///
    /// # Errors
    /// If `parse` refuses it: its error should say what is allowed.
    pub fn setting<'a, T, E: fmt::Display>(
        &self,
        variable: &str,
        default: impl Into<Option<&'a str>>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Error> {
        let mut reader = Reader::new(&self.lookup);
        let parse = |text: &str| parse(text).map_err(|allowed| allowed.to_string());
        let value = match default.into() {
            Some(default) => reader.optional(variable, default, parse),
            None => reader.required(variable, parse),
        };
        let read: Result<T, ConfigError> = reader.finish(|| value);
        Ok(read?)
    }

    /// The SDK's configuration, for clients of other services.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        self.clients.config()
    }

    /// Returns the client of DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.clients.dynamodb()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws() -> Aws {
        Aws::unconnected(|name| match name {
            "ORDERS_TABLE_NAME" => Some("orders".to_owned()),
            "LIMIT" => Some("many".to_owned()),
            _ => None,
        })
    }

    fn limit(aws: &Aws, variable: &str, default: Option<&str>) -> Result<u32, Error> {
        aws.setting(variable, default, |text| text.parse().map_err(|_| "a whole number"))
    }

    #[test]
    fn a_setting_is_read_defaulted_or_refused_by_its_name() {
        let aws = aws();
        assert_eq!(aws.table("ORDERS_TABLE_NAME", "order_id").unwrap().name(), "orders");
        assert_eq!(limit(&aws, "OTHER", Some("7")).unwrap(), 7);
        for (variable, default, wrong) in
            [("LIMIT", Some("7"), "LIMIT is \"many\""), ("OTHER", None, "OTHER is not set")]
        {
            let error = limit(&aws, variable, default).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("allowed: a whole number"), "{error}");
        }
        let error = aws.table("REFUNDS_TABLE_NAME", "id").unwrap_err().to_string();
        assert!(error.contains("REFUNDS_TABLE_NAME is not set"), "{error}");
    }
}
