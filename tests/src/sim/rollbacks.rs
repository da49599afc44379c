//! The promises on rollbacks: what somebody rolled back from is not named, baked from or put back, and what he rolled
//! back to stays.

use chrono::{DateTime, Utc};
use kiln_core::inventory::{Image, NewInstance};
use kiln_core::model::{ImageName, ImageRecord, Version};

use super::account::Account;
use super::faults::{MOST_LAG, MOST_SKEW};
use super::history::History;
use super::invariants::Invariants;
use super::lambda::Invocation;
use super::releases::{Releases, is_published, now_or};

#[derive(Debug, Clone, Copy)]
pub(super) struct Rollback {
    pub(super) at: DateTime<Utc>,
    pub(super) to: Version,
    pub(super) over: Version,
}

impl Releases {
    /// Whether somebody rolled this release's recipe back to an older one.
    pub fn was_rolled_back_from(&self, name: &ImageName) -> bool {
        let from = |rollback: &Rollback| rollback.to < name.version && name.version <= rollback.over;
        self.rollbacks.get(&name.recipe).is_some_and(from)
    }
}

impl Invariants {
    /// The rollback of an image's recipe that is in force, and that a function must have known of.
    pub(super) fn rollback_in_force(
        &self,
        account: &Account,
        by: &Invocation,
        record: &ImageRecord,
    ) -> Option<&Rollback> {
        let seen = by.began - MOST_LAG;
        let rollback = self.releases.rollbacks.get(&record.name.recipe)?;
        let is_known = rollback.at < seen - MOST_SKEW;
        (is_known && pin_holds(account, by, rollback, record, seen)).then_some(rollback)
    }

    /// Checks that an image that is to be removed is not of the release that somebody rolled back to.
    pub(crate) fn unpinned(
        &self,
        account: &Account,
        by: &Invocation,
        record: &ImageRecord,
    ) -> Result<(), String> {
        match self.rollback_in_force(account, by, record) {
            Some(rollback) if rollback.to == record.name.version => {
                Err(format!("it is the release to which somebody had rolled back at {}", rollback.at))
            }
            _ => Ok(()),
        }
    }

    /// A layer is baked from the release of its base that is named, not from one that somebody rolled back from.
    pub(crate) fn baked_from(
        &mut self,
        account: &Account,
        by: &Invocation,
        new: &NewInstance,
        name: &ImageName,
    ) {
        let base = account.regions.get(&new.region).and_then(|ec2| ec2.images.get(&new.image)?.now());
        let Some(base) = base.and_then(|base| base.record().ok()) else { return };
        let from = self.rollback_in_force(account, by, &base);
        let from = from.filter(|back| back.to < base.name.version && base.name.version <= back.over);
        if let Some(rollback) = from {
            let broken = format!(
                "{name} is baked from {}, from which somebody had rolled back at {}",
                base.name, rollback.at
            );
            self.broken_promise(broken);
        }
    }
}

/// Whether the image of a rollback is still pinned, and no newer release has come since.
fn pin_holds(
    account: &Account,
    by: &Invocation,
    rollback: &Rollback,
    record: &ImageRecord,
    seen: DateTime<Utc>,
) -> bool {
    let at_home = account.regions.get(&by.home).into_iter().flat_map(|ec2| ec2.images.values());
    let homes: Vec<&History<Image>> = at_home
        .filter(|history| {
            history
                .now()
                .and_then(|image| image.record().ok())
                .is_some_and(|its| its.copied.is_none() && its.name.recipe == record.name.recipe)
        })
        .collect();
    let version = |image: &Image| image.record().ok().map(|its| its.name.version);
    let pinned = homes.iter().any(|history| {
        let own = |image: &Image| {
            version(image) == Some(rollback.to) && image.anchor().pin.is_some() && is_published(image)
        };
        history.at(seen).is_some_and(own) && history.now().is_some_and(own)
    });
    let newer = homes.iter().any(|history| {
        now_or(Some(history), seen)
            .any(|image| is_published(image) && version(image).is_some_and(|its| its > rollback.over))
    });
    pinned && !newer
}
