//! Which releases the recipe's own rules (`keep`, `older_than`) keep, and what happens to the others.
//!
//! A release is removed only if every rule of the recipe allows it *and* none of its images is used. If usage could
//! not be determined, the release is kept.

use chrono::{DateTime, TimeDelta, Utc};

use super::in_use::UsageIndex;
use super::lineage::{Lineage, Release};
use super::outcome::{depends_on_sharing, keep, next_step, unless_used};
use super::policy::{Keep, RetentionPolicy};
use super::stages::RetirementContext;
use crate::channel;
use crate::inventory::Image;
use crate::plan::reason::{RetentionReason, UseReason};
use crate::plan::{NextStep, Sequence};
use crate::recipe::{Expire, Recipe};

/// What the recipe's own rules decide about one release, before its usage is known.
enum ByRule {
    Kept(RetentionReason),
    Young {
        newer: usize,
        age: TimeDelta,
    },
    Removable {
        newer: usize,
        age: TimeDelta,
    },
    /// It was never published, or was taken back: it counts nowhere, and no age keeps it.
    Out(RetentionReason),
}

/// The images that the recipe's rules allow to be removed: their usage must be read.
pub fn candidates<'a>(recipe: &Recipe, lineage: &Lineage<'a>, now: DateTime<Utc>) -> Vec<&'a Image> {
    let releases = removable(recipe, lineage, now);
    releases.flat_map(|release| release.images().collect::<Vec<_>>()).collect()
}

/// The candidates that nothing keeps in their own account: only for these is usage by other accounts read.
pub fn only_sharing_left<'a>(
    recipe: &Recipe,
    lineage: &Lineage<'a>,
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    let policy = RetentionPolicy::of(recipe, lineage.newest);
    let releases =
        removable(recipe, lineage, now).filter(|release| depends_on_sharing(release, policy, uses, now));
    releases.flat_map(|release| release.images().collect::<Vec<_>>()).collect()
}

fn removable<'k, 'a>(
    recipe: &Recipe,
    lineage: &'k Lineage<'a>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = &'k Release<'a>> {
    let rules = by_rules(recipe, lineage, now);
    let is_removable = |rule: &ByRule| matches!(rule, ByRule::Removable { .. } | ByRule::Out(_));
    lineage.releases.iter().zip(rules).filter(move |(_, rule)| is_removable(rule)).map(|(release, _)| release)
}

/// Decides about every image of a recipe: one sequence for each release, newest first.
pub fn decide(
    recipe: &Recipe,
    lineage: &Lineage<'_>,
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let rules = by_rules(recipe, lineage, now);
    let (policy, fleet) = (RetentionPolicy::of(recipe, lineage.newest), &lineage.fleet);
    // A recall may be taken back: also where the recipe asks for no quarantine, there is time for that.
    let quarantine = recipe.expire.quarantine.max(Expire::DEFAULT.quarantine);
    let of_recalled = Expire { quarantine, ..recipe.expire.clone() };
    let one = |(release, rule): (&Release<'_>, ByRule)| match (rule, lineage.unobservable) {
        (ByRule::Kept(reason), _) => keep(release, policy, now, |_| Keep::by_rule(reason.clone(), None)),
        (ByRule::Young { newer, age }, _) => {
            let older_than = recipe.expire.older_than;
            let old_enough_at = now + (older_than - age);
            let reason = RetentionReason::Superseded { newer, age: older_than };
            let context = RetirementContext { reason: reason.into(), fleet, now: old_enough_at };
            let later = next_step(release, policy, &context);
            keep(release, policy, now, |image| {
                Keep::by_rule(RetentionReason::Young { age, older_than }, first_step(&later, image))
            })
        }
        // What was never published was never copied either: it does not matter what other Regions hold.
        (ByRule::Removable { .. } | ByRule::Out(RetentionReason::Recalled), Some(error)) => {
            keep(release, policy, now, |_| Keep::unknown(UseReason::Unknown(error.clone())))
        }
        (ByRule::Removable { newer, age }, None) => {
            let reason = RetentionReason::Superseded { newer, age };
            unless_used(release, policy, uses, &RetirementContext { reason: reason.into(), fleet, now })
        }
        (ByRule::Out(reason), _) => {
            let expire = match reason {
                RetentionReason::Unchanged => &Expire::AT_ONCE,
                _ => &of_recalled,
            };
            let policy = RetentionPolicy { expire, ..policy };
            unless_used(release, policy, uses, &RetirementContext { reason: reason.into(), fleet, now })
        }
    };
    lineage.releases.iter().zip(rules).map(one).chain(lineage.unreadable()).collect()
}

/// The step that one image takes in this later sequence.
fn first_step(later: &Sequence, image: &Image) -> Option<NextStep> {
    let own = later.iter().rev().find(|one| one.subject.resource.as_deref() == Some(image.id.as_str()));
    own?.retention?.next
}

/// Applies the keep rules to releases from the newest to the oldest. Only released ones that can be launched wherever they
/// were released count among the newest: what was never released cannot push out a good one, and neither can a release of
/// which somebody took an image, for which all Regions go back to the one before.
fn by_rules(recipe: &Recipe, lineage: &Lineage<'_>, now: DateTime<Utc>) -> Vec<ByRule> {
    let mut released = 0;
    let members = lineage.releases.iter().flat_map(|release| &release.members).cloned();
    let in_channels = channel::named(recipe, members);
    lineage
        .releases
        .iter()
        .map(|release| {
            let age = now - release.effective_age_from();
            let newer = released;
            let keep = recipe.expire.keep;
            if release.is_released() {
                let missing = lineage.lost_in(recipe, release);
                if !missing.is_empty() && newer < keep {
                    return ByRule::Kept(RetentionReason::NotWhole { missing, keep });
                }
                if missing.is_empty() {
                    released += 1;
                    if released <= keep {
                        return ByRule::Kept(RetentionReason::AmongNewest { rank: released, keep });
                    }
                }
            }
            if let Some(reason) = release.is_out().filter(|_| release.under_way().is_none()) {
                return ByRule::Out(reason);
            }
            if let Some((channel, _)) = in_channels.iter().find(|(_, version)| **version == release.version) {
                return ByRule::Kept(RetentionReason::InChannel(channel.clone()));
            }
            // With fewer than `keep` newer releases it may be the best image there is, even if it was not released.
            if newer < keep {
                return ByRule::Kept(RetentionReason::InProgress(release.state()));
            }
            match release.under_way() {
                Some(image) => ByRule::Kept(RetentionReason::InProgress(image.state.clone())),
                None if age < recipe.expire.older_than => ByRule::Young { newer, age },
                None => ByRule::Removable { newer, age },
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "keep_rules_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "removal_tests.rs"]
mod removal_tests;
