//! Decides which images of one recipe are kept and which are removed, whether the recipe exists or was deleted.
//!
//! `keep_rules` holds the rules of the recipe, `in_use` what keeps an image regardless of them, `stages` the three
//! steps of a removal, and `limits` how much one run may remove.

pub mod cross_account;
pub mod deleted_recipe;
pub mod explain;
pub mod fleet_size;
pub mod forecast;
pub mod hold;
pub mod in_use;
pub mod inventory;
pub mod keep_rules;
pub mod limits;
pub mod lineage;
pub mod outcome;
pub mod overtaken;
pub mod policy;
pub mod references;
pub mod removed_regions;
pub mod restore;
pub mod stages;

use chrono::{DateTime, Utc};

use crate::inventory::Image;
use crate::model::Region;
use crate::plan::Sequence;

use fleet_size::record_sizes;
use forecast::{PlanRow, Prices, Sizes, last_decisions, plan_row};
use in_use::UsageIndex;
use lineage::Lineage;
use policy::RetentionPolicy;

pub use inventory::{ImagesByRegion, Observed, observed_images};

/// One recipe and its releases. The record of each image is parsed once.
pub struct OneRecipe<'a> {
    /// What was observed of the recipe.
    pub observed: &'a Observed,
    /// Its releases.
    pub lineage: Lineage<'a>,
    home: &'a Region,
}

impl<'a> OneRecipe<'a> {
    /// Groups the observed images into releases. `home`: the Region in which Kiln bakes.
    pub fn of(observed: &'a Observed, home: &'a Region) -> Self {
        Self { observed, lineage: Lineage::of(&observed.images, home), home }
    }

    /// The images that no rule keeps, so that their usage must be read.
    pub fn candidates(&self, now: DateTime<Utc>) -> Vec<&'a Image> {
        let Some(recipe) = &self.observed.recipe else {
            let retired = self.observed.retired_at;
            return retired.map_or_else(Vec::new, |_| deleted_recipe::candidates(&self.lineage));
        };
        let mut all = keep_rules::candidates(recipe, &self.lineage, now);
        all.extend(removed_regions::candidates(self.home, &self.observed.removed));
        all
    }

    /// The candidates that nothing keeps in their own account: only for these is usage by other accounts read.
    pub fn only_sharing_left(&self, uses: &UsageIndex<'_>, now: DateTime<Utc>) -> Vec<&'a Image> {
        let Some(recipe) = &self.observed.recipe else {
            let images = || deleted_recipe::only_sharing_left(&self.lineage, uses, now);
            return self.observed.retired_at.map_or_else(Vec::new, |_| images());
        };
        let mut images = keep_rules::only_sharing_left(recipe, &self.lineage, uses, now);
        let removed = &self.observed.removed;
        images.extend(removed_regions::only_sharing_left(recipe, self.home, removed, uses, now));
        images
    }

    /// Decides about every image, one sequence per release. `allow`: how many images may be removed, given by a
    /// person who reviewed the plan; it replaces the recipe's limits.
    pub fn decide(&self, uses: &UsageIndex<'_>, allow: Option<usize>, now: DateTime<Utc>) -> Vec<Sequence> {
        let Observed { recipe, retired_at, images, removed } = self.observed;
        let Some(recipe) = recipe else {
            return match retired_at {
                Some(at) => deleted_recipe::decide(&self.lineage, uses, *at, now),
                None => deleted_recipe::kept(&self.lineage, now),
            };
        };
        let mut sequences = keep_rules::decide(recipe, &self.lineage, uses, now);
        sequences.extend(removed_regions::decide(recipe, self.home, removed, uses, now));
        let mut sequences = limits::enforce(recipe, self.home, images, removed, sequences, allow);
        record_sizes(images, &mut sequences);
        sequences.extend(deleted_recipe::reinstate(recipe, self.home, self.observed));
        sequences
    }

    /// The plan's row of each image for which there is a decision.
    pub fn plan_rows(
        &self,
        sequences: &[Sequence],
        sizes: &Sizes,
        prices: &Prices,
        now: DateTime<Utc>,
    ) -> Vec<(&'a Image, PlanRow)> {
        let last = last_decisions(sequences);
        let row = |image: &'a Image| {
            let decision = last.get(&(&image.region, image.id.as_str()))?;
            Some((image, plan_row(image, decision, sizes, prices, now)))
        };
        self.observed.all().filter_map(row).collect()
    }

    /// The retention policy of its images.
    pub fn policy(&self) -> RetentionPolicy<'a> {
        match &self.observed.recipe {
            Some(recipe) => RetentionPolicy::of(recipe, self.lineage.newest),
            None => RetentionPolicy { newest: self.lineage.newest, ..RetentionPolicy::without_recipe() },
        }
    }
}
