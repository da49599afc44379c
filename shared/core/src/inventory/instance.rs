//! Instances, as they were observed.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{ImageId, ImageName, InstanceId, Region, Role, Tags, Token, tags};

/// An instance, as it was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Where it is.
    pub region: Region,
    /// Its state.
    pub state: InstanceState,
    /// What stopped it, where it is stopped.
    pub stop_reason: StopReason,
    /// The image that it was launched from.
    pub image: Option<ImageId>,
    /// The Availability Zone in which it is.
    pub zone: Option<String>,
    /// When it was launched, or started for the last time.
    pub launched: Option<DateTime<Utc>>,
    /// The client token of the call that launched it, which nobody can tag.
    pub token: String,
    /// Its tags.
    pub tags: Tags,
}

/// The state of an instance.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// It is about to run.
    Pending,
    /// It runs.
    Running,
    /// It is about to stop.
    Stopping,
    /// It has stopped; its volumes are at rest.
    Stopped,
    /// It is terminated, or about to be.
    Terminated,
    /// Another state, which Kiln leaves alone.
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
    /// It stopped by itself: it was shut down from within.
    Guest,
    /// Someone called StopInstances.
    Api,
    /// Something else: AWS's code.
    Other(String),
    /// It did not stop, or AWS does not say.
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

/// What an instance is to Kiln, by its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceRole {
    /// Nothing: it does not bear `kiln:recipe`.
    NotManaged,
    /// Launched by `bake` to make one image.
    Builder,
    /// Launched to prove one image.
    Tester,
    /// A person's own, on which images are made: stopped and started again, never terminated.
    LongLived,
    /// It bears `kiln:role`, but Kiln did not launch it so: somebody wrote the tag, or launched "more like this".
    Unknown,
}

impl Instance {
    /// What it is to Kiln.
    pub fn purpose(&self) -> InstanceRole {
        if !self.tags.has(tags::RECIPE) {
            return InstanceRole::NotManaged;
        }
        match self.tags.get(tags::ROLE) {
            None => InstanceRole::LongLived,
            Some(role) => match role.parse() {
                Ok(role) if self.launched_as(role) => match role {
                    Role::Builder => InstanceRole::Builder,
                    Role::Tester => InstanceRole::Tester,
                },
                _ => InstanceRole::Unknown,
            },
        }
    }

    /// Whether it was launched by Kiln for that, of the bake that its tags tell.
    fn launched_as(&self, role: Role) -> bool {
        match (self.tags.read(tags::RECIPE), self.tags.read(tags::VERSION)) {
            (Some(recipe), Some(version)) => Token::is_of(&self.token, role, &ImageName { recipe, version }),
            _ => false,
        }
    }

    /// When it must have ended: what its tag says; where someone took that from a launched one, a day after its launch,
    /// the longest that a recipe allows.
    pub fn deadline(&self) -> Option<DateTime<Utc>> {
        let launched = self.launched.filter(|_| self.tags.has(tags::ROLE));
        self.tags.time(tags::DEADLINE).or_else(|| Some(launched? + TimeDelta::hours(24)))
    }
}
