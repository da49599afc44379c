//! What becomes of the images of one recipe, whether it is there or was deleted.

use chrono::{DateTime, Utc};
use kiln_core::expire::fleet_size::recount;
use kiln_core::expire::forecast::{Row, last_of, row};
use kiln_core::expire::in_use::Uses;
use kiln_core::expire::lineage::Kin;
use kiln_core::expire::{self, deleted_recipe, limits, removed_regions};
use kiln_core::inventory::Image;
use kiln_core::model::Region;
use kiln_core::plan::Chain;
use kiln_core::recipe::Expire;

use super::retire_recipe;
use crate::context::Place;
use crate::observe::inventory::{Family, Survey};

/// A family with the records of its images, each read once.
pub(crate) struct Read<'a> {
    pub family: &'a Family,
    pub kin: Kin<'a>,
}

impl<'a> Read<'a> {
    /// Of what was surveyed.
    pub fn of(family: &'a Family, place: &Place) -> Self {
        Self { family, kin: Kin::of(&family.found, &place.home) }
    }
}

/// The images of a family whose use must be found out.
pub(crate) fn candidates<'a>(read: &Read<'a>, place: &Place, now: DateTime<Utc>) -> Vec<&'a Image> {
    let Some(recipe) = &read.family.recipe else {
        return retire_recipe::candidates(read.family, &read.kin);
    };
    let mut all = expire::candidates(recipe, &read.kin, now);
    all.extend(removed_regions::candidates(&place.home, &read.family.strays));
    all
}

/// Those of them that nothing but other accounts could keep.
pub(crate) fn open<'a>(
    read: &Read<'a>,
    place: &Place,
    uses: &Uses<'_>,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    let Some(recipe) = &read.family.recipe else {
        return retire_recipe::open(read.family, &read.kin, uses, now);
    };
    let mut open = expire::open(recipe, &read.kin, uses, now);
    open.extend(removed_regions::open(recipe, &place.home, &read.family.strays, uses, now));
    open
}

/// What becomes of the images of a family.
pub(crate) fn decided(
    read: &Read<'_>,
    place: &Place,
    uses: &Uses<'_>,
    allow: Option<usize>,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let (home, family) = (&place.home, read.family);
    let Some(recipe) = &family.recipe else {
        return retire_recipe::decided(family, &read.kin, uses, now);
    };
    let mut chains = expire::decide(recipe, &read.kin, uses, now);
    chains.extend(removed_regions::decide(recipe, home, &family.strays, uses, now));
    let mut chains = limits::within(recipe, home, &family.found, &family.strays, chains, allow);
    recount(&family.found, &mut chains);
    chains.extend(deleted_recipe::take_back(recipe, home, &family.found, &family.strays));
    chains
}

/// What the plan tells of each image of a family.
pub(crate) fn rows_of(
    family: &Family,
    chains: &[Chain],
    survey: &Survey,
    place: &Place,
    now: DateTime<Utc>,
) -> Vec<((Region, String), Row)> {
    let usual = Expire::default();
    let expire = family.recipe.as_ref().map_or(&usual, |recipe| &recipe.expire);
    let last = last_of(chains);
    let images = family.found.values().filter_map(|images| images.as_ref().ok()).flatten();
    images
        .chain(&family.strays)
        .filter_map(|image| {
            let decision = last.get(&(&image.region, image.id.as_str()))?;
            let row = row(image, decision, expire, &survey.sizes, &place.prices, now);
            Some(((image.region.clone(), image.id.to_string()), row))
        })
        .collect()
}
