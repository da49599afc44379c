//! What one observation showed, before anything is said of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kiln_catalog::model::Gap;
use kiln_core::events::inbound::Past;
use kiln_core::expire::OneRecipe;
use kiln_core::expire::forecast::PlanRow;
use kiln_core::expire::in_use::UsageByRegion;
use kiln_core::inventory::{Finding, Image, Instance, Waiting};
use kiln_core::model::{ImageId, RecipeName, Region, Version};
use kiln_core::plan::Sequence;
use kiln_core::release::Pointers;

use super::contents::Listed;

/// All that one observation showed.
pub struct Seen<'a> {
    /// The home Region.
    pub home: &'a Region,
    /// When it began.
    pub now: DateTime<Utc>,
    /// The account; empty if nothing shows it.
    pub account: String,
    /// Each recipe, by name.
    pub recipes: Vec<SeenRecipe<'a>>,
    /// Who uses images, as far as that was looked for.
    pub usage: &'a UsageByRegion,
    /// The builders and testers.
    pub instances: &'a [Instance],
    /// The bakes that wait for room.
    pub waiting: &'a [Waiting],
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// The bucket, as `s3://bucket/`.
    pub store: String,
}

/// What was observed of one recipe.
pub struct SeenRecipe<'a> {
    /// Its name.
    pub name: &'a RecipeName,
    /// The recipe and its releases.
    pub one: OneRecipe<'a>,
    /// What a dry run of `expire` decides.
    pub decided: Vec<Sequence>,
    /// The plan's row of each image.
    pub rows: BTreeMap<(Region, ImageId), PlanRow>,
    /// What each Region names.
    pub pointers: BTreeMap<Region, Pointers>,
    /// Its history, as far as it is kept.
    pub history: Vec<Past>,
    /// What is in its versions, as far as that is kept.
    pub listed: BTreeMap<Version, Listed>,
    /// What Amazon Inspector found in its newest releases, as far as its recipe asks for that.
    pub findings: BTreeMap<Version, Vec<Finding>>,
}

impl SeenRecipe<'_> {
    /// The home image of a version.
    pub(super) fn home_image(&self, version: Version) -> Option<&Image> {
        let release = self.one.lineage.releases.iter().find(|release| release.version == version)?;
        release.home().map(|(image, _)| *image)
    }
}

/// The recipe and the version of each of Kiln's images, by the id of the image.
pub(super) type Known<'a> = BTreeMap<&'a str, (&'a RecipeName, Version)>;
