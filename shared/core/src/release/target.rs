//! Finds the release that each Region should name, and what follows if an image of it can no longer be launched.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::outbound::Event;
use crate::inventory::Image;
use crate::model::{ImageId, Region, Stage, Tags, Version, tags};
use crate::plan::reason::ReleaseReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::{OnLoss, ReleaseStrategy};
use crate::release::state::{ReadyRelease, ReleaseState};

impl<'a> ReleaseState<'a> {
    /// The release that a Region should name, the newest version that it may replace, and the reason.
    pub(super) fn target(&self, region: &Region) -> Option<(&ReadyRelease<'a>, Version, Reason)> {
        let (wanted, over, reason) = self.wanted(region)?;
        match self.stands_for(wanted) {
            // What is wanted is older than what was lost anyway.
            Some((lost, instead)) if instead.version() == wanted.version() => {
                Some((wanted, over.max(lost), reason))
            }
            Some((lost, instead)) => {
                let reason = ReleaseReason::GivesWay { lost, to: instead.version() };
                Some((instead, over.max(lost), Reason::Release(reason)))
            }
            None => Some((wanted, over, reason)),
        }
    }

    /// The same, if everything that was ever ready can still be launched.
    fn wanted(&self, region: &Region) -> Option<(&ReadyRelease<'a>, Version, Reason)> {
        if let Some((pinned, over)) = self.pinned() {
            return Some((pinned, over, Reason::Release(ReleaseReason::RolledBackTo(pinned.version()))));
        }
        let fits = |release: &&ReadyRelease<'_>| match self.recipe.replicate.release {
            ReleaseStrategy::AllRegions => self.is_complete(release),
            ReleaseStrategy::PerRegion => release.ready.contains_key(region),
        };
        let may_be_named = |release: &&ReadyRelease<'_>| !release.home.anchor().is_rolled_back_from();
        let target = self.releases.iter().filter(may_be_named).find(fits)?;
        let reason = match (target.record.stage, self.recipe.replicate.release) {
            (Stage::Released, _) => Reason::Release(ReleaseReason::PointsElsewhere(target.version())),
            (_, ReleaseStrategy::AllRegions) => Reason::Release(ReleaseReason::Ready(target.version())),
            (_, ReleaseStrategy::PerRegion) => Reason::Release(ReleaseReason::ReadyHere(target.version())),
        };
        Some((target, target.version(), reason))
    }

    /// With `release = "together"`: the newest release that can be launched in every required Region, if somebody took away
    /// an image of the one that is wanted, or of one that has moved and is not marked as released yet; and the version
    /// that gives way to it.
    fn stands_for(&self, wanted: &ReadyRelease<'_>) -> Option<(Version, &ReadyRelease<'a>)> {
        if self.recipe.replicate.release != ReleaseStrategy::AllRegions {
            return None;
        }
        let moved = self.required().filter_map(|region| self.named(region));
        let moved = moved.filter(|release| release.version() > wanted.version());
        // One that has moved only in part may only seem so: its images were read before its parameters.
        let lost = moved.max_by_key(|release| release.version()).filter(|release| self.has_dead(release));
        let lost = lost.or_else(|| Some(wanted).filter(|release| self.has_lost(release)))?.version();
        let fits = |release: &&ReadyRelease<'_>| {
            release.version() <= wanted.version()
                && !release.home.anchor().is_rolled_back_from()
                && self.is_complete(release)
                && self.is_everywhere(release)
        };
        Some((lost, self.releases.iter().find(fits)?))
    }

    /// Whether a release was whole, and is no more: an image of it is dead, or all Regions have given way to an older release,
    /// and it is not whole again. Just after it was released, Regions only seem to have given way: they were read before.
    fn has_lost(&self, release: &ReadyRelease<'_>) -> bool {
        let names_older =
            |region: &Region| self.named(region).is_some_and(|named| named.version() < release.version());
        let mut ready = self.required().filter(|region| release.ready.contains_key(region));
        let is_settled = !release.is_being_finished(self.now);
        self.has_dead(release) || is_settled && !self.is_everywhere(release) && ready.all(names_older)
    }

    /// Whether a release is not whole, and a required Region in which it was names what nobody can launch.
    fn has_dead(&self, release: &ReadyRelease<'_>) -> bool {
        !self.is_everywhere(release) && self.names_dead_of(release)
    }

    /// Whether a required Region in which a release was names what nobody can launch.
    fn names_dead_of(&self, release: &ReadyRelease<'_>) -> bool {
        self.required().any(|region| release.was_in(region) && self.dead_in(region).is_some())
    }

    /// What a Region of best effort names for as long as nobody can launch what it named: the newest release that can be
    /// launched there.
    pub(super) fn stand_in(&self, region: &'a Region, over: Version) -> Option<&&'a Image> {
        self.dead_in(region).filter(|_| !self.requires(region))?;
        let older =
            self.releases.iter().filter(|release| release.version() <= over && self.is_complete(release));
        older.filter_map(|release| release.ready.get(region)).next()
    }

    /// Whether what a Region should name is older than what names this image now. The images may have been read before the
    /// parameter or the launch template: then one that is named may even seem to be in the making. Only a rollback moves
    /// back, and not from a newer version than it was preferred to.
    pub(super) fn is_back_from(&self, region: &Region, named: &ImageId) -> bool {
        if self.pending.contains(&(region, named)) {
            return true;
        }
        let over = self.target(region).map(|(_, over, _)| over);
        let named = self.versions.get(&(region, named)).copied();
        named.zip(over).is_some_and(|(version, over)| version > over && !self.is_lost(version))
    }

    /// Whether Regions that go together name a release of which the home image can no longer be launched: then all of
    /// them go back to one that can be launched everywhere. An image whose tags cannot be read can still be launched.
    pub(super) fn is_lost(&self, version: Version) -> bool {
        self.recipe.replicate.release == ReleaseStrategy::AllRegions
            && self.unplaced_in(self.home).is_none()
            && !self.is_home_spoiled()
            && !self.versions.iter().any(|((region, _), at)| *region == self.home && *at == version)
    }

    fn is_home_spoiled(&self) -> bool {
        self.pointers.get(self.home).is_some_and(|pointers| pointers.is_spoiled)
    }

    /// Whether Regions that go together stay where they are, because one of them names what can be launched and has no record
    /// of Kiln's: to move the others would part them. A rollback or a newer release ends it.
    pub(super) fn is_held(&self) -> bool {
        let is_orphan = |region: &Region| {
            let named = self.pointers.get(region).and_then(|pointers| pointers.named(self.recipe));
            let version = named.and_then(|named| self.versions.get(&(region, &named)).copied());
            let has_home = |version| self.releases.iter().any(|release| release.version() == version);
            version.is_some_and(|version| !has_home(version))
        };
        self.recipe.replicate.release == ReleaseStrategy::AllRegions
            && (self.required().any(|region| self.unplaced_in(region).is_some())
                || self.is_home_spoiled() && self.required().any(is_orphan))
    }

    /// Whether a move to a release would part the Regions that go together: it was everywhere, and is no more.
    pub(super) fn would_part(&self, release: &ReadyRelease<'_>) -> bool {
        self.recipe.replicate.release == ReleaseStrategy::AllRegions
            && self.required().any(|region| !release.ready.contains_key(region) && release.was_in(region))
    }

    /// What a Region names, if nobody can launch it there: the image is gone, disabled, or lost.
    pub(super) fn dead_in(&self, region: &'a Region) -> Option<ImageId> {
        let named = self.pointers.get(region)?.named(self.recipe)?;
        let is_alive = match self.versions.get(&(region, &named)) {
            Some(version) => !self.is_lost(*version),
            None => {
                self.unplaced_in(region).is_some()
                    || self.pending.contains(&(region, &named))
                    || self.pointers.get(region).is_some_and(|pointers| pointers.is_foreign)
            }
        };
        (!is_alive).then_some(named)
    }

    /// The release that is rolled back to because somebody took away an image of the one that is named, if the recipe says
    /// so and this was not done yet.
    pub(super) fn rolls_back_to(&self) -> Option<Version> {
        let newest = self.releases.first()?;
        if self.recipe.replicate.on_loss != OnLoss::RollBack || !self.names_dead_of(newest) {
            return None;
        }
        let (target, ..) = self.target(self.home)?;
        let is_done = self.pinned().is_some_and(|(pinned, _)| pinned.version() == target.version());
        (self.is_everywhere(target) && self.is_complete(target) && !is_done).then(|| target.version())
    }

    /// The Regions whose lost images are rolled back from, and not copied anew.
    pub fn lost_in(&self) -> BTreeSet<Region> {
        if self.rolls_back_to().is_none() {
            return BTreeSet::new();
        }
        self.regions().filter(|region| self.dead_in(region).is_some()).cloned().collect()
    }

    /// Notes the Regions that came to the recipe after the newest release, and name it by now.
    pub(super) fn came_later(&self) -> Sequence {
        let Some(newest) = self.releases.first().filter(|newest| newest.record.stage == Stage::Released)
        else {
            return Sequence::new();
        };
        let names =
            |region: &&Region| self.named(region).is_some_and(|named| named.version() == newest.version());
        let later: Vec<&Region> =
            self.regions().filter(names).filter(|region| !newest.was_in(region)).collect();
        let Some(list) = newest.home.tags.get(tags::RELEASED_IN).filter(|_| !later.is_empty()) else {
            return Sequence::new();
        };
        let all = later.iter().fold(list.to_owned(), |list, region| format!("{list} {region}"));
        // A longer one would be refused by EC2 at every sweep.
        if all.len() > tags::MOST_OF_LIST {
            return Sequence::new();
        }
        let tag = Action::Tag(newest.home.id.clone(), Tags::new().with(tags::RELEASED_IN, all));
        let reason = ReleaseReason::CameLater(later.into_iter().cloned().collect());
        vec![Subject::image(newest.home).decide(tag, reason)]
    }

    /// Whether the loss of an image was told before, when nothing could be named in its place.
    pub(super) fn is_told(&self, region: &Region, image: &ImageId) -> bool {
        let loss = format!("{region}/{image}");
        let is_told = |tags: &Tags| tags.lists(tags::LOSS_TOLD, &loss).unwrap_or(false);
        self.releases.iter().any(|release| is_told(&release.home.tags))
    }

    /// Says what somebody took away, once, if no Region can name anything in its place.
    pub(super) fn untold_loss(&self) -> Sequence {
        let was_in = |region: &Region| self.releases.first().is_some_and(|newest| newest.was_in(region));
        let is_left = |region: &&Region| self.pending_move(region).is_none() && was_in(region);
        let dead = self.regions().filter(is_left).filter_map(|one| Some((one.clone(), self.dead_in(one)?)));
        let dead = dead.filter(|(region, image)| !self.is_recalled(region, image));
        let images: BTreeMap<Region, ImageId> = dead.collect();
        let list = images.iter().map(|(region, image)| format!("{region}/{image}"));
        let told =
            list.fold(String::new(), |told, one| match told.len() + one.len() < tags::MOST_CHARACTERS {
                true if told.is_empty() => one,
                true => format!("{told} {one}"),
                false => told,
            });
        let Some(noted_on) = self.releases.first().filter(|_| !images.is_empty()) else {
            return Sequence::new();
        };
        if noted_on.home.tags.get(tags::LOSS_TOLD) == Some(&told) {
            return Sequence::new();
        }
        let reason = ReleaseReason::LostForNow(images.clone());
        let subject = || Subject::image(noted_on.home);
        let news = Event::ReleaseLost { image: noted_on.home.id.clone(), images, reason: reason.to_string() };
        let noted = Action::Tag(noted_on.home.id.clone(), Tags::new().with(tags::LOSS_TOLD, told));
        vec![
            subject().emit(&noted_on.record.name, news, Reason::Release(reason.clone())),
            subject().decide(noted, reason),
        ]
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
