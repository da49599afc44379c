//! What carries every request to AWS: one pool of connections, whose root certificates are read once.
//!
//! By itself, each client of the SDK would have a pool and a copy of the roots of its own. The cryptography is ring's: it
//! makes a function 0.5 MB smaller than the SDK's default, and a handshake cheaper, which is most of what a function does
//! before its first answer.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

/// How long a connection may take to be made.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take to begin.
pub(super) const ANSWER: Duration = Duration::from_secs(20);

/// Reads the root certificates of the system, or those that `SSL_CERT_FILE` names. That is what takes time.
pub(super) fn connector() -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(ANSWER).build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    SharedHttpConnector::new(connector)
}

/// The same for the clients of the SDK.
pub(super) fn client(connector: &SharedHttpConnector) -> SharedHttpClient {
    let connector = connector.clone();
    http_client_fn(move |_, _| connector.clone())
}
