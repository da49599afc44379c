//! Which images stay and which go.
//!
//! A release goes only when every rule of the recipe lets it go *and* nobody uses any of its members; where that could
//! not be found out, it stays.

use chrono::{DateTime, TimeDelta, Utc};

use super::census::Census;
use super::family::{Release, Rules, releases, seen, unreadable};
use super::retire::Fate;
use super::used::Uses;
use super::{Chain, Reason};
use crate::cloud::{CloudError, Image};
use crate::domain::Region;
use crate::recipe::Recipe;

pub use super::family::Found;

/// What the rules of the recipe alone say of one release.
enum ByRule {
    Stays(Reason),
    Goes { newer: usize, age: TimeDelta },
}

/// The images that the rules of the recipe would let go: those whose use must be found out.
pub fn candidates<'a>(
    recipe: &Recipe,
    home: &Region,
    found: &'a Found,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    let releases = releases(seen(found), home);
    let rules = by_rules(recipe, &releases, now);
    let goes = releases.iter().zip(rules).filter(|(_, rule)| matches!(rule, ByRule::Goes { .. }));
    goes.flat_map(|(release, _)| release.members.iter().map(|(image, _)| *image)).collect()
}

/// What becomes of every image of a recipe: one chain for each release, newest first.
pub fn decide(
    recipe: &Recipe,
    home: &Region,
    found: &Found,
    uses: &Uses<'_>,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let releases = releases(seen(found), home);
    let by_rules = by_rules(recipe, &releases, now);
    let blind: Option<&CloudError> = found.values().find_map(|images| images.as_ref().err());
    let newest = releases.iter().find(|release| release.is_released()).map(|release| release.version);
    let (rules, census) = (Rules::of(recipe, newest), Census::of(seen(found)));
    let one = |(release, by_rule): (&Release<'_>, ByRule)| match (by_rule, blind) {
        (ByRule::Stays(because), _) => release.keep(rules, now, |_| because.clone()),
        (ByRule::Goes { .. }, Some(error)) => {
            release.keep(rules, now, |_| Reason::UsageUnknown(error.clone()))
        }
        (ByRule::Goes { newer, age }, None) => {
            let because = Reason::Superseded { newer, age };
            release.by_use(rules, uses, &Fate { because, census: &census, now })
        }
    };
    let mut chains: Vec<Chain> = releases.iter().zip(by_rules).map(one).collect();
    chains.extend(unreadable(seen(found), home));
    chains
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
            if age < recipe.expire.older_than {
                return ByRule::Stays(Reason::Young { age, older_than: recipe.expire.older_than });
            }
            // Without enough newer releases it is perhaps the best there is, whatever became of it.
            if newer < recipe.expire.keep {
                return ByRule::Stays(Reason::InProgress(release.state()));
            }
            match release.under_way() {
                Some(image) => ByRule::Stays(Reason::InProgress(image.state.clone())),
                None => ByRule::Goes { newer, age },
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "expire_tests.rs"]
mod tests;
