//! Images and snapshots as they were read from EC2, and whether Kiln made them.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::inventory::description::{Description, NO_ANCHOR};
use crate::inventory::device::{Device, Disk};
use crate::inventory::platform::Platform;
use crate::model::record::RecordError;
use crate::model::seal::Seal;
use crate::model::{
    Anchor, AnchoredEnd, ImageId, ImageRecord, InstanceId, Origin, Region, SnapshotId, Stage, Tags, Version,
    tags,
};

/// An image as it was read from EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The id of the image.
    pub id: ImageId,
    /// The Region of the image.
    pub region: Region,
    /// The account that owns it.
    pub owner: String,
    /// The name of the image.
    pub name: String,
    /// The state of the image.
    pub state: ImageState,
    /// Why it is in that state; empty if EC2 does not say.
    pub state_reason: String,
    /// When the image was created.
    pub created: Option<DateTime<Utc>>,
    /// When an instance was last launched from it. EC2 reports this up to a day late, and only for launches since 2017.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-last-launched-time.html>)
    pub last_launched: Option<DateTime<Utc>>,
    /// When it is, or was, deprecated.
    pub deprecated: Option<DateTime<Utc>>,
    /// The processor architecture.
    pub architecture: Architecture,
    /// Whether its root device is an EBS volume. Kiln can bake only from such an image.
    pub root_on_ebs: bool,
    /// Whether deregistration protection is on.
    pub protection: Protection,
    /// The instance that it was created from.
    pub source_instance: Option<InstanceId>,
    /// The image that it was copied from, or that its instance was launched from.
    pub source_image: Option<Origin>,
    /// What its launches depend on.
    pub features: Features,
    /// Product codes of AWS Marketplace. An image inherits those of its base.
    pub product_codes: Vec<String>,
    /// The keys of its watermarks, each `account:name`. An image has those of what it was made of.
    pub watermarks: Vec<String>,
    /// When Amazon Inspector last scanned it.
    pub scanned: Option<DateTime<Utc>>,
    /// The snapshots of the image.
    pub snapshots: Vec<SnapshotId>,
    /// The total size of its volumes, in GiB. Its snapshots take at most this much.
    pub gib: u32,
    /// The devices of its EBS volumes.
    pub devices: Box<[Device]>,
    /// The tags of the image that count.
    pub tags: Tags,
    /// Whether the tags are Kiln's own.
    pub seal: Seal,
    /// The description of an image that bears `kiln:recipe`; of others nobody reads it.
    pub description: Option<Box<Description>>,
}

impl Image {
    /// What a launch must say of its disks, so that all of them go with the instance.
    pub fn disks_that_outlive(&self) -> Vec<Disk> {
        let outlives = self.devices.iter().filter(|device| device.outlives);
        outlives.map(|device| Disk { device: device.name.to_string(), ..Disk::default() }).collect()
    }

    /// What no tag can take back.
    pub fn anchor(&self) -> &Anchor {
        self.description.as_ref().map_or(&NO_ANCHOR, |description| &description.anchor)
    }

    /// Whether its description says that it was released.
    pub fn was_released(&self) -> bool {
        self.anchor().end == Some(AnchoredEnd::Released)
    }

    /// Whether it was never to be published, or somebody recalled it, whatever became of it since.
    pub fn is_out(&self) -> bool {
        matches!(self.anchor().end, Some(AnchoredEnd::Unchanged | AnchoredEnd::Recalled))
    }

    /// The stage that its tag says, if somebody has set that back.
    pub fn set_back(&self) -> Option<Stage> {
        self.description.as_ref()?.set_back
    }

    /// The same image, anchored to something else.
    #[must_use]
    pub fn anchored(&self, anchor: Anchor) -> Self {
        let description = Description { anchor, ..self.description.as_deref().cloned().unwrap_or_default() };
        Self { description: Some(Box::new(description)), ..self.clone() }
    }

    /// What tells events of this image from those before it was brought back, or before somebody asked to copy it anew;
    /// empty if neither happened.
    pub fn occasion(&self) -> &str {
        self.tags.get(tags::RECOPY).unwrap_or_default()
    }

    /// Since when it is on its way: since it was made, or since somebody last asked to bring it back or to copy it anew.
    pub fn under_way_since(&self) -> Option<DateTime<Utc>> {
        [self.created, self.anchor().asked_again, self.tags.time(tags::RECOPY)].into_iter().flatten().max()
    }

    /// Kiln's record on the image. It counts only if EC2's own fields agree with it: the name, and the instance or
    /// image that it was created from. Anybody can copy tags, but nobody can change these fields.
    ///
    /// # Errors
    /// Why there is no record, or why it does not count.
    pub fn record(&self) -> Result<ImageRecord, RecordError> {
        let record = ImageRecord { asked_again: self.anchor().asked_again, ..ImageRecord::read(&self.tags)? };
        match self.seal {
            Seal::Valid => {}
            Seal::Missing => return Err(RecordError::NotSealed("kiln:seal is missing")),
            Seal::Wrong => {
                return Err(RecordError::NotSealed("kiln:seal was made for another image or other tags"));
            }
        }
        if let Some(adopted) = self.tags.get(tags::ADOPTED) {
            return match adopted == self.address().to_string() && record.copied.is_none() {
                true => Ok(record),
                false => Err(RecordError::TagsCopied("it is a copy of an adopted image")),
            };
        }
        if !record.name.is(&self.name) {
            return Err(RecordError::TagsCopied("its name is not the one that its tags imply"));
        }
        match &record.copied {
            None if record.copied_back.is_some() => {
                let is_so = self.source_image == record.copied_back
                    && record.copied_back.as_ref().is_some_and(|from| from.region != self.region);
                match is_so {
                    true => Ok(record),
                    false => Err(RecordError::TagsCopied(
                        "it was not copied from the image that kiln:copied-back names",
                    )),
                }
            }
            None if self.source_instance.is_none() => {
                Err(RecordError::TagsCopied("it was not created from an instance"))
            }
            Some(copied) if copied.origin.region == self.region => {
                Err(RecordError::TagsCopied("kiln:origin names its own Region"))
            }
            Some(copied) if self.source_image.as_ref() != Some(&copied.origin) => {
                Err(RecordError::TagsCopied("it was not copied from the image that kiln:origin names"))
            }
            _ => Ok(record),
        }
    }

    /// The record, if the image belongs to the Kiln stack with this home Region.
    ///
    /// # Errors
    /// As [`Image::record`], or that the image belongs to another stack.
    pub fn record_for_home(&self, home: &Region) -> Result<ImageRecord, RecordError> {
        let record = self.record()?;
        let home_of_image = record.copied.as_ref().map_or(&self.region, |copied| &copied.origin.region);
        if home_of_image == home {
            Ok(record)
        } else {
            Err(RecordError::TagsCopied("it belongs to a Kiln with another home Region"))
        }
    }

    /// Whether a replica with this record is a copy of this home image, whose own record is `own`. One that was copied back
    /// stands for the image that was lost, so it has the replicas of that as well.
    pub fn is_origin_of(&self, own: &ImageRecord, replica: &ImageRecord) -> bool {
        replica.name == own.name
            && replica.copied.as_ref().is_some_and(|copied| match own.copied_back {
                Some(_) => copied.origin.region == self.region,
                None => copied.origin == self.address(),
            })
    }

    /// The Region and the id of the image.
    pub fn address(&self) -> Origin {
        Origin { region: self.region.clone(), image: self.id.clone() }
    }

    /// Since when the image is known to be unused, according to its tag; `None` if it is not marked as unused.
    pub fn unused_since(&self) -> Option<DateTime<Utc>> {
        self.tags.time(tags::UNUSED_SINCE)
    }

    /// When Kiln disabled the image, which is when its quarantine began; `None` if it did not.
    pub fn disabled_at(&self) -> Option<DateTime<Utc>> {
        self.tags.time(tags::DISABLED_AT)
    }

    /// The time from which the age of the image counts: the start of its bake or its creation, whichever is later.
    pub fn effective_age_from(&self, version: Version) -> DateTime<Utc> {
        version.time().max(self.created.unwrap_or(DateTime::<Utc>::MIN_UTC))
    }
}

/// The state of an image.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// It is being created.
    Pending,
    /// It can be launched.
    Available,
    /// It cannot be launched; its owner can enable it.
    Disabled,
    /// Its creation failed.
    Failed,
    /// It was deregistered; EC2 still lists it for a while.
    Deregistered,
    /// A state that Kiln does not know. Kiln leaves such an image alone.
    Unknown(String),
}

impl ImageState {
    /// Whether there is something: it can be launched, will be, or is somebody's to bring back.
    pub fn is_left(&self) -> bool {
        !matches!(self, Self::Failed | Self::Deregistered)
    }
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

/// What the launches of an image depend on. An image that is made from its instance has the same features.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// The boot mode, in EC2's words; empty if it names none, and each instance type boots it in its default mode.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-boot.html>)
    pub boot_mode: String,
    /// Whether it needs NitroTPM.
    pub nitro_tpm: bool,
    /// Whether it has the driver of the Elastic Network Adapter.
    pub ena: bool,
    /// What it runs.
    pub platform: Platform,
    /// Whether any of its volumes is encrypted.
    pub encrypted: bool,
    /// Whether what is launched from it asks for a token by default (IMDSv2). Nobody can take that back.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html>)
    pub imds_v2: bool,
}

/// A processor architecture, in EC2's words: `arm64`, `x86_64`, …
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
    /// The time of the deprecation; `None` for never.
    pub fn time(self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(time) => Some(time),
            Self::Never => None,
        }
    }
}

/// Deregistration protection. AWS documents only the value "disabled" of this field, so every other value counts as
/// protection.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deregistration-protection.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// The image may be deregistered.
    Off,
    /// The image is protected; with EC2's value of the field.
    On(String),
}

/// A snapshot with the tag `kiln:recipe`, as it was read from EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The id of the snapshot.
    pub id: SnapshotId,
    /// The Region of the snapshot.
    pub region: Region,
    /// When its creation began.
    pub started: Option<DateTime<Utc>>,
    /// Whether it is complete.
    pub completed: bool,
    /// The image that it was created for, according to the description that EC2 gave it.
    pub made_for: Option<MadeFor>,
    /// The size of all its blocks, in bytes; `None` if EC2 does not say. Blocks shared with other snapshots count in
    /// each.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html>)
    pub full_bytes: Option<u64>,
    /// The tags of the snapshot that count.
    pub tags: Tags,
    /// Whether the tags are Kiln's own.
    pub seal: Seal,
}

/// For which image EC2 created a snapshot, and from what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFor {
    /// The image.
    pub image: ImageId,
    /// What the image was made from.
    pub from: MadeFrom,
}

/// What an image was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MadeFrom {
    /// This instance.
    Instance(InstanceId),
    /// This image of another Region, or of the same.
    Image(ImageId),
}

/// The image that a snapshot was created for, from the description that CreateImage and CopyImage give it. `None` for a
/// snapshot that a person or tool created otherwise, even if it has the same tags.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/deregister-ami.html>)
pub fn made_for(description: &str) -> Option<MadeFor> {
    if let Some(copied) = description.strip_prefix("Copied for DestinationAmi ") {
        let (image, rest) = copied.split_once(" from SourceAmi ")?;
        let source = rest.split(' ').next()?.parse().ok()?;
        return Some(MadeFor { image: image.parse().ok()?, from: MadeFrom::Image(source) });
    }
    let (instance, rest) = description.strip_prefix("Created by CreateImage(")?.split_once(") for ")?;
    let image = rest.split(' ').next()?.parse().ok()?;
    Some(MadeFor { image, from: MadeFrom::Instance(instance.parse().ok()?) })
}

/// Which snapshots go with an image that is deregistered. One that another image uses always stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithSnapshots {
    /// All of its snapshots: EC2 made them for it.
    All,
    /// Only those that EC2 made for it. A person may have registered the image from snapshots of his own.
    MadeForIt,
}

/// The result of deregistering an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deregistration {
    /// This call deregistered the image; with the outcome for each of its snapshots.
    Now(Vec<SnapshotDeletion>),
    /// The image was deregistered before.
    Before,
}

/// The outcome for one snapshot when its image was deregistered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDeletion {
    /// The id of the snapshot.
    pub snapshot: SnapshotId,
    /// Whether it was deleted.
    pub outcome: Deletion,
}

/// Whether a snapshot was deleted with its image. DeregisterImage succeeds even if a snapshot was not.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It was deleted.
    Deleted,
    /// It was kept, because another image uses it.
    UsedElsewhere,
    /// It was not deleted; with EC2's code for why.
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
