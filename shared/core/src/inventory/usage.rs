//! What uses images, as it was read from AWS.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use chrono::{DateTime, Utc};

use crate::inventory::error::{CloudError, Result};
use crate::inventory::sharing::Grantee;
use crate::model::{ImageId, InstanceId, RecipeName, Region, SnapshotId};

/// One reference to an image: by an instance that was launched from it, or by something that launches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The image that it names.
    pub names: Target,
    /// What makes the reference.
    pub by: Referrer,
}

/// What a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This image.
    Image(ImageId),
    /// Something that could not be resolved. It may be any image, so it keeps all images of the Region.
    Unresolved(String),
    /// An SSM parameter that names no image: there is none of that name, or it holds something else. Nothing can be
    /// launched by it until somebody corrects it. The name may be an ARN, and may end in a version or label.
    Dangling(String),
}

impl Target {
    /// What a text names; `None` if it is absent or empty.
    pub fn read(text: Option<&str>) -> Option<Self> {
        let text = text.filter(|text| !text.is_empty())?;
        Some(text.parse().map_or_else(|_| Self::Unresolved(text.to_owned()), Self::Image))
    }

    /// What a text names that must name an image. Without one it may be any.
    pub fn must(text: Option<&str>) -> Self {
        Self::read(text).unwrap_or_else(|| Self::Unresolved("an image that AWS does not tell".into()))
    }
}

/// What refers to an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Referrer {
    /// An instance, in any state but terminated.
    Instance(InstanceId),
    /// A version of a launch template, by the id of the template. A launch may name any version.
    TemplateVersion(String, i64),
    /// A Spot Fleet that may still launch instances.
    SpotFleet(String),
    /// An EC2 Fleet that may still launch instances.
    Fleet(String),
    /// A Spot request that may still launch an instance.
    SpotRequest(String),
    /// An SSM parameter, by its name.
    Parameter(String),
    /// Anything else: the kind of resource, and its ARN.
    Other(&'static str, String),
}

impl Referrer {
    /// The ARN of the resource. For ids it is built with the account of the image, because only resources of that
    /// account are visible.
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

/// The kind of resource, in words.
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

/// What launches instances without a person: Auto Scaling groups and fleets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchSources {
    /// The images that they name directly, not through a launch template.
    pub uses: Vec<Reference>,
    /// The versions of launch templates that they name by number.
    pub pinned: BTreeSet<PinnedVersion>,
    /// The groups and fleets that launch from a launch template, each with the template, by id or name.
    pub by_template: Vec<(String, Referrer)>,
}

/// A version of a launch template that something launches from by its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedVersion {
    /// The template, by id or name.
    pub template: String,
    /// The number of the version.
    pub number: i64,
}

/// A version of a launch template that a recipe names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateVersion {
    /// The id of the template.
    pub template: String,
    /// The name of the template.
    pub name: String,
    /// The number of the version.
    pub number: i64,
    /// The image that it names; `None` if it has none.
    pub names: Option<Target>,
    /// Its description. Kiln writes the name of the image there.
    pub description: String,
    /// Whether it is the default version.
    pub default: bool,
}

/// EC2's report on the use of one image by other accounts. It is requested first, and ready later.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// The image that it is about.
    pub image: ImageId,
    /// When it was requested.
    pub asked: DateTime<Utc>,
    /// Whether it covers all accounts and all kinds of use, as the reports that Kiln requests do. Of a report that
    /// somebody else requested, this is not known.
    pub whole: bool,
    /// The content of the report, once it is ready.
    pub says: ReportState,
}

/// The state of a usage report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportState {
    /// EC2 is still creating it.
    Pending,
    /// It is ready: the number of instances and launch templates that use the image, for each account.
    Ready(BTreeMap<String, u64>),
    /// EC2 could not create it; with EC2's reason.
    Failed(String),
}

/// With whom an image is shared, and what is known about their use of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedWith {
    /// Who may launch it.
    pub with: BTreeSet<Grantee>,
    /// The usage reports of the image, in any order.
    pub reports: Vec<UsageReport>,
}

/// Everything that was read about the use of images in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionUsage {
    /// The references to images.
    pub uses: Vec<Reference>,
    /// The snapshots with the tag `kiln:hold`, and its value.
    pub held: BTreeMap<SnapshotId, String>,
    /// The snapshots that cannot be deleted now, and why: a volume is being created from them, or they are locked.
    pub needed: BTreeMap<SnapshotId, String>,
    /// The images that recipes use as their base, and the recipe.
    pub bases: BTreeMap<ImageId, RecipeName>,
    /// The images from which another image was baked that can still be launched, and that other image.
    pub baked: BTreeMap<ImageId, ImageId>,
    /// With whom images are shared. An image that is missing here was not checked.
    pub shared: HashMap<ImageId, Result<SharedWith>>,
    /// Why EC2's own list of references could not be read. Instances and launch templates were read one by one instead.
    pub piecemeal: Option<CloudError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_the_partition_the_region_and_the_account() {
        let arn = |referrer: Referrer, region: &str| referrer.arn(&region.parse().unwrap(), "123456789012");
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
    fn a_text_that_is_not_an_image_id_is_unresolved() {
        assert_eq!(Target::read(Some("ami-0a")), Some(Target::Image("ami-0a".parse().unwrap())));
        assert_eq!(Target::read(Some("resolve:ssm:/x")), Some(Target::Unresolved("resolve:ssm:/x".into())));
        assert_eq!((Target::read(Some("")), Target::read(None)), (None, None));
        assert!(matches!(Target::must(None), Target::Unresolved(_)));
    }
}
