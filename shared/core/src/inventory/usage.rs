//! Who uses images, as it was observed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use chrono::{DateTime, Utc};

use crate::inventory::error::{CloudError, Result};
use crate::inventory::sharing::Grantee;
use crate::model::{ImageId, InstanceId, RecipeName, Region, SnapshotId};

/// One thing that was launched from an image, or launches it, or might.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it names.
    pub names: Target,
    /// What it is.
    pub by: Referrer,
}

/// What is named in the place of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This image.
    Image(ImageId),
    /// Something that could not be resolved to an image: it might be any.
    Unresolved(String),
}

impl Target {
    /// What a text names; `None` where it names nothing.
    pub fn read(text: Option<&str>) -> Option<Self> {
        let text = text.filter(|text| !text.is_empty())?;
        Some(text.parse().map_or_else(|_| Self::Unresolved(text.to_owned()), Self::Image))
    }
}

/// What uses an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Referrer {
    /// An instance, in any state but terminated.
    Instance(InstanceId),
    /// A version of a launch template, by the template's id: whoever launches of the template may name that version.
    TemplateVersion(String, i64),
    /// A Spot Fleet that may still launch.
    SpotFleet(String),
    /// An EC2 Fleet that may still launch.
    Fleet(String),
    /// A Spot request that may still launch.
    SpotRequest(String),
    /// A parameter of SSM, by its name.
    Parameter(String),
    /// Whatever else AWS tells by its ARN, and what kind of thing it is.
    Other(&'static str, String),
}

impl Referrer {
    /// Its ARN. EC2 tells ids alone: they are of the account that owns the image, or they could not be seen.
    /// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>)
    pub fn arn(&self, region: &Region, account: &str) -> String {
        let arn = |service: &str, resource: String| {
            format!("arn:{}:{service}:{region}:{account}:{resource}", region.partition())
        };
        match self {
            Self::Instance(id) => arn("ec2", format!("instance/{id}")),
            Self::TemplateVersion(id, _) => arn("ec2", format!("launch-template/{id}")),
            Self::Other(_, arn) => arn.clone(),
            Self::SpotFleet(id) => arn("ec2", format!("spot-fleet-request/{id}")),
            Self::Fleet(id) => arn("ec2", format!("fleet/{id}")),
            Self::SpotRequest(id) => arn("ec2", format!("spot-instances-request/{id}")),
            Self::Parameter(name) => arn("ssm", format!("parameter/{}", name.trim_start_matches('/'))),
        }
    }
}

/// What kind of thing it is.
impl fmt::Display for Referrer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(_) => f.write_str("instance"),
            Self::TemplateVersion(_, number) => write!(f, "version {number} of launch template"),
            Self::Other(what, _) => f.write_str(what),
            Self::SpotFleet(_) => f.write_str("Spot Fleet"),
            Self::Fleet(_) => f.write_str("EC2 Fleet"),
            Self::SpotRequest(_) => f.write_str("Spot request"),
            Self::Parameter(_) => f.write_str("parameter"),
        }
    }
}

/// What launches by itself: Auto Scaling and fleets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchSources {
    /// The images that they name beside their launch templates.
    pub uses: Vec<Reference>,
    /// The launch templates, by id or name, of which they name a version by its number.
    pub pinned: BTreeSet<String>,
}

/// What EC2 tells of the use of one image by other accounts: asked for at one time, and ready at a later one.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// Of which image.
    pub image: ImageId,
    /// When it was asked for.
    pub asked: DateTime<Utc>,
    /// Whether it asks about every account, and all that could name the image, as those do that Kiln asked for. Of others nobody
    /// knows what they left out.
    pub whole: bool,
    /// What it tells.
    pub says: ReportState,
}

/// How far a usage report is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportState {
    /// It is being made.
    Pending,
    /// It is there: how much each account uses the image, by instances and launch templates together.
    Ready(BTreeMap<String, u64>),
    /// It could not be made, and why.
    Failed(String),
}

/// What is known of those whom an image is shared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedWith {
    /// Who may launch it.
    pub with: BTreeSet<Grantee>,
    /// The reports on their use, in any order.
    pub reports: Vec<UsageReport>,
}

/// All that was found out about the use of images in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionUsage {
    /// What uses images.
    pub uses: Vec<Reference>,
    /// The snapshots that somebody holds, with the reason.
    pub held: BTreeMap<SnapshotId, String>,
    /// The snapshots that something else needs: a volume that is being made of it, or a lock, by which EC2 would not delete it.
    pub needed: BTreeMap<SnapshotId, String>,
    /// The images that recipes name as their base.
    pub bases: BTreeMap<ImageId, RecipeName>,
    /// The images of which another image was baked that still can be launched, with that one.
    pub baked: BTreeMap<ImageId, ImageId>,
    /// The images that could be shared, and what is known of that. One that is not here was not asked about.
    pub shared: HashMap<ImageId, Result<SharedWith>>,
    /// Why EC2 itself was not asked what names the images, so that it was looked for piece by piece.
    pub piecemeal: Option<CloudError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_of_the_region_its_partition_and_the_account() {
        let arn = |user: Referrer, region: &str| user.arn(&region.parse().unwrap(), "123456789012");
        let instance = Referrer::Instance("i-0fee".parse().unwrap());
        assert_eq!(arn(instance, "eu-west-1"), "arn:aws:ec2:eu-west-1:123456789012:instance/i-0fee");
        let template = Referrer::TemplateVersion("lt-0a".into(), 7);
        assert_eq!(
            arn(template, "cn-north-1"),
            "arn:aws-cn:ec2:cn-north-1:123456789012:launch-template/lt-0a"
        );
        let parameter = Referrer::Parameter("/golden/web".into());
        assert_eq!(
            arn(parameter, "us-gov-west-1"),
            "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/golden/web"
        );
    }

    #[test]
    fn what_is_no_image_id_might_be_any_image() {
        assert_eq!(Target::read(Some("ami-0a")), Some(Target::Image("ami-0a".parse().unwrap())));
        assert_eq!(Target::read(Some("resolve:ssm:/x")), Some(Target::Unresolved("resolve:ssm:/x".into())));
        assert_eq!((Target::read(Some("")), Target::read(None)), (None, None));
    }
}
