//! The stack's bucket. Two calls of S3 on what the SDK of EC2 stands on: S3's own SDK would be the largest part of a function
//! after EC2's.

use std::time::Duration;

use aws_smithy_http_client::default_connector;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use kiln_core::inventory::{CloudError, ErrorKind, Result};
use kiln_engine::ports::Store;

use crate::aws::Aws;

/// A URL is used at once.
const USED_WITHIN: Duration = Duration::from_secs(60);
const MAX_ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

impl Store for Aws {
    async fn put_object(&self, key: &str, content: &[u8]) -> Result<()> {
        self.object_call("PutObject", "PUT", key, content).await.map(|_| ())
    }

    async fn object(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self.object_call("GetObject", "GET", key, &[]).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.code == "NoSuchKey" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Aws {
    async fn object_call(
        &self,
        operation: &'static str,
        method: &'static str,
        key: &str,
        content: &[u8],
    ) -> Result<Vec<u8>> {
        let mut pause = PAUSE;
        for _ in 1..self.max_attempts.min(MAX_ATTEMPTS) {
            match self.object_call_once(operation, method, key, content).await {
                Err(error) if error.kind.is_retryable() => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
            pause *= 4;
        }
        self.object_call_once(operation, method, key, content).await
    }

    async fn object_call_once(
        &self,
        operation: &'static str,
        method: &'static str,
        key: &str,
        content: &[u8],
    ) -> Result<Vec<u8>> {
        let place = format!("s3://{}/{key}", self.store);
        let failed = |code: &str, why: String| CloudError::new(operation, &place, &self.home, code, why);
        // Never the URL: it is signed.
        let unusable = || failed("ClientError", "the request could not be made".into());
        let url = self.link(method, &self.store, key, USED_WITHIN).await?;
        let mut request = HttpRequest::new(SdkBody::from(content));
        request.set_method(method).map_err(|_| unusable())?;
        request.set_uri(url).map_err(|_| unusable())?;
        request.headers_mut().insert("content-length", content.len().to_string());
        let connector = self.store_connector.get_or_init(connector).as_ref().ok_or_else(unusable)?;
        let answer = connector.call(request).await;
        let answer = answer.map_err(|error| failed("DispatchFailure", without_query(&error.to_string())))?;
        let status = answer.status().as_u16();
        let body = ByteStream::new(answer.into_body()).collect().await;
        let body = body.map_err(|error| failed("Unavailable", error.to_string()))?.to_vec();
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let text = String::from_utf8_lossy(&body);
        let code = element(&text, "Code").unwrap_or(if status >= 500 { "Unavailable" } else { "Unknown" });
        let told = format!("{} (HTTP {status})", element(&text, "Message").unwrap_or("no message"));
        Err(failed(code, told))
    }
}

/// What carries the requests; `None` if the SDK was built without it.
pub(super) fn connector() -> Option<SharedHttpConnector> {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(20))
        .build();
    default_connector(&settings, aws_smithy_async::rt::sleep::default_async_sleep())
}

/// The text of an element of S3's error, which has neither attributes nor elements of the same name within.
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>)
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn without_query(text: &str) -> String {
    text.split('?').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3s_own_code_and_message_are_read() {
        let xml =
            "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>It is gone</Message></Error>";
        assert_eq!(
            (element(xml, "Code"), element(xml, "Message")),
            (Some("NoSuchBucket"), Some("It is gone"))
        );
        assert_eq!(element("<html>", "Code"), None);
    }

    #[test]
    fn no_error_tells_a_signature() {
        assert_eq!(without_query("cannot reach https://a/b?X-Amz-Signature=1"), "cannot reach https://a/b");
    }
}
