//! Restores a release that was deprecated or disabled. A deregistered release cannot be restored.

use chrono::{DateTime, Utc};

use crate::inventory::{Deprecation, Image, ImageState};
use crate::model::{ImageRecord, Region, Stage, Tags, tags};
use crate::plan::reason::{RecallReason, RestoreReason};
use crate::plan::{Action, Sequence, Subject};
use crate::publish::sharing::deprecation_by_recipe;
use crate::recipe::Recipe;

/// Restores a release. `members`: the image and its replicas that still exist; all of them are restored. `recipe`:
/// theirs, if it still exists.
///
/// Each image is tagged `kiln:restored-at` first, or the next run would remove it again; a person deletes that tag
/// when the release may be removed. Then every member is enabled. If the home image exists, the release starts again
/// at its test: it is shared and deprecated as its recipe says *now*, copied to the Regions that lack it, and
/// released. An image that was only deprecated as unused loses that mark.
pub fn decide(recipe: Option<&Recipe>, members: &[&Image], home: &Region, now: DateTime<Utc>) -> Sequence {
    let mut known: Vec<(&Image, ImageRecord)> = members
        .iter()
        .filter(|image| image.state != ImageState::Deregistered)
        .filter_map(|image| Some((*image, image.record_for_home(home).ok()?)))
        .collect();
    known.sort_by_key(|(image, record)| (record.copied.is_some(), image.region.clone(), image.id.clone()));
    if let Some((recalled, _)) = known.iter().find(|(image, _)| image.is_out()) {
        return vec![Subject::image(recalled).decide(Action::Reject, RecallReason::IsRecalled)];
    }
    let is_disabled = |(image, record): &(&Image, ImageRecord)| {
        record.stage == Stage::Disabled || image.state == ImageState::Disabled
    };
    let is_deprecated = |one: &(&Image, ImageRecord)| !is_disabled(one) && one.0.unused_since().is_some();
    let leaving: Vec<_> = known.iter().filter(|one| is_disabled(one) || is_deprecated(one)).collect();
    if leaving.is_empty() {
        let keep = |(image, record): &(&Image, ImageRecord)| {
            Subject::image(image).decide(Action::Keep, RestoreReason::NotDisabled(record.stage))
        };
        return known.iter().map(keep).collect();
    }
    let restore = |image: &Image, action| Subject::image(image).decide(action, RestoreReason::AskedBack);
    let unmarked = leaving.iter().filter(|(image, _)| !image.tags.has(tags::RESTORED_AT));
    // A replica without its home image can be launched again, but it is not reactivated: there is nothing to copy
    // from.
    let has_home = known.iter().any(|(_, record)| record.copied.is_none());
    let is_reactivated = |record: &ImageRecord| has_home && record.stage == Stage::Disabled;
    let marked = unmarked.map(|(image, record)| {
        let marks = Tags::new().with_time(tags::RESTORED_AT, now);
        // If it is disabled again later, its quarantine must not count from the old time. Reactivation says so too,
        // and only with the new stage: without this mark, the stage `disabled` does not count any more.
        let marks = if is_reactivated(record) { marks } else { marks.with(tags::DISABLED_AT, "no") };
        restore(image, Action::Tag(image.id.clone(), marks))
    });
    let disabled = leaving.iter().filter(|(image, _)| image.state == ImageState::Disabled);
    let enabled = disabled.map(|(image, _)| restore(image, Action::Enable(image.id.clone())));
    let cleared = leaving.iter().filter(|one| is_deprecated(one)).map(|(image, record)| {
        let by_recipe = |recipe| deprecation_by_recipe(recipe, record, now);
        let deprecation = recipe.map_or(Deprecation::Never, by_recipe);
        restore(image, Action::ClearUnused(image.id.clone(), deprecation))
    });
    let reactivated = leaving
        .iter()
        .filter(|(_, record)| is_reactivated(record))
        .map(|(image, record)| restore(image, Action::reactivate(image, record, now)));
    marked.chain(enabled).chain(cleared).chain(reactivated).collect()
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
    fn a_release_is_tagged_before_it_is_enabled_and_reactivated() {
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
    fn a_restore_that_stopped_half_way_is_completed() {
        let mut home =
            image("web", 1).disabled_on(30).tagged("kiln:restored-at", "2026-02-10T02:00:00Z").build();
        home.state = ImageState::Available;
        assert_eq!(decided(&[home]), of(&[("us-east-1", "reactivate")]));
    }

    #[test]
    fn a_replica_without_its_home_image_is_tagged_and_enabled_but_not_reactivated() {
        let replica = image("web", 1).in_region("eu-west-1").disabled_on(30).build();
        assert_eq!(decided(&[replica]), of(&[("eu-west-1", "tag"), ("eu-west-1", "enable")]));
    }

    #[test]
    fn restoring_a_deprecated_release_clears_its_unused_mark() {
        let since = day(39).to_rfc3339();
        let home = image("web", 1).released().tagged("kiln:unused-since", &since).build();
        assert_eq!(decided(&[home]), of(&[("us-east-1", "tag"), ("us-east-1", "clear-unused")]));
    }

    #[test]
    fn a_release_that_is_not_being_removed_is_unchanged() {
        assert_eq!(decided(&[image("web", 1).released().build()]), of(&[("us-east-1", "keep")]));
    }

    #[test]
    fn a_restored_release_is_kept_by_the_next_run() {
        use crate::expire::in_use::{UsageByRegion, UsageIndex};
        use crate::expire::policy::RetentionPolicy;
        let home = image("web", 1).disabled_on(30).build();
        let sequence = decide(None, &[&home], &region("us-east-1"), day(40));
        let Action::Tag(_, marks) = &sequence[0].action else { panic!() };
        let restored = Image { tags: home.tags.clone().and(marks), ..home };
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
