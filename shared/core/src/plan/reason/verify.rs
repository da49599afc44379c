//! Why an image is tested, passes, or does not.

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::script::ScriptReason;
use crate::model::{InstanceId, Stage, Version};
use crate::recipe::BadTags;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why an image is tested, passes, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyReason {
    #[error("it is not a tester, so verify leaves it alone")]
    NotATester,
    #[error("the image is available; before use it is tested outside of {}", .0.as_deref().unwrap_or("its builder's Availability Zone"))]
    TimeToTest(Option<String>),
    #[error(
        "every subnet for a tester is in {0}, where the image was baked; add one of another Availability Zone to verify.subnets"
    )]
    OnlyBuildersZone(String),
    #[error("there is no subnet for a tester; add one to verify.subnets")]
    NoSubnet,
    #[error("there is no place for its tester: {why}; correct the tags there, or {field}")]
    BadTags { why: Box<BadTags>, field: String },
    #[error("{0} is still testing it")]
    TesterAtWork(InstanceId),
    #[error("it booted as {0}, and its check succeeded")]
    Passed(InstanceId),
    #[error(
        "it booted as {tester}, its check succeeded, and it has nothing that the release {same_as} has not: the same contents, the same base, and baked by the same recipe"
    )]
    Unchanged { tester: InstanceId, same_as: Version },
    #[error("it has nothing new, and goes once its builder {0} is terminated, which capture does")]
    BuilderThere(InstanceId),
    #[error("its test on {tester} failed: {why}")]
    Failed { tester: InstanceId, why: ScriptReason },
    #[error(
        "no tester of it could be launched by {}, a day after it was made; name more subnets or instance types for testers, then ask for another test", .0.to_rfc3339()
    )]
    NoTesterInTime(DateTime<Utc>),
    #[error("the image that it tested no longer exists")]
    NothingToTest,
    #[error("it needs no test: its stage is {0}")]
    NeedsNoTest(Stage),
    #[error("somebody asked to test it again")]
    AskedAgain,
    #[error("only a rejected image is tested again, and this one is {0}")]
    NotRejected(Stage),
    #[error("the recipe does not ask for replicas to be tested (replicate.verify)")]
    ReplicasUntested,
}
