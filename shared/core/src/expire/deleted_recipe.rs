//! The images of recipes that were deleted: nothing happens to them until somebody says that they may go.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::expire::in_use::Uses;
use crate::expire::lineage::{Found, Kin, Release, Rules, seen};
use crate::expire::stages::Fate;
use crate::inventory::{Image, ImageState};
use crate::model::{RecipeName, Region, Tags, tags};
use crate::plan::{Action, Chain, Reason, Subject};
use crate::recipe::{Expire, Recipe};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// What is said of the images of a deleted recipe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Ending {
    /// Its recipe was deleted.
    #[error("its recipe was deleted, and somebody said at {} that its images may go", .0.to_rfc3339())]
    RecipeEnded(DateTime<Utc>),
    /// Its recipe is there again.
    #[error("recipe {0} is there again, so its images go by its rules")]
    RecipeIsBack(RecipeName),
    /// The recipe is not gone.
    #[error("recipe {0} is there: delete its parameter first, then its images may go")]
    RecipeStillThere(RecipeName),
    /// Nobody said that the images of a deleted recipe may go.
    #[error("there is no recipe {0}; its images stay until somebody says {{\"retire_recipe\": \"{0}\"}}")]
    RecipeMissing(RecipeName),
    /// No image of a recipe.
    #[error("there is no recipe {0}, nor any image of it")]
    NoImages(RecipeName),
}

/// Since when somebody says that the images of a deleted recipe may go, as all of them tell. `None`: nobody said so of each
/// of them; what was forgotten of one time tells nothing of the next.
pub fn since(found: &Found, home: &Region) -> Option<DateTime<Utc>> {
    let own = seen(found).filter(|image| image.state != ImageState::Deregistered);
    let own = own.filter(|image| image.record_at(home).is_ok());
    own.map(|image| image.tags.time(tags::ENDED))
        .reduce(|one, other| one.zip(other).map(|(a, b)| a.max(b)))?
}

/// Those that may go, once somebody has said so: whose use must be found out.
pub fn candidates<'a>(kin: &Kin<'a>) -> Vec<&'a Image> {
    kin.members().collect()
}

/// Those of them that nothing but their use by other accounts could keep.
pub fn open<'a>(kin: &Kin<'a>, uses: &Uses<'_>, now: DateTime<Utc>) -> Vec<&'a Image> {
    let waiting = Expire::default();
    let rules = Rules { expire: &waiting, recipe: None, newest: None };
    let open = kin.releases.iter().filter(|release| release.depends_on_sharing(rules, uses, now));
    open.flat_map(|release| release.members.iter().map(|(image, _)| *image)).collect()
}

/// Nobody has said so: they stay, and it is said how.
pub fn stays(kin: &Kin<'_>, now: DateTime<Utc>) -> Vec<Chain> {
    let waiting = Expire::default();
    let rules = Rules { expire: &waiting, recipe: None, newest: None };
    let because = |release: &Release<'_>| {
        let name = release.members.first().map(|(_, record)| record.name.recipe.clone());
        name.map(|name| release.keep(rules, now, |_| Reason::Ending(Ending::RecipeMissing(name.clone()))))
    };
    kin.releases.iter().filter_map(because).collect()
}

/// Writes on every image that its recipe has ended.
pub fn mark(found: &Found, home: &Region, now: DateTime<Utc>) -> Vec<Chain> {
    let unmarked = seen(found).filter(|image| image.tags.time(tags::ENDED).is_none());
    let unmarked = unmarked.filter(|image| image.record_at(home).is_ok());
    let note = |image: &Image| {
        let tags = Tags::new().with_time(tags::ENDED, now);
        vec![
            Subject::image(image)
                .so(Action::Note(image.id.clone(), tags), Reason::Ending(Ending::RecipeEnded(now))),
        ]
    };
    unmarked.map(note).collect()
}

/// A recipe that is there again takes back what was said when it was gone.
pub fn take_back(recipe: &Recipe, home: &Region, found: &Found, strays: &[Image]) -> Vec<Chain> {
    let marked = seen(found).chain(strays).filter(|image| image.tags.time(tags::ENDED).is_some());
    let marked = marked.filter(|image| image.record_at(home).is_ok());
    let note = |image: &Image| {
        let because = Reason::Ending(Ending::RecipeIsBack(recipe.name.clone()));
        let tags = Tags::new().with(tags::ENDED, "no");
        vec![Subject::image(image).so(Action::Note(image.id.clone(), tags), because)]
    };
    marked.map(note).collect()
}

/// What becomes of every image of a recipe that has ended `since`: by the waiting times that a recipe has which names none,
/// and with no newest ones that are kept.
pub fn decide(kin: &Kin<'_>, uses: &Uses<'_>, since: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Chain> {
    let waiting = Expire::default();
    let rules = Rules { expire: &waiting, recipe: None, newest: None };
    let one = |release: &Release<'_>| match (release.under_way(), kin.blind) {
        (Some(image), _) => release.keep(rules, now, |_| Reason::InProgress(image.state.clone())),
        (None, Some(error)) => release.keep(rules, now, |_| Reason::UsageUnknown(error.clone())),
        (None, None) => {
            let fate = Fate { because: Reason::Ending(Ending::RecipeEnded(since)), census: &kin.census, now };
            release.by_use(rules, uses, &fate)
        }
    };
    kin.releases.iter().map(one).chain(kin.unreadable()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expire::in_use::UsageByRegion;
    use crate::fixtures::*;

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
        let all = found(&images);
        let chains = decide(&Kin::of(&all, &home()), &Uses::of(&usage), day(40), day(40));
        let words: Vec<_> = chains.concat().iter().map(|one| one.action.word()).collect();
        assert_eq!(words, ["mark-unused"; 2]);
        let noted = images[0].tags.clone().with_time(tags::ENDED, day(40));
        let again = Image { tags: noted, ..images[0].clone() };
        assert_eq!(since(&found(std::slice::from_ref(&again)), &home()), Some(day(40)));
        assert!(mark(&found(std::slice::from_ref(&again)), &home(), day(41)).is_empty());
        let later = found(&[again.clone(), image("web", 3).released().build()]);
        assert_eq!(since(&later, &home()), None, "of one that came later nobody said so");
        let back = take_back(
            &recipe("web"),
            &home(),
            &found(std::slice::from_ref(&again)),
            std::slice::from_ref(&again),
        );
        assert_eq!(back.concat().len(), 2, "also where its recipe names the Region no longer");
    }
}
