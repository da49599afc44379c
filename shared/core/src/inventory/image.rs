//! Images and snapshots, as they were observed.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::model::record::RecordError;
use crate::model::{ImageId, ImageRecord, InstanceId, Origin, Region, SnapshotId, Tags, Version, tags};

/// An image, as it was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Where it is.
    pub region: Region,
    /// The account that owns it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ImageState,
    /// Why it is in that state, where AWS says so.
    pub state_reason: String,
    /// When it was registered.
    pub created: Option<DateTime<Utc>>,
    /// When an instance was launched from it last; EC2 tells it a day late, and only since 2017.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-last-launched-time.html>)
    pub last_launched: Option<DateTime<Utc>>,
    /// When its owner deprecates it, or did.
    pub deprecated: Option<DateTime<Utc>>,
    /// What it can boot on.
    pub architecture: Architecture,
    /// Whether its root device is an EBS volume; only from such a one can an image be baked.
    pub root_on_ebs: bool,
    /// Whether it is guarded against deregistration.
    pub protection: Protection,
    /// The instance that it was made from.
    pub source_instance: Option<InstanceId>,
    /// The image that it was copied from, or that its instance was launched from.
    pub source_image: Option<Origin>,
    /// The product codes that it bears: those of a base from AWS Marketplace go with every image that is baked from it.
    pub product_codes: Vec<String>,
    /// When Amazon Inspector scanned it last.
    pub scanned: Option<DateTime<Utc>>,
    /// Its snapshots.
    pub snapshots: Vec<SnapshotId>,
    /// The size of the volumes that are made of it, in GiB: the most that its snapshots can take.
    pub gib: u32,
    /// The devices whose volumes would outlive an instance.
    pub persistent_devices: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

impl Image {
    /// Kiln's record on it, where what EC2 says of the image bears it out: its name, and the instance or the image
    /// that it was made from, which nobody can tag. A copy that somebody made bears the same tags.
    ///
    /// # Errors
    /// Says why there is none, or none that can be read or believed.
    pub fn record(&self) -> Result<ImageRecord, RecordError> {
        let record = ImageRecord::read(&self.tags)?;
        if let Some(adopted) = self.tags.get(tags::ADOPTED) {
            return match adopted == self.address().to_string() && record.copied.is_none() {
                true => Ok(record),
                false => Err(RecordError::TagsCopied("it is a copy of an image that was given to Kiln")),
            };
        }
        if !record.name.is(&self.name) {
            return Err(RecordError::TagsCopied("it has another name"));
        }
        match &record.copied {
            None if self.source_instance.is_none() => {
                Err(RecordError::TagsCopied("it was not made of an instance"))
            }
            Some(copied) if copied.origin.region == self.region => {
                Err(RecordError::TagsCopied("its origin is in its own Region"))
            }
            Some(copied) if self.source_image.as_ref() != Some(&copied.origin) => {
                Err(RecordError::TagsCopied("it is a copy of another image than its tags say"))
            }
            _ => Ok(record),
        }
    }

    /// The record, where the image belongs to the Kiln whose home Region this is.
    ///
    /// # Errors
    /// As [`Image::record`], and that it belongs to another.
    pub fn record_at(&self, home: &Region) -> Result<ImageRecord, RecordError> {
        let record = self.record()?;
        let made_at = record.copied.as_ref().map_or(&self.region, |copied| &copied.origin.region);
        if made_at == home {
            Ok(record)
        } else {
            Err(RecordError::TagsCopied("it is of a Kiln with another home Region"))
        }
    }

    /// Where it is and which it is.
    pub fn address(&self) -> Origin {
        Origin { region: self.region.clone(), image: self.id.clone() }
    }

    /// Since when it is known that nobody uses it, though its recipe lets it go.
    pub fn unused_since(&self) -> Option<DateTime<Utc>> {
        self.tags.time(tags::UNUSED_SINCE)
    }

    /// Since when it is in quarantine, where Kiln put it there.
    pub fn disabled_at(&self) -> Option<DateTime<Utc>> {
        self.tags.time(tags::DISABLED_AT)
    }

    /// When it came to be: its bake began, or it was registered, whichever is later.
    pub fn effective_age_from(&self, version: Version) -> DateTime<Utc> {
        version.time().max(self.created.unwrap_or(DateTime::<Utc>::MIN_UTC))
    }
}

/// The state of an image.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// It is being made.
    Pending,
    /// It can be launched.
    Available,
    /// It cannot be launched; its owner can enable it.
    Disabled,
    /// Its making failed.
    Failed,
    /// It is gone, though still shown.
    Deregistered,
    /// Another state, which Kiln leaves alone.
    Unknown(String),
}

impl From<&str> for ImageState {
    fn from(word: &str) -> Self {
        match word {
            "pending" | "transient" => Self::Pending,
            "available" => Self::Available,
            "disabled" => Self::Disabled,
            "failed" | "error" | "invalid" => Self::Failed,
            "deregistered" => Self::Deregistered,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for ImageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Disabled => "disabled",
            Self::Failed => "failed",
            Self::Deregistered => "deregistered",
            Self::Unknown(word) => word,
        })
    }
}

/// A processor architecture, by EC2's word for it: `arm64`, `x86_64`, …
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Architecture(pub String);

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When an image is deprecated.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deprecate.html>)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deprecation {
    /// At this time.
    At(DateTime<Utc>),
    /// Never.
    Never,
}

impl Deprecation {
    /// The time, as EC2 shows it on the image.
    pub fn time(self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(time) => Some(time),
            Self::Never => None,
        }
    }
}

/// Deregistration protection. The field's values are not documented beyond "disabled": whatever else stands
/// there protects.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deregistration-protection.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// It may be deregistered.
    Off,
    /// It may not.
    On(String),
}

/// A snapshot that bears Kiln's tag, as it was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// Where it is.
    pub region: Region,
    /// When its making began.
    pub started: Option<DateTime<Utc>>,
    /// Whether it is complete.
    pub completed: bool,
    /// The image that it was made for, as EC2 itself says.
    pub made_for: Option<ImageId>,
    /// The size of all its blocks, in bytes, where EC2 tells it; what it shares with others is counted in each.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html>)
    pub full_bytes: Option<u64>,
    /// Its tags.
    pub tags: Tags,
}

/// The image that a snapshot was made for, by the description that CreateImage and CopyImage give it. Whatever else a person, or
/// a tool, makes of it has another one, though it may bear the same tags.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/deregister-ami.html>)
pub fn made_for(description: &str) -> Option<ImageId> {
    let told = match description.strip_prefix("Copied for DestinationAmi ") {
        Some(copied) => copied,
        None => description.strip_prefix("Created by CreateImage(")?.split_once(") for ")?.1,
    };
    told.split(' ').next()?.parse().ok()
}

/// What a call to deregister an image found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deregistration {
    /// The image went by this call; what became of each of its snapshots.
    Now(Vec<SnapshotDeletion>),
    /// It was gone before.
    Before,
}

/// What became of one snapshot when its image was deregistered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDeletion {
    /// Which.
    pub snapshot: SnapshotId,
    /// How it went.
    pub outcome: Deletion,
}

/// The outcome for one snapshot: DeregisterImage succeeds even where a snapshot stays.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone.
    Deleted,
    /// It stays, for another image uses it.
    UsedElsewhere,
    /// It stays, though it should have gone; EC2's word for why.
    Failed(String),
}

impl From<&str> for Deletion {
    fn from(code: &str) -> Self {
        match code {
            "success" => Self::Deleted,
            "skipped" => Self::UsedElsewhere,
            other => Self::Failed(other.to_owned()),
        }
    }
}
