//! Replicas in Regions that their recipe no longer names. Only usage keeps them; without it each one is removed by
//! itself, in the same steps as a release.

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

/// The images that may be removed: their usage must be read.
pub fn candidates<'a>(home: &Region, removed: &'a [Image]) -> Vec<&'a Image> {
    releases(removed, home).iter().flat_map(Release::images).collect()
}

/// The candidates that nothing keeps in their own account: only for these is usage by other accounts read.
pub fn only_sharing_left<'a>(
    recipe: &Recipe,
    home: &Region,
    removed: &'a [Image],
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    let policy = RetentionPolicy::of(recipe, None);
    let replicas: Vec<Release<'a>> =
        one_by_one(home, removed).filter(|one| depends_on_sharing(one, policy, uses, now)).collect();
    replicas.iter().flat_map(Release::images).collect()
}

/// Each replica as a release of its own.
fn one_by_one<'a>(home: &Region, removed: &'a [Image]) -> impl Iterator<Item = Release<'a>> {
    releases(removed, home).into_iter().flat_map(|release| {
        let version = release.version;
        release.members.into_iter().map(move |member| Release { version, members: vec![member] })
    })
}

/// Decides about each replica.
pub fn decide(
    recipe: &Recipe,
    home: &Region,
    removed: &[Image],
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let (policy, fleet) = (RetentionPolicy::of(recipe, None), FleetSize::of(removed));
    let context = RetirementContext { reason: RetentionReason::RegionRemoved.into(), fleet: &fleet, now };
    one_by_one(home, removed)
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

    const REMOVED: &str = "eu-central-1";

    fn decided(replica: &Image, usage: RegionUsage) -> Vec<(&'static str, String)> {
        let mut rules = recipe("web");
        rules.expire.confirm_after = TimeDelta::days(2);
        let found = UsageByRegion::from([(region(REMOVED), Ok(usage))]);
        let sequences = decide(
            &rules,
            &region("us-east-1"),
            std::slice::from_ref(replica),
            &UsageIndex::of(&found),
            day(40),
        );
        sequences.concat().iter().map(|one| (one.action.word(), one.reason.to_string())).collect()
    }

    fn unused(replica: &Image) -> RegionUsage {
        nobody_else(&[replica])
    }

    #[test]
    fn a_replica_in_a_removed_region_goes_step_by_step_regardless_of_its_age() {
        let replica = image("web", 39).released().in_region(REMOVED).build();
        let why = "its recipe no longer names this Region".to_owned();
        assert_eq!(decided(&replica, unused(&replica)), [("deprecate", why.clone())]);
        let mut confirmed = image("web", 39).released().in_region(REMOVED);
        confirmed = confirmed.tagged("kiln:unused-since", &day(37).to_rfc3339());
        let mut confirmed = confirmed.build();
        confirmed.deprecated = Some(day(37));
        assert_eq!(decided(&confirmed, unused(&confirmed)), [("disable", why)]);
        let quarantined = image("web", 39).in_region(REMOVED).disabled_on(30).build();
        assert_eq!(decided(&quarantined, unused(&quarantined))[0].0, "deregister");
    }

    #[test]
    fn a_used_replica_in_a_removed_region_is_kept_and_not_reactivated() {
        let replica = image("web", 39).in_region(REMOVED).staged(crate::model::Stage::Disabled).build();
        let by = Referrer::Instance("i-0fee".parse().unwrap());
        let uses = vec![Reference { names: Target::Image(replica.id.clone()), by }];
        let decided = decided(&replica, RegionUsage { uses, ..unused(&replica) });
        assert_eq!(decided[0].0, Action::Keep.word());
        assert!(decided[0].1.starts_with("it is used by instance"), "{decided:?}");
    }
}
