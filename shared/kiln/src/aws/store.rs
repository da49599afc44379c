//! The stack's bucket. Three calls of S3 on what the SDK of EC2 stands on: S3's own SDK would be the largest part of a function
//! after EC2's.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use kiln_core::inventory::{CloudError, Result};
use kiln_engine::ports::Store;

use crate::aws::Aws;
use crate::aws::links::encoded;

/// A URL is used at once.
const USED_WITHIN: Duration = Duration::from_secs(60);
const MAX_ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// One call of S3.
struct Call<'a> {
    operation: &'static str,
    key: &'a str,
    content: &'a [u8],
    /// What is put; `None` for what no browser shows.
    media_type: Option<&'a str>,
    /// What is asked of the bucket itself; empty for a call about an object.
    query: &'a str,
}

impl Call<'_> {
    fn method(&self) -> &'static str {
        if self.operation == "PutObject" { "PUT" } else { "GET" }
    }
}

impl Store for Aws {
    fn place(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.store)
    }

    async fn put_object(&self, key: &str, content: &[u8]) -> Result<()> {
        self.object_call(&Call { operation: "PutObject", key, content, media_type: None, query: "" }).await?;
        Ok(())
    }

    async fn put_page(&self, key: &str, media_type: &str, content: &[u8]) -> Result<()> {
        let media_type = Some(media_type);
        self.object_call(&Call { operation: "PutObject", key, content, media_type, query: "" }).await?;
        Ok(())
    }

    async fn keys_below(&self, prefix: &str) -> Result<Vec<String>> {
        let (mut keys, mut next) = (Vec::new(), Some(String::new()));
        while let Some(token) = next {
            let query = listing_query(prefix, &token);
            let content = &[];
            let call =
                Call { operation: "ListObjectsV2", key: prefix, content, media_type: None, query: &query };
            let page = self.object_call(&call).await?;
            let page = listed(&String::from_utf8_lossy(&page));
            keys.extend(page.keys);
            next = page.next;
        }
        keys.sort();
        Ok(keys)
    }

    async fn object(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let call = Call { operation: "GetObject", key, content: &[], media_type: None, query: "" };
        match self.object_call(&call).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.code == "NoSuchKey" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Aws {
    async fn object_call(&self, call: &Call<'_>) -> Result<Vec<u8>> {
        let mut pause = PAUSE;
        for _ in 1..self.max_attempts.min(MAX_ATTEMPTS) {
            match self.object_call_once(call).await {
                Err(error) if error.kind.is_retryable() => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
            pause *= 4;
        }
        self.object_call_once(call).await
    }

    async fn object_call_once(&self, call: &Call<'_>) -> Result<Vec<u8>> {
        let Call { operation, key, content, media_type, query } = *call;
        let (place, method) = (self.place(key), call.method());
        let failed = |code: &str, why: String| CloudError::new(operation, &place, &self.home, code, why);
        // Never the URL: it is signed.
        let unusable = || failed("ClientError", "the request could not be made".into());
        let url = match query.is_empty() {
            true => self.link(method, &self.store, key, USED_WITHIN).await?,
            false => self.listing(&self.store, query, USED_WITHIN).await?,
        };
        let mut request = HttpRequest::new(SdkBody::from(content));
        request.set_method(method).map_err(|_| unusable())?;
        request.set_uri(url).map_err(|_| unusable())?;
        request.headers_mut().insert("content-length", content.len().to_string());
        if let Some(media_type) = media_type {
            request.headers_mut().insert("content-type", media_type.to_owned());
        }
        let answer = self.connector().call(request).await;
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

/// The text of an element of S3's error, which has neither attributes nor elements of the same name within.
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>)
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// A page of keys, and what asks for the next one.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    keys: Vec<String>,
    next: Option<String>,
}

/// The query for a page of the keys that begin with `prefix`; `token` is empty for the first page.
fn listing_query(prefix: &str, token: &str) -> String {
    let next = match token {
        "" => String::new(),
        token => format!("&continuation-token={}", encoded(token, false)),
    };
    format!("list-type=2{next}&prefix={}", encoded(prefix, false))
}

/// Reads a page of keys. (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>)
fn listed(xml: &str) -> Listed {
    let keys = xml.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
    Listed {
        keys: keys.map(|(key, _)| unescaped(key)).collect(),
        next: element(xml, "NextContinuationToken").map(unescaped),
    }
}

/// A text of XML, as it was before it stood there.
fn unescaped(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (name, letter)| text.replace(name, letter))
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
    fn a_page_of_keys_is_read_with_what_asks_for_the_next_one() {
        let page = "<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated><Contents><Key>history/a&amp;b.json</Key>\
            </Contents><Contents><Key>history/c.json</Key><Size>1</Size></Contents>\
            <NextContinuationToken>1/+=</NextContinuationToken></ListBucketResult>";
        let read = listed(page);
        assert_eq!(read.keys, ["history/a&b.json", "history/c.json"]);
        let next = read.next.unwrap();
        assert_eq!(
            listing_query("history/", &next),
            "list-type=2&continuation-token=1%2F%2B%3D&prefix=history%2F"
        );
        assert_eq!(listing_query("x", ""), "list-type=2&prefix=x");
        assert_eq!(listed("<ListBucketResult/>"), Listed { keys: Vec::new(), next: None });
    }

    #[test]
    fn no_error_tells_a_signature() {
        assert_eq!(without_query("cannot reach https://a/b?X-Amz-Signature=1"), "cannot reach https://a/b");
    }
}
