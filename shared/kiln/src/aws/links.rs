//! Signed URLs: what lets an instance without a role fetch one object, or put one, for a while.
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html>)

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use kiln_core::inventory::{CloudError, NewInstance, Result};
use kiln_core::model::Region;
use kiln_core::model::user_data::Links;

use crate::aws::Aws;

/// What is fetched is fetched when an instance boots for the first time. The largest need long for that.
const FETCH_WITHIN: Duration = Duration::from_secs(30 * 60);
/// A bake takes a day at most. The function's own credentials may end before.
const SEND_WITHIN: Duration = Duration::from_secs(25 * 60 * 60);
const OPERATION: &str = "SignUrl";

impl Aws {
    /// The URLs that a program needs; `log` is the key of its log. Makes no call of AWS.
    pub(super) async fn links(&self, new: &NewInstance, log: Option<&str>) -> Result<Links> {
        let (program, store) = (&new.program, self.store.as_str());
        let mut links = Links::default();
        if let Some(digest) = &program.archive {
            links.archive = self.link("GET", store, &digest.archive_key(), FETCH_WITHIN).await?;
        }
        for object in &program.fetch {
            links.fetch.push(self.link("GET", &object.bucket, &object.key, FETCH_WITHIN).await?);
        }
        if let Some(key) = log {
            links.log = self.link("PUT", store, key, SEND_WITHIN).await?;
        }
        Ok(links)
    }

    /// One URL, which may be used with one method until `within` has passed.
    pub(super) async fn link(
        &self,
        method: &str,
        bucket: &str,
        key: &str,
        within: Duration,
    ) -> Result<String> {
        self.link_with(method, bucket, key, "", within).await
    }

    /// The URL that asks for a page of the keys of a bucket, with the query that says which.
    pub(super) async fn listing(&self, bucket: &str, query: &str, within: Duration) -> Result<String> {
        self.link_with("GET", bucket, "", query, within).await
    }

    async fn link_with(
        &self,
        method: &str,
        bucket: &str,
        key: &str,
        query: &str,
        within: Duration,
    ) -> Result<String> {
        let place = format!("s3://{bucket}/{key}");
        let failed = |code: &str, why: String| CloudError::new(OPERATION, &place, &self.home, code, why);
        let config = self.config().await;
        let credentials = match config.credentials_provider() {
            Some(provider) => provider.provide_credentials().await,
            None => return Err(failed("NoCredentials", "the function has no credentials".into())),
        };
        let identity = credentials.map_err(|error| failed("NoCredentials", error.to_string()))?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(within);
        // S3 takes a path as it is.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.home.as_str())
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build();
        let unsigned = |why: String| failed("Unsigned", why);
        let params = params.map_err(|error| unsigned(error.to_string()))?.into();
        let mut url = address(config.endpoint_url(), &self.home, bucket, key);
        if !query.is_empty() {
            url = format!("{url}?{query}");
        }
        let request = SignableRequest::new(method, &url, std::iter::empty(), SignableBody::UnsignedPayload);
        let request = request.map_err(|error| unsigned(error.to_string()))?;
        let signed = sign(request, &params).map_err(|error| unsigned(error.to_string()))?;
        let (instructions, _) = signed.into_parts();
        let pairs =
            instructions.params().iter().map(|(name, value)| format!("{name}={}", encoded(value, false)));
        let mark = if query.is_empty() { '?' } else { '&' };
        Ok(format!("{url}{mark}{}", pairs.collect::<Vec<_>>().join("&")))
    }
}

/// Where an object lies: at S3 of the home Region, or at an endpoint that was named in its place.
fn address(endpoint: Option<&str>, home: &Region, bucket: &str, key: &str) -> String {
    let key = encoded(key, true);
    match endpoint {
        Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
        None => {
            let suffix = if home.as_str().starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            // A certificate for *.s3 does not hold for a name with dots.
            match bucket.contains('.') {
                true => format!("https://s3.{home}.{suffix}/{bucket}/{key}"),
                false => format!("https://{bucket}.s3.{home}.{suffix}/{key}"),
            }
        }
    }
}

/// A text as it stands in a URL.
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>)
pub(super) fn encoded(text: &str, keeps_slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            b'/' if keeps_slashes => encoded.push('/'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_lies_at_s3_of_the_home_region() {
        let at = |endpoint, home: &str, bucket| {
            address(endpoint, &home.parse().unwrap(), bucket, "archives/a+b.tar.gz")
        };
        assert_eq!(
            at(None, "eu-west-1", "kiln-store-1"),
            "https://kiln-store-1.s3.eu-west-1.amazonaws.com/archives/a%2Bb.tar.gz"
        );
        assert_eq!(
            at(None, "cn-north-1", "x.y"),
            "https://s3.cn-north-1.amazonaws.com.cn/x.y/archives/a%2Bb.tar.gz"
        );
        assert_eq!(
            at(Some("http://127.0.0.1:4566/"), "eu-west-1", "kiln"),
            "http://127.0.0.1:4566/kiln/archives/a%2Bb.tar.gz"
        );
    }
}
