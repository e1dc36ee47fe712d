//! HTTP connections of calls to AWS.

use std::time::Duration;

use aws_sdk_sqs::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, ConnectorBuilder, tls};

/// Timeout of one try of a call.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);

/// An HTTP client like the SDK's own, which uses no connection again that has been idle for longer.
pub(crate) fn fresh_within(idle: Duration) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let rustls = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        let mut connector = ConnectorBuilder::default().tls_provider(rustls).pool_idle_timeout(idle);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}
