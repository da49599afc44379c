//! Replicas in Regions that their recipe no longer names: only their use keeps them. They go in the same steps as a release,
//! each on its own.

use chrono::{DateTime, Utc};

use super::fleet_size::FleetSize;
use super::in_use::UsageIndex;
use super::lineage::{Release, releases};
use super::outcome::{depends_on_sharing, keep, unless_used};
use super::policy::{Keep, RetentionPolicy};
use super::stages::RetirementContext;
use crate::inventory::Image;
use crate::model::Region;
use crate::plan::Sequence;
use crate::plan::reason::RetentionReason;
use crate::recipe::Recipe;

/// The images that may go: those whose use must be found out.
pub fn candidates<'a>(home: &Region, removed: &'a [Image]) -> Vec<&'a Image> {
    releases(removed, home).iter().flat_map(Release::images).collect()
}

/// Those of them that only their use by other accounts could keep.
pub fn only_sharing_left<'a>(
    recipe: &Recipe,
    home: &Region,
    removed: &'a [Image],
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    let policy = RetentionPolicy::of(recipe, None);
    let left: Vec<Release<'a>> =
        each(home, removed).filter(|one| depends_on_sharing(one, policy, uses, now)).collect();
    left.iter().flat_map(Release::images).collect()
}

/// Each replica as a release of its own.
fn each<'a>(home: &Region, removed: &'a [Image]) -> impl Iterator<Item = Release<'a>> {
    releases(removed, home).into_iter().flat_map(|release| {
        let version = release.version;
        release.members.into_iter().map(move |member| Release { version, members: vec![member] })
    })
}

/// What becomes of each.
pub fn decide(
    recipe: &Recipe,
    home: &Region,
    removed: &[Image],
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let (policy, fleet) = (RetentionPolicy::of(recipe, None), FleetSize::of(removed));
    let context = RetirementContext { reason: RetentionReason::RegionRemoved.into(), fleet: &fleet, now };
    each(home, removed)
        .map(|one| match one.under_way() {
            Some(image) => {
                let reason = RetentionReason::InProgress(image.state.clone());
                keep(&one, policy, now, |_| Keep::by_rule(reason.clone(), None))
            }
            None => unless_used(&one, policy, uses, &context),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::expire::in_use::UsageByRegion;
    use crate::fixtures::*;
    use crate::inventory::usage::{Referrer, Target};
    use crate::inventory::{Reference, RegionUsage};
    use crate::plan::Action;

    const LEFT: &str = "eu-central-1";

    fn decided(stray: &Image, usage: RegionUsage) -> Vec<(&'static str, String)> {
        let mut rules = recipe("web");
        rules.expire.confirm_after = TimeDelta::days(2);
        let found = UsageByRegion::from([(region(LEFT), Ok(usage))]);
        let sequences = decide(
            &rules,
            &region("us-east-1"),
            std::slice::from_ref(stray),
            &UsageIndex::of(&found),
            day(40),
        );
        sequences.concat().iter().map(|one| (one.action.word(), one.reason.to_string())).collect()
    }

    fn quiet(stray: &Image) -> RegionUsage {
        nobody_else(&[stray])
    }

    #[test]
    fn a_replica_in_a_region_that_left_the_recipe_goes_step_by_step_however_new_it_is() {
        let stray = image("web", 39).released().in_region(LEFT).build();
        let why = "its recipe no longer names this Region".to_owned();
        assert_eq!(decided(&stray, quiet(&stray)), [("deprecate", why.clone())]);
        let mut confirmed = image("web", 39).released().in_region(LEFT);
        confirmed = confirmed.tagged("kiln:unused-since", &day(37).to_rfc3339());
        let mut confirmed = confirmed.build();
        confirmed.deprecated = Some(day(37));
        assert_eq!(decided(&confirmed, quiet(&confirmed)), [("disable", why)]);
        let over = image("web", 39).in_region(LEFT).disabled_on(30).build();
        assert_eq!(decided(&over, quiet(&over))[0].0, "deregister");
    }

    #[test]
    fn it_stays_while_somebody_uses_it_and_is_not_brought_back_to_its_recipe() {
        let stray = image("web", 39).in_region(LEFT).staged(crate::model::Stage::Disabled).build();
        let by = Referrer::Instance("i-0fee".parse().unwrap());
        let uses = vec![Reference { names: Target::Image(stray.id.clone()), by }];
        let told = decided(&stray, RegionUsage { uses, ..quiet(&stray) });
        assert_eq!(told[0].0, Action::Keep.word());
        assert!(told[0].1.starts_with("it is used by instance"), "{told:?}");
    }
}
