//! Instances as they were read from EC2, and what they are to Kiln.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::inventory::platform::Platform;
use crate::model::seal::Seal;
use crate::model::{ImageId, InstanceId, Region, Role, SubnetId, Tags, tags};

/// An instance as it was read from EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The id of the instance.
    pub id: InstanceId,
    /// The Region of the instance.
    pub region: Region,
    /// The state of the instance.
    pub state: InstanceState,
    /// What stopped it, if it is stopped.
    pub stop_reason: StopReason,
    /// The image that it was launched from.
    pub image: Option<ImageId>,
    /// What it runs.
    pub platform: Platform,
    /// The Availability Zone of the instance.
    pub zone: Option<String>,
    /// When it was last started; its launch counts as a start.
    pub launched: Option<DateTime<Utc>>,
    /// The client token of the call that launched it. Unlike a tag, nobody can change it.
    pub token: String,
    /// The subnet of the instance.
    pub subnet: Option<SubnetId>,
    /// The tags of the instance.
    pub tags: Tags,
    /// Whether Kiln launched it in the role and for the bake in its tags, or stopped it for that bake.
    pub seal: Seal,
}

/// The state of an instance.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// It is starting.
    Pending,
    /// It is running.
    Running,
    /// It is stopping.
    Stopping,
    /// It is stopped, so its volumes no longer change.
    Stopped,
    /// It is terminated, or shutting down to be.
    Terminated,
    /// A state that Kiln does not know. Kiln leaves such an instance alone.
    Unknown,
}

impl From<&str> for InstanceState {
    fn from(word: &str) -> Self {
        match word {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            "shutting-down" | "terminated" => Self::Terminated,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
            Self::Unknown => "in a state that Kiln does not know",
        })
    }
}

/// What stopped an instance.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// The instance itself: its operating system shut down.
    Guest,
    /// A call of StopInstances.
    Api,
    /// Anything else; with AWS's code.
    Other(String),
    /// It is not stopped, or EC2 does not say.
    Unknown,
}

impl From<&str> for StopReason {
    fn from(code: &str) -> Self {
        match code {
            "Client.InstanceInitiatedShutdown" => Self::Guest,
            "Client.UserInitiatedShutdown" => Self::Api,
            "" => Self::Unknown,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// What an instance is to Kiln, according to its tags and its client token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceRole {
    /// Nothing to Kiln: it does not have `kiln:recipe`.
    NotManaged,
    /// Launched by Kiln to create one image.
    Builder,
    /// Launched by Kiln to test one image.
    Tester,
    /// A user's own instance that images are created from. Kiln stops and restarts it, and never terminates it.
    LongLived,
    /// It has `kiln:role`, but Kiln did not launch it in that role: somebody wrote the tag, or used "Launch more like
    /// this".
    Unknown,
}

impl Instance {
    /// What the instance is to Kiln.
    pub fn purpose(&self) -> InstanceRole {
        if !self.tags.has(tags::RECIPE) {
            return InstanceRole::NotManaged;
        }
        match self.tags.get(tags::ROLE) {
            None => InstanceRole::LongLived,
            Some(role) => match role.parse() {
                Ok(role) if self.seal == Seal::Valid => match role {
                    Role::Builder => InstanceRole::Builder,
                    Role::Tester => InstanceRole::Tester,
                },
                _ => InstanceRole::Unknown,
            },
        }
    }

    /// The time by which it must have finished, from its tag. If somebody removed the tag from a launched instance, a
    /// day after its launch, which is the longest timeout that a recipe may set.
    pub fn deadline(&self) -> Option<DateTime<Utc>> {
        let launched = self.launched.filter(|_| self.tags.has(tags::ROLE));
        self.tags.time(tags::DEADLINE).or_else(|| Some(launched? + TimeDelta::hours(24)))
    }

    /// Whether its deadline has passed.
    pub fn is_late(&self, now: DateTime<Utc>) -> bool {
        self.deadline().is_some_and(|deadline| deadline < now)
    }
}
