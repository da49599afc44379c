//! Which releases the recipe itself keeps (`keep`, `older_than`), and what becomes of the others.
//!
//! A release goes only when every rule of the recipe lets it go *and* nobody uses any of its members. Where that could
//! not be found out, it is kept.

use chrono::{DateTime, TimeDelta, Utc};

use super::in_use::UsageIndex;
use super::lineage::{Lineage, Release};
use super::outcome::{depends_on_sharing, keep, unless_used};
use super::policy::{Keep, RetentionPolicy};
use super::stages::{RetirementContext, next_stage};
use crate::inventory::Image;
use crate::plan::reason::{RetentionReason, UseReason};
use crate::plan::{NextStep, Sequence};
use crate::recipe::Recipe;

/// What the rules of the recipe alone say of one release.
enum ByRule {
    Kept(RetentionReason),
    Young { newer: usize, age: TimeDelta },
    Goes { newer: usize, age: TimeDelta },
}

/// The images that the rules of the recipe let go: those whose use must be found out.
pub fn candidates<'a>(recipe: &Recipe, lineage: &Lineage<'a>, now: DateTime<Utc>) -> Vec<&'a Image> {
    let going = going(recipe, lineage, now);
    going.flat_map(|release| release.images().collect::<Vec<_>>()).collect()
}

/// Those of them that only their use by other accounts could keep.
pub fn only_sharing_left<'a>(
    recipe: &Recipe,
    lineage: &Lineage<'a>,
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    let policy = RetentionPolicy::of(recipe, lineage.newest);
    let left = going(recipe, lineage, now).filter(|release| depends_on_sharing(release, policy, uses, now));
    left.flat_map(|release| release.images().collect::<Vec<_>>()).collect()
}

fn going<'k, 'a>(
    recipe: &Recipe,
    lineage: &'k Lineage<'a>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = &'k Release<'a>> {
    let rules = by_rules(recipe, &lineage.releases, now);
    let goes = |rule: &ByRule| matches!(rule, ByRule::Goes { .. });
    lineage.releases.iter().zip(rules).filter(move |(_, rule)| goes(rule)).map(|(release, _)| release)
}

/// What becomes of every image of a recipe: one chain for each release, newest first.
pub fn decide(
    recipe: &Recipe,
    lineage: &Lineage<'_>,
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let rules = by_rules(recipe, &lineage.releases, now);
    let (policy, fleet) = (RetentionPolicy::of(recipe, lineage.newest), &lineage.fleet);
    let one = |(release, rule): (&Release<'_>, ByRule)| match (rule, lineage.unobservable) {
        (ByRule::Kept(reason), _) => keep(release, policy, now, |_| Keep::by_rule(reason.clone(), None)),
        (ByRule::Young { newer, age }, _) => {
            let older_than = recipe.expire.older_than;
            let then = now + (older_than - age);
            let reason = RetentionReason::Superseded { newer, age: older_than };
            let context = RetirementContext { reason: reason.into(), fleet, now: then };
            let later = next_stage(policy.expire, &release.members, &context);
            keep(release, policy, now, |image| {
                Keep::by_rule(RetentionReason::Young { age, older_than }, first_step(&later, image))
            })
        }
        (ByRule::Goes { .. }, Some(error)) => {
            keep(release, policy, now, |_| Keep::unknown(UseReason::Unknown(error.clone())))
        }
        (ByRule::Goes { newer, age }, None) => {
            let reason = RetentionReason::Superseded { newer, age };
            unless_used(release, policy, uses, &RetirementContext { reason: reason.into(), fleet, now })
        }
    };
    lineage.releases.iter().zip(rules).map(one).chain(lineage.unreadable()).collect()
}

/// The step of one image that these decisions of a later time take.
fn first_step(later: &Sequence, image: &Image) -> Option<NextStep> {
    let own = later.iter().rev().find(|one| one.subject.resource.as_deref() == Some(image.id.as_str()));
    own?.retention?.next
}

/// The keep rules, for releases from the newest to the oldest. Only released ones count among the newest: images that
/// were never released push no good one out.
fn by_rules(recipe: &Recipe, releases: &[Release<'_>], now: DateTime<Utc>) -> Vec<ByRule> {
    let mut released = 0;
    releases
        .iter()
        .map(|release| {
            let age = now - release.effective_age_from();
            let newer = released;
            if release.is_released() {
                released += 1;
                if released <= recipe.expire.keep {
                    return ByRule::Kept(RetentionReason::AmongNewest {
                        rank: released,
                        keep: recipe.expire.keep,
                    });
                }
            }
            // Without enough newer releases it may be the best there is, whatever became of it.
            if newer < recipe.expire.keep {
                return ByRule::Kept(RetentionReason::InProgress(release.state()));
            }
            match release.under_way() {
                Some(image) => ByRule::Kept(RetentionReason::InProgress(image.state.clone())),
                None if age < recipe.expire.older_than => ByRule::Young { newer, age },
                None => ByRule::Goes { newer, age },
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "keep_rules_tests.rs"]
mod tests;
