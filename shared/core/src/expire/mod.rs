//! Which images stay and which go.
//!
//! A release goes only when every rule of the recipe lets it go *and* nobody uses any of its members; where that could
//! not be found out, it stays.

pub mod cross_account;
pub mod deleted_recipe;
pub mod explain;
pub mod fleet_size;
pub mod forecast;
pub mod in_use;
pub mod limits;
pub mod lineage;
pub mod removed_regions;
pub mod restore;
pub mod stages;

use chrono::{DateTime, TimeDelta, Utc};

use crate::expire::forecast::step_of;
use crate::expire::in_use::Uses;
use crate::expire::lineage::{Kin, Release, Rules};
use crate::expire::stages::{Fate, next_step};
use crate::inventory::Image;
use crate::plan::{Chain, Reason};
use crate::recipe::Recipe;

pub use crate::expire::lineage::Found;

/// What the rules of the recipe alone say of one release.
enum ByRule {
    Stays(Reason),
    IsYoung { newer: usize, age: TimeDelta },
    Goes { newer: usize, age: TimeDelta },
}

/// The images that the rules of the recipe would let go: those whose use must be found out.
pub fn candidates<'a>(recipe: &Recipe, kin: &Kin<'a>, now: DateTime<Utc>) -> Vec<&'a Image> {
    goes(recipe, kin, now).flat_map(|release| release.members.iter().map(|(image, _)| *image)).collect()
}

/// Those of them that nothing but their use by other accounts could keep.
pub fn open<'a>(recipe: &Recipe, kin: &Kin<'a>, uses: &Uses<'_>, now: DateTime<Utc>) -> Vec<&'a Image> {
    let rules = Rules::of(recipe, kin.newest);
    let open = goes(recipe, kin, now).filter(|release| release.depends_on_sharing(rules, uses, now));
    open.flat_map(|release| release.members.iter().map(|(image, _)| *image)).collect()
}

fn goes<'k, 'a>(
    recipe: &Recipe,
    kin: &'k Kin<'a>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = &'k Release<'a>> {
    let rules = by_rules(recipe, &kin.releases, now);
    let goes = |rule: &ByRule| matches!(rule, ByRule::Goes { .. });
    kin.releases.iter().zip(rules).filter(move |(_, rule)| goes(rule)).map(|(release, _)| release)
}

/// What becomes of every image of a recipe: one chain for each release, newest first.
pub fn decide(recipe: &Recipe, kin: &Kin<'_>, uses: &Uses<'_>, now: DateTime<Utc>) -> Vec<Chain> {
    let by_rules = by_rules(recipe, &kin.releases, now);
    let (rules, census) = (Rules::of(recipe, kin.newest), &kin.census);
    let one = |(release, by_rule): (&Release<'_>, ByRule)| match (by_rule, kin.blind) {
        (ByRule::Stays(because), _) => release.keep(rules, now, |_| because.clone()),
        (ByRule::IsYoung { newer, age }, _) => {
            let older_than = recipe.expire.older_than;
            let then = now + (older_than - age);
            let because = Reason::Superseded { newer, age: older_than };
            let later = next_step(rules.expire, &release.members, &Fate { because, census, now: then });
            release.keep(rules, now, |image| {
                let next = step_of(&later, image, rules.expire, then);
                Reason::Young { age, older_than, next }
            })
        }
        (ByRule::Goes { .. }, Some(error)) => {
            release.keep(rules, now, |_| Reason::UsageUnknown(error.clone()))
        }
        (ByRule::Goes { newer, age }, None) => {
            let because = Reason::Superseded { newer, age };
            release.by_use(rules, uses, &Fate { because, census, now })
        }
    };
    kin.releases.iter().zip(by_rules).map(one).chain(kin.unreadable()).collect()
}

/// The keep rules, for releases from the newest to the oldest. Only releases count among the newest: a run of
/// images that were never released pushes no good one out.
fn by_rules(recipe: &Recipe, releases: &[Release<'_>], now: DateTime<Utc>) -> Vec<ByRule> {
    let mut released = 0;
    releases
        .iter()
        .map(|release| {
            let age = now - release.born();
            let newer = released;
            if release.is_released() {
                released += 1;
                if released <= recipe.expire.keep {
                    return ByRule::Stays(Reason::AmongNewest { rank: released, keep: recipe.expire.keep });
                }
            }
            // Without enough newer releases it is perhaps the best there is, whatever became of it.
            if newer < recipe.expire.keep {
                return ByRule::Stays(Reason::InProgress(release.state()));
            }
            match release.under_way() {
                Some(image) => ByRule::Stays(Reason::InProgress(image.state.clone())),
                None if age < recipe.expire.older_than => ByRule::IsYoung { newer, age },
                None => ByRule::Goes { newer, age },
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "expire_tests.rs"]
mod tests;
