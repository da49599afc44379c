//! A bucket of the account: the one that Kiln is deployed from, and the store of a stack.
//!
//! Every call names the account, so that S3 refuses a bucket of another's.

use std::collections::BTreeSet;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use chrono::{DateTime, TimeDelta, Utc};

use super::stack::Stack;
use crate::aws::{Session, code, more, refused};
use crate::failure::{Failure, Kind};

/// What is no longer deployed stays this long, for a deployment that is under way may still name it.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);
const NOT_FOUND: [&str; 4] = ["404", "NoSuchKey", "NotFound", "NoSuchBucket"];
const MOST_KEYS: usize = 1_000;
/// The resource of the home stack that is its bucket.
pub(crate) const STORE: &str = "Store";

/// A bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    client: Client,
    session: Session,
    /// Its name.
    pub name: String,
    account: String,
}

impl Bucket {
    /// The bucket of this name, of this account.
    pub fn of(session: &Session, name: &str, account: &str) -> Self {
        let (name, account) = (name.to_owned(), account.to_owned());
        Self { client: session.s3(), session: session.clone(), name, account }
    }

    /// A bucket of a stack, by the stack's own record; `None` where there is no such stack or bucket.
    ///
    /// # Errors
    /// The stack cannot be seen.
    pub async fn of_stack(stack: &Stack, account: &str, resource: &str) -> Result<Option<Self>, Failure> {
        if !stack.is_there().await? {
            return Ok(None);
        }
        let found = stack.resources().await?.remove(resource).filter(|(_, name)| !name.is_empty());
        Ok(found.map(|(_, name)| Self::of(&stack.session, &name, account)))
    }

    /// Refuses a bucket that is gone, or that another account owns.
    ///
    /// # Errors
    /// Which bucket, and what to do.
    pub async fn check(&self) -> Result<(), Failure> {
        let sent = self.client.head_bucket().bucket(&self.name).expected_bucket_owner(&self.account);
        let Err(error) = sent.send().await else { return Ok(()) };
        if !NOT_FOUND.contains(&code(&error)) && code(&error) != "AccessDenied" {
            return Err(self.refused("HeadBucket", "", &error));
        }
        let what = format!(
            "bucket {} is gone, is not owned by account {}, or must not be read by you ({}). Nothing was uploaded, and nothing of it deleted.",
            self.name,
            self.account,
            code(&error)
        );
        Err(Failure::new(Kind::NotDone, what).advise(
            "If somebody deleted it, delete its stack, whose name ends with -artifacts, and deploy again: the next bucket has another name.",
        ))
    }

    /// Where CloudFormation finds an object.
    ///
    /// # Errors
    /// There is no such place.
    pub async fn url(&self, key: &str) -> Result<String, Failure> {
        let place = |error: &dyn std::fmt::Display| {
            Failure::new(Kind::Other, format!("s3://{}/{key} has no address: {error}", self.name))
        };
        let soon = PresigningConfig::expires_in(std::time::Duration::from_secs(60));
        let soon = soon.map_err(|error| place(&error))?;
        let signed = self.client.get_object().bucket(&self.name).key(key).presigned(soon).await;
        let signed = signed.map_err(|error| place(&error))?;
        // CloudFormation signs for itself: the address alone is of use.
        Ok(signed.uri().split('?').next().unwrap_or_default().to_owned())
    }

    /// Puts an object whose key tells its content; false if it was there.
    ///
    /// # Errors
    /// It can neither be read nor put.
    pub async fn put_once(&self, key: &str, data: Vec<u8>) -> Result<bool, Failure> {
        let sent = self.client.head_object().bucket(&self.name).key(key);
        match sent.expected_bucket_owner(&self.account).send().await {
            Ok(_) => return Ok(false),
            Err(error) if NOT_FOUND.contains(&code(&error)) => {}
            Err(error) => return Err(self.refused("HeadObject", key, &error)),
        }
        let sent = self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from(data));
        let sent = sent.expected_bucket_owner(&self.account).send().await;
        sent.map_err(|error| self.refused("PutObject", key, &error))?;
        Ok(true)
    }

    /// What an object holds; `None` if it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let sent = self.client.get_object().bucket(&self.name).key(key);
        let found = match sent.expected_bucket_owner(&self.account).send().await {
            Ok(found) => found,
            Err(error) if NOT_FOUND.contains(&code(&error)) => return Ok(None),
            Err(error) => return Err(self.refused("GetObject", key, &error)),
        };
        let cut = |error: &dyn std::fmt::Display| {
            let what = format!("s3://{}/{key} was cut off: {error}", self.name);
            Failure::new(Kind::Network, what).advise("Try again.")
        };
        let bytes = found.body.collect().await.map_err(|error| cut(&error))?;
        Ok(Some(bytes.to_vec()))
    }

    /// The keys that begin so, each with the time at which it was put.
    ///
    /// # Errors
    /// They cannot be listed.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<(String, Option<DateTime<Utc>>)>, Failure> {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let sent = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
            let sent = sent.set_continuation_token(next).expected_bucket_owner(&self.account).send().await;
            let page = sent.map_err(|error| self.refused("ListObjectsV2", prefix, &error))?;
            for one in page.contents() {
                let at = one.last_modified().and_then(|at| DateTime::from_timestamp(at.secs(), 0));
                found.push((one.key().unwrap_or_default().to_owned(), at));
            }
            next = more(page.next_continuation_token);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes the objects that are neither deployed nor young; answers how many.
    ///
    /// The bucket keeps what was deleted for another 30 days, then its lifecycle rule removes it.
    ///
    /// # Errors
    /// They can neither be listed nor deleted.
    pub async fn forget(&self, deployed: &BTreeSet<String>, now: DateTime<Utc>) -> Result<usize, Failure> {
        let old: Vec<_> = old(self.keys("").await?, deployed, now).map(|key| (key, None)).collect();
        self.delete_all(&old).await?;
        Ok(old.len())
    }

    /// Deletes every version of every object.
    ///
    /// # Errors
    /// They can neither be listed nor deleted.
    pub async fn empty(&self) -> Result<(), Failure> {
        let (mut key, mut version) = (None, None);
        loop {
            let sent = self.client.list_object_versions().bucket(&self.name);
            let sent = sent.set_key_marker(key).set_version_id_marker(version);
            let page = sent.expected_bucket_owner(&self.account).send().await;
            let page = page.map_err(|error| self.refused("ListObjectVersions", "", &error))?;
            let text = |one: Option<&str>| one.unwrap_or_default().to_owned();
            let versions = page.versions().iter();
            let versions = versions.map(|one| (text(one.key()), one.version_id().map(str::to_owned)));
            let markers = page.delete_markers().iter();
            let markers = markers.map(|one| (text(one.key()), one.version_id().map(str::to_owned)));
            self.delete_all(&versions.chain(markers).collect::<Vec<_>>()).await?;
            (key, version) = (page.next_key_marker, page.next_version_id_marker);
            if page.is_truncated != Some(true) {
                return Ok(());
            }
        }
    }

    /// Deletes the bucket, which must be empty.
    ///
    /// # Errors
    /// It was not deleted.
    pub async fn delete(&self) -> Result<(), Failure> {
        let sent = self.client.delete_bucket().bucket(&self.name).expected_bucket_owner(&self.account);
        sent.send().await.map_err(|error| self.refused("DeleteBucket", "", &error))?;
        Ok(())
    }

    async fn delete_all(&self, objects: &[(String, Option<String>)]) -> Result<(), Failure> {
        for some in objects.chunks(MOST_KEYS) {
            let mut wanted = Delete::builder().quiet(true);
            for (key, version) in some {
                let one = ObjectIdentifier::builder().key(key).set_version_id(version.clone()).build();
                wanted = wanted.objects(one.map_err(|error| strange(&error))?);
            }
            let wanted = wanted.build().map_err(|error| strange(&error))?;
            let sent = self.client.delete_objects().bucket(&self.name).delete(wanted);
            let answer = sent.expected_bucket_owner(&self.account).send().await;
            let answer = answer.map_err(|error| self.refused("DeleteObjects", "", &error))?;
            if let Some(error) = answer.errors().first() {
                let text = |one: Option<&str>| one.unwrap_or_default().to_owned();
                let (key, code) = (text(error.key()), text(error.code()));
                let what =
                    format!("s3://{}/{key} was not deleted: {code} {}", self.name, text(error.message()));
                return Err(Failure::new(Kind::Other, what));
            }
        }
        Ok(())
    }

    fn refused<E>(
        &self,
        call: &str,
        key: &str,
        error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    ) -> Failure
    where
        E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
    {
        refused(&self.session, &format!("{call} of s3://{}/{key}", self.name), &self.session.home, error)
    }
}

/// What is neither deployed nor young.
fn old(
    found: Vec<(String, Option<DateTime<Utc>>)>,
    deployed: &BTreeSet<String>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = String> {
    let is_old = move |at: Option<DateTime<Utc>>| at.is_some_and(|at| at < now - KEPT_FOR);
    found.into_iter().filter(move |(key, at)| is_old(*at) && !deployed.contains(key)).map(|(key, _)| key)
}

fn strange(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Kind::Other, format!("S3 listed something that it does not take back: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deployed_or_young_stays() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1_000);
        let at = |days: i64| Some(now - TimeDelta::days(days));
        let found = [("deployed", at(90)), ("young", at(29)), ("old", at(31)), ("unknown", None)];
        let found = found.map(|(key, at)| (key.to_owned(), at)).into();
        let deployed = BTreeSet::from(["deployed".to_owned()]);
        assert_eq!(old(found, &deployed, now).collect::<Vec<_>>(), ["old"]);
    }
}
