//! What brings back a release that was retired, as long as it is not deregistered.

use chrono::{DateTime, Utc};

use crate::inventory::{Deprecation, Image, ImageState};
use crate::model::{ImageRecord, Region, Stage, Tags, tags};
use crate::plan::reason::RestoreReason;
use crate::plan::{Action, Sequence, Subject};
use crate::publish::sharing::deprecation_by_recipe;
use crate::recipe::Recipe;

/// What brings a release back. `members`: an image and its replicas, as far as they are there; whoever asks for one of them
/// asks for all. `recipe`: theirs, if there still is one.
///
/// It is marked first, or the next night would retire it again. Then every member is enabled, and with its home image it
/// begins anew at its test: it is shared and deprecated as its recipe says *now*, copied to the Regions that lack it, and a
/// release once more. What is deprecated only, since nobody uses it, is so no longer. A person takes the mark away when it
/// may go.
pub fn decide(recipe: Option<&Recipe>, members: &[&Image], home: &Region, now: DateTime<Utc>) -> Sequence {
    let mut known: Vec<(&Image, ImageRecord)> = members
        .iter()
        .filter(|image| image.state != ImageState::Deregistered)
        .filter_map(|image| Some((*image, image.record_at(home).ok()?)))
        .collect();
    known.sort_by_key(|(image, record)| (record.copied.is_some(), image.region.clone(), image.id.clone()));
    let is_retired = |(image, record): &(&Image, ImageRecord)| {
        record.stage == Stage::Disabled || image.state == ImageState::Disabled
    };
    let is_deprecated = |one: &(&Image, ImageRecord)| !is_retired(one) && one.0.unused_since().is_some();
    let on_its_way: Vec<_> = known.iter().filter(|one| is_retired(one) || is_deprecated(one)).collect();
    if on_its_way.is_empty() {
        let leave = |(image, record): &(&Image, ImageRecord)| {
            Subject::image(image).decide(Action::Keep, RestoreReason::NotDisabled(record.stage))
        };
        return known.iter().map(leave).collect();
    }
    let asked = |image: &Image, action| Subject::image(image).decide(action, RestoreReason::AskedBack);
    let unmarked = on_its_way.iter().filter(|(image, _)| !image.tags.has(tags::RESTORED_AT));
    let marked = unmarked.map(|(image, _)| {
        // Whoever disables it later does not meet a quarantine that has begun long ago.
        let marks = Tags::new().with_time(tags::RESTORED_AT, now).with(tags::DISABLED_AT, "no");
        asked(image, Action::Tag(image.id.clone(), marks))
    });
    let disabled = on_its_way.iter().filter(|(image, _)| image.state == ImageState::Disabled);
    let enabled = disabled.map(|(image, _)| asked(image, Action::Enable(image.id.clone())));
    let spared = on_its_way.iter().filter(|one| is_deprecated(one)).map(|(image, record)| {
        let by_recipe = |recipe| deprecation_by_recipe(recipe, record, now);
        let deprecation = recipe.map_or(Deprecation::Never, by_recipe);
        asked(image, Action::ClearUnused(image.id.clone(), deprecation))
    });
    // Without its home image a replica can be launched again, and goes nowhere from there.
    let has_home = known.iter().any(|(_, record)| record.copied.is_none());
    let back = on_its_way
        .iter()
        .filter(|(_, record)| has_home && record.stage == Stage::Disabled)
        .map(|(image, _)| asked(image, Action::Reactivate(image.id.clone(), now)));
    marked.chain(enabled).chain(spared).chain(back).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    fn decided(members: &[Image]) -> Vec<(String, &'static str)> {
        let members: Vec<&Image> = members.iter().collect();
        let sequence = decide(Some(&recipe("web")), &members, &region("us-east-1"), day(40));
        sequence.iter().map(|one| (one.subject.region.to_string(), one.action.word())).collect()
    }

    fn of(pairs: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        pairs.iter().map(|(region, word)| ((*region).to_owned(), *word)).collect()
    }

    #[test]
    fn a_release_is_marked_before_it_is_enabled_and_sent_on_its_way() {
        let replica = image("web", 1).in_region("eu-west-1").disabled_on(30).build();
        let home = image("web", 1).disabled_on(30).build();
        assert_eq!(
            decided(&[replica, home]),
            of(&[
                ("us-east-1", "tag"),
                ("eu-west-1", "tag"),
                ("us-east-1", "enable"),
                ("eu-west-1", "enable"),
                ("us-east-1", "reactivate"),
                ("eu-west-1", "reactivate"),
            ])
        );
    }

    #[test]
    fn what_was_restored_half_way_is_restored_whole() {
        let mut home =
            image("web", 1).disabled_on(30).tagged("kiln:restored-at", "2026-02-10T02:00:00Z").build();
        home.state = ImageState::Available;
        assert_eq!(decided(&[home]), of(&[("us-east-1", "reactivate")]));
    }

    #[test]
    fn a_replica_without_its_home_image_is_enabled_and_marked_alone() {
        let replica = image("web", 1).in_region("eu-west-1").disabled_on(30).build();
        assert_eq!(decided(&[replica]), of(&[("eu-west-1", "tag"), ("eu-west-1", "enable")]));
    }

    #[test]
    fn what_is_deprecated_since_nobody_uses_it_is_so_no_longer() {
        let since = day(39).to_rfc3339();
        let home = image("web", 1).released().tagged("kiln:unused-since", &since).build();
        assert_eq!(decided(&[home]), of(&[("us-east-1", "tag"), ("us-east-1", "clear-unused")]));
    }

    #[test]
    fn what_is_not_retired_is_left() {
        assert_eq!(decided(&[image("web", 1).released().build()]), of(&[("us-east-1", "keep")]));
    }

    #[test]
    fn a_restored_release_is_kept_by_the_next_run() {
        use crate::expire::in_use::{UsageByRegion, UsageIndex};
        use crate::expire::policy::RetentionPolicy;
        let home = image("web", 1).disabled_on(30).build();
        let sequence = decide(None, &[&home], &region("us-east-1"), day(40));
        let Action::Tag(_, noted) = &sequence[0].action else { panic!() };
        let restored = Image { tags: home.tags.clone().and(noted), ..home };
        let found = UsageByRegion::new();
        let why = UsageIndex::of(&found)
            .keep_reason(RetentionPolicy::of(&recipe("web"), None), &restored, day(41))
            .unwrap();
        assert_eq!(
            why.reason.to_string(),
            "it was brought back at 2026-02-10T02:00:00Z; remove its tag kiln:restored-at when it may go"
        );
    }
}
