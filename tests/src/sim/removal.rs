//! The promise that no image goes that somebody uses or holds, or that its recipe keeps.

use chrono::{DateTime, Utc};
use kiln_core::inventory::{Image, ImageState, InstanceState};
use kiln_core::model::{RecipeName, Stage, tags};

use super::account::Account;
use super::ec2::{Ec2, Machine};
use super::excuses::Excuse;
use super::faults::{MOST_LAG, MOST_SKEW};
use super::history::History;
use super::invariants::Invariants;
use super::lambda::Invocation;
use super::members::is_whole;
use super::other_accounts::REPORT_LAG;

impl Invariants {
    /// Whether nothing of a recipe went, because too much would have gone at once.
    pub(super) fn is_blocked(&self, recipe: &RecipeName) -> bool {
        let blocked = self.blocked.contains(recipe);
        if blocked {
            self.excuses.count(Excuse::ExpiryBlocked);
        }
        blocked
    }

    /// Checks that an image may be disabled or deregistered now. Only a change after the function's reads may have been
    /// missed.
    pub(super) fn may_be_removed(
        &self,
        account: &Account,
        by: &Invocation,
        image: &Image,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let record = image.record().map_err(|error| error.to_string())?;
        let Some(promised) = self.recipes.get(&record.name.recipe) else {
            return Err("its recipe is unknown".into());
        };
        self.is_not_refused(by, &record.name.recipe)?;
        let seen = by.began - MOST_LAG;
        let Some(ec2) = account.regions.get(&image.region) else { return Ok(()) };
        if image.tags.has(tags::HOLD) {
            let held = |of: &History<Image>| of.at(seen).is_some_and(|image| image.tags.has(tags::HOLD));
            if ec2.images.get(&image.id).is_some_and(held) {
                return Err("somebody held it".into());
            }
            self.excuses.count(Excuse::HeldJustBefore);
        }
        let reads = by.usage_reads.borrow().get(&image.region).copied().unwrap_or_default();
        let (Some(instances), false) = (reads.instances, reads.failed) else {
            return Err("a look-up of its use failed, or was not made".into());
        };
        let uses = |machine: &Machine| {
            machine.instance.image.as_ref() == Some(&image.id)
                && machine.instance.state != InstanceState::Terminated
        };
        for history in ec2.machines.values().filter(|history| history.now().is_some_and(uses)) {
            match history.at(instances - MOST_LAG).filter(|then| uses(then)) {
                Some(machine) => return Err(format!("{} used it", machine.instance.id)),
                None => self.excuses.count(Excuse::LaunchedJustBefore),
            }
        }
        self.unnamed_by_template(ec2, image, reads)?;
        self.unused_by_other_accounts(ec2, by, image)?;
        self.unnamed_by_parameter(account, by, image, promised)?;
        if self.is_kept_by_use_alone(by, image, promised) {
            return Ok(());
        }
        // What was never to be published is kept by neither number nor age.
        let is_out = self.was_unchanged(&image.region, &image.id) || self.recalled.contains_key(&record.name);
        if record.stage == Stage::Unchanged || is_out {
            return Ok(());
        }
        let age = now + MOST_SKEW - record.name.version.time();
        if age < promised.younger_than {
            return Err(format!(
                "it was {age} old, and the recipe keeps images younger than {}",
                promised.younger_than
            ));
        }
        self.unpinned(account, by, &record)?;
        let newer = |at: DateTime<Utc>| {
            let home = account.regions.get(&by.home).into_iter().flat_map(|ec2| ec2.images.values());
            home.filter_map(|history| history.at(at))
                .filter(|other| other.state == ImageState::Available)
                .filter(|other| is_whole(account, &by.home, &promised.required, other, at))
                .filter_map(|other| other.record().ok())
                .filter(|its| its.copied.is_none() && its.name.recipe == record.name.recipe)
                .filter(|its| matches!(its.stage, Stage::Released | Stage::Disabled))
                .filter(|its| its.name.version > record.name.version)
                .count()
        };
        let most = newer(seen).max(newer(by.began)).max(newer(now));
        if most < promised.newest {
            return Err(format!(
                "only {most} newer releases were there, and the recipe keeps {}",
                promised.newest
            ));
        }
        Ok(())
    }

    /// Checks that no other account uses an image that it was ever allowed to launch. Reports lag, so use that began
    /// shortly before the image was first found unused may be missed until it is disabled; the report behind the
    /// confirmation shows all older use, and the one behind the end of the quarantine all that began before it.
    fn unused_by_other_accounts(&self, ec2: &Ec2, by: &Invocation, image: &Image) -> Result<(), String> {
        if !ec2.other_accounts.ever_shared.contains(&image.id) {
            return Ok(());
        }
        let (reported, when) = match (&image.state, image.unused_since(), image.disabled_at()) {
            (ImageState::Disabled, _, Some(disabled)) => (disabled - MOST_SKEW, "before it was disabled"),
            (ImageState::Available, Some(first), _) => {
                (first - REPORT_LAG - MOST_SKEW - MOST_LAG, "before it was first found unused")
            }
            _ => return Ok(()),
        };
        match ec2.other_accounts.use_since(&image.id, reported, by.began) {
            Some(used_by) => {
                Err(format!("account {} used it since {}, {when}", used_by.account, used_by.since))
            }
            None => {
                if ec2.other_accounts.use_since(&image.id, by.began, by.began).is_some() {
                    self.excuses.count(Excuse::OtherAccountJustBefore);
                }
                Ok(())
            }
        }
    }
}
