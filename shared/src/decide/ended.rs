//! The images of recipes that were deleted: nothing happens to them until somebody says that they may go.

use chrono::{DateTime, Utc};

use super::census::Census;
use super::family::{Found, Rules, releases, seen, unreadable};
use super::retire::Fate;
use super::used::Uses;
use super::{Action, Chain, Reason, Subject};
use crate::cloud::{CloudError, Image};
use crate::domain::{Region, Tags, tags};
use crate::recipe::{Expire, Recipe};

/// When somebody said that the images of a deleted recipe may go, as the first of them tells; `None`: nobody did.
pub fn since(found: &Found, home: &Region) -> Option<DateTime<Utc>> {
    let own = seen(found).filter(|image| image.record_at(home).is_ok());
    own.filter_map(|image| image.tags.time(tags::ENDED)).min()
}

/// Those that may go, once somebody has said so: whose use must be found out.
pub fn candidates<'a>(home: &Region, found: &'a Found) -> Vec<&'a Image> {
    let all = releases(seen(found), home).into_iter().flat_map(|release| release.members);
    all.map(|(image, _)| image).collect()
}

/// Nobody has said so: they stay, and it is said how.
pub fn stays(home: &Region, found: &Found, now: DateTime<Utc>) -> Vec<Chain> {
    let waiting = Expire::default();
    let rules = Rules { expire: &waiting, recipe: None, newest: None };
    let name = seen(found).find_map(|image| Some(image.record_at(home).ok()?.name.recipe));
    let Some(name) = name else { return Vec::new() };
    let all = releases(seen(found), home);
    all.iter().map(|release| release.keep(rules, now, |_| Reason::RecipeMissing(name.clone()))).collect()
}

/// Writes on every image that its recipe has ended.
pub fn mark(found: &Found, home: &Region, now: DateTime<Utc>) -> Vec<Chain> {
    let unmarked = seen(found).filter(|image| image.tags.time(tags::ENDED).is_none());
    let unmarked = unmarked.filter(|image| image.record_at(home).is_ok());
    let note = |image: &Image| {
        let tags = Tags::new().with_time(tags::ENDED, now);
        vec![Subject::image(image).so(Action::Note(image.id.clone(), tags), Reason::RecipeEnded(now))]
    };
    unmarked.map(note).collect()
}

/// A recipe that is there again takes back what was said when it was gone.
pub fn take_back(recipe: &Recipe, found: &Found) -> Vec<Chain> {
    let marked = seen(found).filter(|image| image.tags.time(tags::ENDED).is_some());
    let note = |image: &Image| {
        let because = Reason::RecipeIsBack(recipe.name.clone());
        let tags = Tags::new().with(tags::ENDED, "no");
        vec![Subject::image(image).so(Action::Note(image.id.clone(), tags), because)]
    };
    marked.map(note).collect()
}

/// What becomes of every image of a recipe that has ended `since`: by the waiting times that a recipe has which names none,
/// and with no newest ones that are kept.
pub fn decide(
    home: &Region,
    found: &Found,
    uses: &Uses<'_>,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let waiting = Expire::default();
    let rules = Rules { expire: &waiting, recipe: None, newest: None };
    let census = Census::of(seen(found));
    let blind: Option<&CloudError> = found.values().find_map(|images| images.as_ref().err());
    let mut chains: Vec<Chain> = releases(seen(found), home)
        .iter()
        .map(|release| match (release.under_way(), blind) {
            (Some(image), _) => release.keep(rules, now, |_| Reason::InProgress(image.state.clone())),
            (None, Some(error)) => release.keep(rules, now, |_| Reason::UsageUnknown(error.clone())),
            (None, None) => {
                let fate = Fate { because: Reason::RecipeEnded(since), census: &census, now };
                release.by_use(rules, uses, &fate)
            }
        })
        .collect();
    chains.extend(unreadable(seen(found), home));
    chains
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::super::used::UsageByRegion;
    use super::*;

    fn home() -> Region {
        region("us-east-1")
    }

    fn found(images: &[Image]) -> Found {
        Found::from([(home(), Ok(images.to_vec()))])
    }

    #[test]
    fn nothing_goes_until_somebody_says_so() {
        assert_eq!(since(&found(&[image("web", 1).released().build()]), &home()), None);
    }

    #[test]
    fn all_go_step_by_step_once_it_was_said_the_newest_too() {
        let images = [image("web", 1).released().build(), image("web", 2).released().build()];
        let marked = mark(&found(&images), &home(), day(40));
        assert_eq!(marked.concat().iter().map(|one| one.action.word()).collect::<Vec<_>>(), ["note"; 2]);
        let usage = UsageByRegion::from([(home(), Ok(nobody_else(&[&images[0], &images[1]])))]);
        let chains = decide(&home(), &found(&images), &Uses::of(&usage), day(40), day(40));
        let words: Vec<_> = chains.concat().iter().map(|one| one.action.word()).collect();
        assert_eq!(words, ["mark-unused"; 2]);
        let noted = images[0].tags.clone().with_time(tags::ENDED, day(40));
        let again = Image { tags: noted, ..images[0].clone() };
        assert_eq!(since(&found(std::slice::from_ref(&again)), &home()), Some(day(40)));
        assert!(mark(&found(std::slice::from_ref(&again)), &home(), day(41)).is_empty());
        let back = take_back(&recipe("web"), &found(&[again]));
        assert_eq!(back.concat().len(), 1);
    }
}
