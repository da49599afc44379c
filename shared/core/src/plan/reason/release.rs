//! Which release a Region names, and why it moves or stays.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::inventory::CloudError;
use crate::model::record::RecordError;
use crate::model::{ImageId, Region, Version};
use crate::plan::text::suffix;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why a Region names a release.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReleaseReason {
    #[error("{0} is ready in every Region that its recipe requires")]
    Ready(Version),
    #[error("{0} is ready here, and each Region moves on its own")]
    ReadyHere(Version),
    #[error("{0} is the release to name, but another image is named")]
    PointsElsewhere(Version),
    #[error("a rollback to {0} is in force")]
    RolledBackTo(Version),
    #[error("{parameter} in {region} does not show {image} yet, because EC2 checks the image first")]
    NotShownYet { region: Region, parameter: String, image: ImageId },
    #[error("another invocation is finishing the release of {0}; if it does not, a sweep does")]
    BeingFinished(Version),
    #[error("there is no launch template {0} here; create it, and tag it kiln:recipe")]
    NoTemplate(String),
    #[error(
        "the recipe names neither publish.parameter nor publish.launch_template, so there is nothing to roll back"
    )]
    NothingNamesIt,
    #[error("there is no release{} to roll back to{}", .to.map_or(String::new(), |to| format!(" {to}")), suffix(.why))]
    NoRollbackTarget { to: Option<Version>, why: Vec<String> },
    #[error(
        "{region} is of best effort, and cannot launch {version}; what it names stays until its replica is there"
    )]
    StaysBehind { region: Region, version: Version },
    #[error(
        "the rollback came too late: {version} was removed meanwhile in {}; roll back again, to another release, or restore it with kiln restore",
        .regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ")
    )]
    RollbackOvertaken { version: Version, regions: Vec<Region> },
    #[error("SSM refused parameter {parameter} in {region}: {why}")]
    ParameterRefused { region: Region, parameter: String, why: String },
    #[error("{why}. {}", set_back(.back, .left, .stays))]
    NotAllMoved { why: Box<CloudError>, back: Vec<Region>, left: Vec<Region>, stays: Vec<Region> },
    #[error(
        "SSM accepted {image} for {parameter} in {region} at {at}, and has not shown it since; see whether the image can be launched there, and what `aws ssm get-parameter-history` tells"
    )]
    NeverShown { region: Region, parameter: String, image: ImageId, at: String },
    #[error(
        "what is named can no longer be launched, because somebody deregistered or disabled an image of it: {}. {to} is named instead",
        listed(.images)
    )]
    Lost { images: BTreeMap<Region, ImageId>, to: Version },
    #[error(
        "an image of {lost} can no longer be launched; {to} is named until it can be launched everywhere again"
    )]
    GivesWay { lost: Version, to: Version },
    #[error(
        "what is named can no longer be launched, because somebody deregistered or disabled it: {}. There is no release that could be named in its place",
        listed(.0)
    )]
    LostForNow(BTreeMap<Region, ImageId>),
    #[error("it is named in {} by now, too", .0.iter().map(Region::as_str).collect::<Vec<_>>().join(", "))]
    CameLater(Vec<Region>),
    #[error("a Region did not take {version}; it is tried again at {again}")]
    TriedBefore { version: Version, again: String },
    #[error(
        "{parameter} names {image}, which can be launched, but is no release to Kiln: {why}. The parameter stays as it is until you roll back or a newer version is released"
    )]
    NamesUnknown { parameter: String, image: ImageId, why: RecordError },
    #[error("{0} is what the parameter names in this account, and so in those of publish.parameter_accounts")]
    InAccounts(Version),
    #[error(
        "the parameter of account {account} cannot be read, so it stays as it is until a sweep can; are the roles of infra/account.yaml there? {why}"
    )]
    AccountUnread { account: String, why: Box<CloudError> },
    #[error("no recipe names parameter {0}")]
    NoRecipesParameter(String),
}

fn listed(images: &BTreeMap<Region, ImageId>) -> String {
    images.iter().map(|(region, image)| format!("{image} in {region}")).collect::<Vec<_>>().join(", ")
}

/// What became of the Regions that had moved already: they are set back, or could not be; or they stay, because there is
/// nothing to set them back to.
fn set_back(back: &[Region], left: &[Region], stays: &[Region]) -> String {
    let list = |regions: &[Region]| regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ");
    let parts = [
        ("What had moved was set back, in", back),
        ("What had moved could not be set back in", left),
        ("It has moved, and stays, in", stays),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(_, regions)| !regions.is_empty())
        .map(|(what, regions)| format!("{what} {}", list(regions)))
        .collect();
    if told.is_empty() { "No Region moved".into() } else { told.join(". ") }
}
