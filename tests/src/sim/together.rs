//! The promise on Regions that go together: they name one release, but for an invocation and a sweep.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::Image;
use kiln_core::model::{ImageId, ImageName, RecipeName, Region, Version, tags};

use super::account::Account;
use super::ec2::Ec2;
use super::excuses::Excuse;
use super::faults::MOST_LAG;
use super::invariants::{Invariants, Promised};
use super::members::is_in_all;

/// How long nothing is tried again after a try that failed. Each further wait is longer, which no run without faults sees.
const FIRST_WAIT: TimeDelta = TimeDelta::minutes(10);

/// The Regions of a recipe name different releases.
#[derive(Debug)]
pub(super) struct HalfMoved {
    pub(super) since: DateTime<Utc>,
    /// When each sweep began that found it so, since everything answers.
    pub(super) sweeps: Vec<DateTime<Utc>>,
}

impl Invariants {
    /// A parameter has a new value.
    pub fn parameter_changed(&mut self, account: &Account, home: &Region, name: &str, now: DateTime<Utc>) {
        self.catch_up(account, home);
        let names = |of: &Promised| of.all_regions && of.parameter.as_deref() == Some(name);
        let Some((recipe, promised)) = self.recipes.iter().find(|(_, of)| names(of)) else { return };
        let (recipe, versions) = (recipe.clone(), versions_named(account, home, promised));
        if versions.len() > 1 {
            let new = || HalfMoved { since: now, sweeps: Vec::new() };
            self.releases.half.entry(recipe).or_insert_with(new);
        } else if let Some(half) = self.releases.half.remove(&recipe) {
            self.releases.half_longest = self.releases.half_longest.max(now - half.since);
        }
    }

    /// A sweep came to its end. What moved half is whole after an invocation and a sweep, if everything answers and the wait
    /// after a try that failed is over: at the second such sweep that finds it half moved, the promise is broken.
    pub fn swept(
        &mut self,
        account: &Account,
        home: &Region,
        began: DateTime<Utc>,
        disturbed: DateTime<Utc>,
    ) {
        self.catch_up(account, home);
        let mut broken = Vec::new();
        let was_refused = |recipe: &RecipeName| self.conflicts.iter().any(|one| one.goes_on(recipe, began));
        for (recipe, half) in &mut self.releases.half {
            let promised = &self.recipes[recipe];
            let named = versions_named(account, home, promised);
            half.sweeps.retain(|sweep| *sweep > disturbed + MOST_LAG);
            if named.len() < 2 || began <= disturbed.max(half.since) + FIRST_WAIT + MOST_LAG {
                continue;
            }
            if !is_one_launchable_everywhere(account, &self.own, &self.releases.left, home, recipe, promised)
            {
                self.excuses.count(Excuse::NothingToName);
                half.sweeps.clear();
                continue;
            }
            if was_refused(recipe) {
                self.excuses.count(Excuse::RefusedMeanwhile);
                half.sweeps.clear();
                continue;
            }
            // A sweep that its schedule delivered twice is one.
            if half.sweeps.last().is_some_and(|last| began < *last + TimeDelta::minutes(5)) {
                continue;
            }
            half.sweeps.push(began);
            if half.sweeps.len() == 2 {
                broken.push(format!(
                    "{began}: the Regions of {recipe}, which go together, name {named:?} since {}",
                    half.since
                ));
            }
        }
        self.broken_promises.extend(broken);
    }
}

/// Whether some release of a recipe can be launched in every Region that it requires, and was not rolled back from.
fn is_one_launchable_everywhere(
    account: &Account,
    own: &BTreeSet<ImageId>,
    left: &BTreeSet<ImageName>,
    home: &Region,
    recipe: &RecipeName,
    promised: &Promised,
) -> bool {
    let of_recipe =
        |image: &&Image| own.contains(&image.id) && image.tags.get(tags::RECIPE) == Some(recipe.as_str());
    let mut homes = account
        .images()
        .filter(|image| image.region == *home && !image.tags.has(tags::ORIGIN))
        .filter(of_recipe);
    let was_left = |image: &Image| image.record().is_ok_and(|its| left.contains(&its.name));
    let everywhere = |image: &Image| is_in_all(account, home, &image.id, &promised.required);
    homes.any(|image| !was_left(image) && everywhere(image))
}

impl Invariants {
    /// The same, of what is known by now.
    pub(super) fn is_one_launchable_everywhere(
        &self,
        account: &Account,
        home: &Region,
        recipe: &RecipeName,
        promised: &Promised,
    ) -> bool {
        is_one_launchable_everywhere(account, &self.own, &self.releases.left, home, recipe, promised)
    }
}

/// The versions that the parameters of a recipe's required Regions name; `None` for what is gone. A Region without a
/// value yet does not count; it gets one once its replica is there. Nor does one with its first value, which cannot be
/// set back.
fn versions_named(account: &Account, home: &Region, promised: &Promised) -> BTreeSet<Option<Version>> {
    let Some(parameter) = &promised.parameter else { return BTreeSet::new() };
    let version = |ec2: &Ec2, named| Some(ec2.images.get(named)?.now()?.record().ok()?.name.version);
    let is_with_others = |region: &&Region| !promised.changes.catching_up.contains(*region);
    let named = |region: &Region| {
        let ec2 = account.regions.get(region)?;
        let shown = ec2.parameters_shown.get(parameter)?;
        Some(version(ec2, shown.now().filter(|value| shown.first() != Some(value))?))
    };
    promised.required.iter().filter(is_with_others).chain([home]).filter_map(named).collect()
}
