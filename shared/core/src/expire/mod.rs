//! Which images stay and which go, of one recipe, whether it exists or was deleted.

pub mod cross_account;
pub mod deleted_recipe;
pub mod explain;
pub mod fleet_size;
pub mod forecast;
pub mod in_use;
pub mod inventory;
pub mod keep_rules;
pub mod limits;
pub mod lineage;
pub mod outcome;
pub mod policy;
pub mod removed_regions;
pub mod restore;
pub mod stages;

use chrono::{DateTime, Utc};

use crate::inventory::Image;
use crate::model::Region;
use crate::plan::Sequence;
use crate::recipe::Expire;

use fleet_size::record_sizes;
use forecast::{PlanRow, Prices, Sizes, last_decisions, plan_row};
use in_use::UsageIndex;
use lineage::Lineage;
use policy::RetentionPolicy;

pub use inventory::{ImagesByRegion, Observed, observed_images};

/// One recipe, with the record of each of its images parsed once.
pub struct OneRecipe<'a> {
    /// What was observed of it.
    pub observed: &'a Observed,
    /// Its releases.
    pub lineage: Lineage<'a>,
    home: &'a Region,
}

impl<'a> OneRecipe<'a> {
    /// One recipe of the Kiln with that home Region.
    pub fn of(observed: &'a Observed, home: &'a Region) -> Self {
        Self { observed, lineage: Lineage::of(&observed.images, home), home }
    }

    /// The images whose use must be found out, because nothing else keeps them.
    pub fn candidates(&self, now: DateTime<Utc>) -> Vec<&'a Image> {
        let Some(recipe) = &self.observed.recipe else {
            let retired = self.observed.retired_at;
            return retired.map_or_else(Vec::new, |_| deleted_recipe::candidates(&self.lineage));
        };
        let mut all = keep_rules::candidates(recipe, &self.lineage, now);
        all.extend(removed_regions::candidates(self.home, &self.observed.removed));
        all
    }

    /// Those of them that only their use by other accounts could keep.
    pub fn only_sharing_left(&self, uses: &UsageIndex<'_>, now: DateTime<Utc>) -> Vec<&'a Image> {
        let Some(recipe) = &self.observed.recipe else {
            let left = || deleted_recipe::only_sharing_left(&self.lineage, uses, now);
            return self.observed.retired_at.map_or_else(Vec::new, |_| left());
        };
        let mut left = keep_rules::only_sharing_left(recipe, &self.lineage, uses, now);
        let removed = &self.observed.removed;
        left.extend(removed_regions::only_sharing_left(recipe, self.home, removed, uses, now));
        left
    }

    /// What becomes of every image. `allow`: how many may go, as a person says who has reviewed the plan.
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

    /// What the plan says of each image of which that was decided.
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

    /// By which policy its images go.
    pub fn policy(&self, defaults: &'a Expire) -> RetentionPolicy<'a> {
        match &self.observed.recipe {
            Some(recipe) => RetentionPolicy::of(recipe, self.lineage.newest),
            None => {
                RetentionPolicy { newest: self.lineage.newest, ..RetentionPolicy::without_recipe(defaults) }
            }
        }
    }
}
