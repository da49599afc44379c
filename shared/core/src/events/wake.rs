//! How a sweep wakes the function whose work is missing: with the event that was lost, or with one of the sweep's own
//! where no other event exists.
//!
//! A woken function reads the state as it is, like after any other event. It knows from the source of the event that a
//! sweep asked, and then says what it did as `Drift Repaired`.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::inbound::payload::{
    BAKE_WAITS, IMAGE_CHANGE, INSTANCE_CHANGE, RECALL_UNFINISHED, RELEASE_UNFINISHED, SINCE, SNAPSHOTS_LEFT,
    SWEEP,
};
use crate::model::{ImageId, ImageName, InstanceId, RecipeName, Region};

/// The time between two sweeps, unless the stack says otherwise.
pub(crate) const SWEEP_EVERY: TimeDelta = TimeDelta::minutes(15);

/// A function that a sweep may wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are the names of the functions")]
pub enum Function {
    Bake,
    Capture,
    Verify,
    Publish,
    Replicate,
    Expire,
}

impl Function {
    /// Every function that a sweep may wake.
    pub const ALL: [Self; 6] =
        [Self::Bake, Self::Capture, Self::Verify, Self::Publish, Self::Replicate, Self::Expire];

    /// Its name; that of the Lambda function is the stack's name, a hyphen, and this.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bake => "bake",
            Self::Capture => "capture",
            Self::Verify => "verify",
            Self::Publish => "publish",
            Self::Replicate => "replicate",
            Self::Expire => "expire",
        }
    }
}

/// The work that is missing. It decides which function is woken, and with which event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// `bake`: a bake that found no room for its builder.
    Bake(ImageName),
    /// `bake`: layers on this recipe, which was released.
    Layers(RecipeName),
    /// `capture`: a builder.
    Builder(Region, InstanceId),
    /// `capture`: a home image that failed and whose builder is gone.
    FailedImage(Region, ImageId),
    /// `verify`: an image to adopt or to test.
    Test(Region, ImageId),
    /// `verify`: a tester whose image is gone.
    Tester(Region, InstanceId),
    /// `publish`: an image to publish, or a published one that differs from its recipe.
    Publish(Region, ImageId),
    /// `publish`: a recall that died half way.
    Recall(ImageName),
    /// `replicate`: a home image that lacks replicas, or whose replicas are not published.
    Copies(Region, ImageId),
    /// `replicate`: the releases of a recipe.
    Release(RecipeName),
    /// `expire`: snapshots of a Region whose images are gone.
    Snapshots(Region),
}

impl Wake {
    /// The function whose work it is.
    pub fn function(&self) -> Function {
        match self {
            Self::Bake(_) | Self::Layers(_) => Function::Bake,
            Self::Builder(..) | Self::FailedImage(..) => Function::Capture,
            Self::Test(..) | Self::Tester(..) => Function::Verify,
            Self::Publish(..) | Self::Recall(_) => Function::Publish,
            Self::Copies(..) | Self::Release(_) => Function::Replicate,
            Self::Snapshots(_) => Function::Expire,
        }
    }

    /// The event that wakes the function. `since` is when its work may have become due.
    pub fn payload(&self, since: Option<DateTime<Utc>>) -> Value {
        let (detail_type, region, mut detail) = match self {
            Self::Builder(region, instance) | Self::Tester(region, instance) => {
                (INSTANCE_CHANGE, Some(region), json!({ "instance-id": instance, "state": "" }))
            }
            Self::FailedImage(region, image) | Self::Test(region, image) => {
                (IMAGE_CHANGE, Some(region), json!({ "ImageId": image }))
            }
            Self::Publish(region, image) => {
                ("Image Verified", None, json!({ "region": region, "image": image }))
            }
            Self::Copies(region, image) => {
                ("Image Published", None, json!({ "region": region, "image": image }))
            }
            Self::Bake(name) => (BAKE_WAITS, None, json!({ "recipe": name.recipe, "version": name.version })),
            Self::Recall(name) => {
                (RECALL_UNFINISHED, None, json!({ "recipe": name.recipe, "version": name.version }))
            }
            Self::Layers(base) => ("Image Released", None, json!({ "recipe": base })),
            Self::Release(recipe) => (RELEASE_UNFINISHED, None, json!({ "recipe": recipe })),
            Self::Snapshots(region) => (SNAPSHOTS_LEFT, Some(region), json!({})),
        };
        if let Some(since) = since {
            detail[SINCE] = json!(since.to_rfc3339_opts(SecondsFormat::Secs, true));
        }
        let mut event = json!({ "source": SWEEP, "detail-type": detail_type, "detail": detail });
        if let Some(region) = region {
            event["region"] = json!(region);
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::inbound::{
        BakeCall, BakeTarget, CaptureCall, ExpireCall, Mode, PublishCall, ReplicateCall, VerifyCall,
    };
    use crate::fixtures::*;

    fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    #[test]
    fn each_function_understands_what_wakes_it() {
        let (home, away) = (region("us-east-1"), region("eu-west-1"));
        let image: ImageId = parsed("ami-0123456789abcdef0");
        let instance: InstanceId = parsed("i-0123456789abcdef0");
        let web: RecipeName = parsed("web");
        let payload = |wake: Wake| wake.payload(Some(day(1)));
        let call = BakeCall::read(&payload(Wake::Layers(web.clone()))).unwrap();
        assert_eq!(call.what, BakeTarget::LayersOn(web.clone()));
        assert_eq!(
            CaptureCall::read(&payload(Wake::Builder(home.clone(), instance.clone()))),
            Ok(CaptureCall::Stopped(home.clone(), instance.clone()))
        );
        assert_eq!(
            CaptureCall::read(&payload(Wake::FailedImage(home.clone(), image.clone()))),
            Ok(CaptureCall::Image(home.clone(), image.clone()))
        );
        assert_eq!(
            VerifyCall::read(&payload(Wake::Test(away.clone(), image.clone()))),
            Ok(VerifyCall::Image(away.clone(), image.clone()))
        );
        assert_eq!(
            VerifyCall::read(&payload(Wake::Tester(away.clone(), instance.clone()))),
            Ok(VerifyCall::Stopped(away.clone(), instance))
        );
        assert_eq!(
            PublishCall::read(&payload(Wake::Publish(away.clone(), image.clone()))),
            Ok(PublishCall::Image(away.clone(), image.clone()))
        );
        assert_eq!(
            ReplicateCall::read(&payload(Wake::Copies(home.clone(), image.clone()))),
            Ok(ReplicateCall::Image(home.clone(), image))
        );
        assert_eq!(
            ReplicateCall::read(&payload(Wake::Release(web.clone()))),
            Ok(ReplicateCall::Release(web))
        );
        assert_eq!(
            ExpireCall::read(&payload(Wake::Snapshots(away.clone()))),
            Ok(ExpireCall::SnapshotsLeft(away))
        );
    }

    #[test]
    fn only_what_a_sweep_asks_for_counts_as_a_repair_with_the_time_since_which_it_is_due() {
        let wake = Wake::Snapshots(region("us-east-1"));
        assert_eq!(Mode::of(&wake.payload(Some(day(1)))), Mode::Repair { since: Some(day(1)) });
        assert_eq!(Mode::of(&wake.payload(None)), Mode::Repair { since: None });
        let mut other = wake.payload(Some(day(1)));
        other["source"] = json!("aws.ec2");
        assert_eq!((Mode::of(&other), Mode::of(&json!({}))), (Mode::Apply, Mode::Apply));
    }
}
