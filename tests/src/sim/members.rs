//! Which images make up a release.

use chrono::{DateTime, Utc};
use kiln_core::inventory::{Image, ImageState};
use kiln_core::model::{ImageId, ImageName, ImageRecord, Region, Stage, tags};

use super::account::Account;
use super::history::History;
use super::invariants::Invariants;
use super::releases::{is_published, now_or};

/// The images of a release in a Region, by their current or their observed state.
pub(super) fn member<'a>(
    account: &'a Account,
    home: &Region,
    of: &ImageId,
    region: &Region,
    seen: DateTime<Utc>,
) -> impl Iterator<Item = &'a History<Image>> {
    let (at_home, of) = (region == home, of.clone());
    // What was copied back has the replicas of the image before it.
    let home_image = account.regions.get(home).and_then(|ec2| ec2.images.get(&of)?.now());
    let back = home_image.filter(|image| image.tags.has(tags::COPIED_BACK));
    let back = back.and_then(|image| Some(image.record().ok()?.name));
    let images = account.regions.get(region).into_iter().flat_map(|ec2| ec2.images.iter());
    images
        .filter(move |(id, history)| {
            let record = || now_or(Some(history), seen).next()?.record().ok();
            let is_of = |its: ImageRecord| match &back {
                Some(name) => its.copied.is_some() && its.name == *name,
                None => its.copied.is_some_and(|copied| copied.origin.image == of),
            };
            if at_home { **id == of } else { record().is_some_and(is_of) }
        })
        .map(|(_, history)| history)
}

/// Whether a release can be launched in each of these Regions in which it was released.
pub(super) fn is_whole(
    account: &Account,
    home: &Region,
    required: &[Region],
    release: &Image,
    at: DateTime<Utc>,
) -> bool {
    let was_in = |region: &&Region| release.tags.lists(tags::RELEASED_IN, region.as_str()).unwrap_or(false);
    let is_there = |region: &Region| {
        member(account, home, &release.id, region, at).filter_map(|history| history.at(at)).any(|image| {
            let stage = image.record().map(|its| its.stage);
            image.state == ImageState::Available
                && stage.is_ok_and(|stage| stage.is_published() || stage == Stage::Disabled)
        })
    };
    required.iter().filter(was_in).all(is_there)
}

/// The home image of an image's release: itself, its origin, or what was copied back in the place of that.
pub(super) fn home_of(account: &Account, home: &Region, id: &ImageId, record: &ImageRecord) -> ImageId {
    let origin = record.copied.as_ref().map_or(id, |copied| &copied.origin.image);
    let Some(ec2) = account.regions.get(home) else { return origin.clone() };
    let back = ec2.images.values().filter_map(History::now).find(|image| {
        image.tags.has(tags::COPIED_BACK) && image.record().is_ok_and(|its| its.name == record.name)
    });
    back.map_or(origin, |image| &image.id).clone()
}

/// Whether the release of a home image can be launched in all of these Regions, and in the home Region.
pub(super) fn is_in_all(account: &Account, home: &Region, of: &ImageId, regions: &[Region]) -> bool {
    was_in_all(account, home, of, regions, DateTime::<Utc>::MAX_UTC)
}

/// The same, as it was at a time.
fn was_in_all(account: &Account, home: &Region, of: &ImageId, regions: &[Region], at: DateTime<Utc>) -> bool {
    regions.iter().chain([home]).all(|region| {
        let members = member(account, home, of, region, DateTime::<Utc>::MAX_UTC);
        members.filter_map(|history| history.at(at)).any(is_published)
    })
}

impl Invariants {
    /// Whether a release can be launched in this Region, and in every one that its recipe requires; and could be already
    /// when a function read it.
    pub(super) fn is_whole(
        &self,
        account: &Account,
        home: &Region,
        region: &Region,
        name: &ImageName,
        seen: DateTime<Utc>,
    ) -> bool {
        let at_home = account.images().find(|image| {
            let is_its = |its: ImageRecord| its.name == *name && its.copied.is_none();
            image.region == *home && image.state == ImageState::Available && image.record().is_ok_and(is_its)
        });
        let promised = self.recipes.get(&name.recipe);
        at_home.zip(promised).is_some_and(|(image, promised)| {
            let regions = [promised.required.as_slice(), std::slice::from_ref(region)].concat();
            is_in_all(account, home, &image.id, &regions)
                && was_in_all(account, home, &image.id, &regions, seen)
        })
    }
}
