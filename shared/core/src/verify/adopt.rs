//! Adopts images that something else made: those whose recipe asks for images of their name, and those that somebody
//! hands over by a call.

use chrono::{DateTime, Utc};
use wildmatch::WildMatch;

use crate::events::outbound::Event;
use crate::inventory::{Image, ImageState, Platform, Seal};
use crate::model::{Anchor, ImageName, ImageRecord, RecipeName, Region, Stage, Tags, Version, tags};
use crate::plan::reason::AdoptReason;
use crate::plan::{Action, Decision, Sequence, Subject};
use crate::recipe::Recipe;

/// The prefixes of the tags of services that remove their images themselves.
const MANAGED: [&str; 2] = ["aws:backup:", "aws:dlm:"];

/// Who hands an image over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandedOver {
    /// Whoever tagged it `kiln:recipe`. That counts only if the recipe asks for images of its name.
    ByTag,
    /// Somebody who invoked `verify`.
    ByCall,
}

/// Whether an image can be adopted: it is available in the home Region, and has none of the tags that only Kiln writes.
pub fn is_adoptable(image: &Image, home: &Region) -> bool {
    is_untouched(image) && image.region == *home && image.state == ImageState::Available
}

/// Whether an image has none of the tags that only Kiln writes.
fn is_untouched(image: &Image) -> bool {
    let kiln_tags = [tags::STAGE, tags::ORIGIN, tags::ADOPTED, tags::ATTEMPT, tags::ROLE, tags::SEAL];
    // An image that was Kiln's once has a description that says so, even if somebody took its tags away.
    !kiln_tags.iter().any(|key| image.tags.has(key)) && *image.anchor() == Anchor::default()
}

/// The recipe to which an image was handed over by its tag `kiln:recipe`, if it can be adopted.
pub fn adoption_target(image: &Image, home: &Region) -> Option<RecipeName> {
    is_adoptable(image, home).then(|| image.tags.read(tags::RECIPE)).flatten()
}

/// Decides whether an image is adopted. `others` are images in the home Region, at least those that are tagged with the
/// recipe.
pub fn decide(
    image: &Image,
    recipe: &Recipe,
    others: &[Image],
    by: HandedOver,
    now: DateTime<Utc>,
) -> Decision {
    let subject = Subject { recipe: Some(recipe.name.clone()), ..Subject::image(image) };
    if by == HandedOver::ByTag && !asks_for(recipe, image) {
        return subject.decide(Action::Keep, AdoptReason::NotAsked(image.name.clone()));
    }
    let Some(version) = version_of(image) else {
        return subject.decide(Action::Reject, AdoptReason::NoVersion);
    };
    let subject = Subject { version: Some(version), ..subject };
    if let Some(problem) = problem(image, recipe, version, now) {
        return subject.decide(Action::Reject, problem);
    }
    let name = ImageName { recipe: recipe.name.clone(), version };
    let same_version = |other: &&Image| {
        other.id != image.id
            && (other.record().is_ok_and(|record| record.name == name) || name.is(&other.name))
    };
    if let Some(other) = others.iter().find(same_version) {
        return subject
            .decide(Action::Reject, AdoptReason::VersionTaken { version, image: other.id.clone() });
    }
    if let Some(first) = others.iter().find(|other| comes_before(other, image, recipe, version, now)) {
        return subject
            .decide(Action::Reject, AdoptReason::VersionWanted { version, image: first.id.clone() });
    }
    let record = ImageRecord {
        name,
        stage: Stage::Captured,
        base: None,
        copied: None,
        copied_back: None,
        adopted: true,
        asked_again: None,
    };
    let adopt = Action::Adopt {
        image: image.id.clone(),
        snapshots: image.snapshots.clone(),
        tags: recipe.own_tags(&image.tags).and(&record.write()).with(tags::ADOPTED, image.address()),
        record,
    };
    let reason = match by {
        HandedOver::ByTag => AdoptReason::Given(version),
        HandedOver::ByCall => AdoptReason::AskedFor(version),
    };
    subject.decide(adopt, reason)
}

/// What is decided of an image that is not adopted. Whoever tagged it hears of a rejection by an event, unless its tags
/// say no version at all; whoever called hears it as the answer. A sweep says it again, without an event, for as long as
/// the image is tagged. The event names the version that was asked for, which may be another image's.
pub fn not_adopted(decision: Decision, image: &Image, by: HandedOver) -> Sequence {
    let Subject { recipe, version, .. } = &decision.subject;
    let name = recipe.clone().zip(*version).map(|(recipe, version)| ImageName { recipe, version });
    let Some(name) = name.filter(|_| decision.action == Action::Reject && by == HandedOver::ByTag) else {
        return vec![decision];
    };
    let news = Event::ImageRejected {
        image: image.id.clone(),
        instance: None,
        reason: decision.reason.to_string(),
        console_tail: String::new(),
        log: None,
    };
    let told = decision.subject.clone().emit(&name, news, decision.reason.clone());
    vec![told, decision]
}

/// Whether a recipe asks for images of this name.
fn asks_for(recipe: &Recipe, image: &Image) -> bool {
    recipe.adopt.as_ref().is_some_and(|adopt| WildMatch::new(&adopt.name).matches(&image.name))
}

/// The version that an image gets: the one in its tag, or else the second in which it was created.
fn version_of(image: &Image) -> Option<Version> {
    match image.tags.get(tags::VERSION) {
        Some(text) => text.parse().ok(),
        None => image.created.and_then(|created| Version::at(created).ok()),
    }
}

/// Whether another image that is to be adopted as the same version comes first. Two images of the same second are both
/// handed over before either is adopted, and each is decided without the other: the order must be the same for both.
/// An image that is still being made counts, because it may be available when its own event is handled.
fn comes_before(other: &Image, image: &Image, recipe: &Recipe, version: Version, now: DateTime<Utc>) -> bool {
    let is_handed_over = is_untouched(other)
        && other.region == image.region
        && matches!(other.state, ImageState::Pending | ImageState::Available)
        && other.tags.read(tags::RECIPE).as_ref() == Some(&recipe.name);
    is_handed_over
        && (other.created, &other.id) < (image.created, &image.id)
        && version_of(other) == Some(version)
        && asks_for(recipe, other)
        && problem(other, recipe, version, now).is_none()
}

/// Why an image cannot be adopted, whoever hands it over; `None` if it can.
fn problem(image: &Image, recipe: &Recipe, version: Version, now: DateTime<Utc>) -> Option<AdoptReason> {
    if !image.root_on_ebs {
        return Some(AdoptReason::NotOnEbs(image.id.clone()));
    }
    // It would never be tested, and never come any further.
    if image.features.platform == Platform::MacOs {
        return Some(AdoptReason::MacOs);
    }
    if image.tags.iter().any(|(key, _)| MANAGED.iter().any(|prefix| key.starts_with(prefix))) {
        return Some(AdoptReason::Managed);
    }
    if version.is_of_the_future(now) {
        return Some(AdoptReason::InTheFuture(version));
    }
    let needed = own_tags(image).and(&recipe.tags).iter().count() + tags::MOST_OF_KILN;
    (needed > tags::MOST).then_some(AdoptReason::TooManyTags(needed))
}

/// The tags of an image that are neither Kiln's nor AWS's. Its replicas get them too.
pub fn own_tags(image: &Image) -> Tags {
    image.tags.iter().filter(|(key, _)| !key.starts_with(tags::PREFIX) && !key.starts_with("aws:")).collect()
}

/// The image with the tags that it has once it is adopted.
pub fn adopted(image: &Image, tags: &Tags) -> Image {
    Image { tags: tags.clone(), seal: Seal::Valid, ..image.clone() }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::fixtures::*;
    use crate::model::Tags;
    use crate::plan::Reason;
    use crate::recipe::Adopt;

    fn given(extra: Tags) -> Image {
        let tags = Tags::new().with(tags::RECIPE, "web").and(&extra);
        Image { tags, name: "packer 1732327200".into(), created: Some(day(3)), ..foreign_image("ami-0aa") }
    }

    /// A recipe that asks for Packer's images.
    fn asking() -> Recipe {
        let adopt = Some(Adopt { name: "packer *".into(), deregister: false });
        Recipe { adopt, ..recipe("web") }
    }

    fn decided(image: &Image, others: &[Image]) -> Decision {
        decide(image, &asking(), others, HandedOver::ByTag, day(9))
    }

    #[test]
    fn an_image_that_no_tester_can_be_launched_from_is_not_taken_in() {
        let mut mac = given(Tags::new());
        mac.features.platform = Platform::MacOs;
        let decision = decided(&mac, &[]);
        assert_eq!((decision.action, decision.reason), (Action::Reject, Reason::Adopt(AdoptReason::MacOs)));
    }

    #[test]
    fn a_tag_hands_over_only_what_the_recipe_asks_for_by_name() {
        let image = given(Tags::new());
        for (recipe, by, adopted) in [
            (recipe("web"), HandedOver::ByTag, false),
            (asking(), HandedOver::ByTag, true),
            (recipe("web"), HandedOver::ByCall, true),
        ] {
            let decision = decide(&image, &recipe, &[], by, day(9));
            assert_eq!(decision.action.word() == "adopt", adopted, "{}", decision.reason);
        }
        let intermediary = Image { name: "a7f3c0de".into(), ..given(Tags::new()) };
        let reason = decided(&intermediary, &[]).reason.to_string();
        assert!(reason.contains("asks for no image named 'a7f3c0de'"), "{reason}");
    }

    #[test]
    fn what_a_service_manages_what_is_of_tomorrow_and_what_has_too_many_tags_is_refused_at_once() {
        let many: Tags = (0..30).map(|n| (format!("own-{n}"), "x")).collect();
        for (extra, reason) in [
            (Tags::new().with("aws:backup:source-resource", "i-1"), "AWS Backup"),
            (Tags::new().with("aws:dlm:lifecycle-policy-id", "p"), "Data Lifecycle Manager"),
            (Tags::new().with(tags::VERSION, name("web", 20).version), "in the future"),
            (many, "it would have 59 tags"),
        ] {
            let decision = decided(&given(extra), &[]);
            assert!(
                decision.action == Action::Reject && decision.reason.to_string().contains(reason),
                "{decision:?}"
            );
        }
        let soon = Version::at(day(9) + TimeDelta::seconds(40)).unwrap();
        assert_eq!(decided(&given(Tags::new().with(tags::VERSION, soon)), &[]).action.word(), "adopt");
    }

    #[test]
    fn an_adopted_image_gets_its_creation_time_as_its_version_and_tags_on_its_snapshots() {
        let image = given(Tags::new());
        assert_eq!(adoption_target(&image, &region("us-east-1")), Some("web".parse().unwrap()));
        let Action::Adopt { snapshots, tags, .. } = decided(&image, &[]).action else { panic!() };
        assert_eq!(snapshots, image.snapshots);
        let record = adopted(&image, &tags).record().unwrap();
        assert_eq!((record.name, record.stage), (name("web", 3), Stage::Captured));
    }

    #[test]
    fn a_version_tag_takes_precedence_over_the_creation_time() {
        let image = given(Tags::new().with(tags::VERSION, "20251224T180000Z"));
        let decision = decided(&image, &[]);
        assert_eq!(decision.subject.version.unwrap().to_string(), "20251224T180000Z");
        let bad = given(Tags::new().with(tags::VERSION, "1.2.3"));
        assert_eq!(decided(&bad, &[]).reason, Reason::Adopt(AdoptReason::NoVersion));
    }

    #[test]
    fn an_image_without_the_tag_or_with_tags_that_kiln_writes_is_not_adopted() {
        let home = region("us-east-1");
        assert_eq!(adoption_target(&foreign_image("ami-0aa"), &home), None);
        assert_eq!(adoption_target(&image("web", 3).build(), &home), None);
        assert_eq!(adoption_target(&given(Tags::new().with(tags::ORIGIN, "us-east-1/ami-0bb")), &home), None);
        assert_eq!(
            adoption_target(&Image { region: region("eu-west-1"), ..given(Tags::new()) }, &home),
            None
        );
        assert_eq!(adoption_target(&Image { state: ImageState::Pending, ..given(Tags::new()) }, &home), None);
    }

    #[test]
    fn whoever_tagged_an_image_that_is_rejected_hears_of_it_by_an_event_and_whoever_called_by_the_answer() {
        let late = given(Tags::new().with(tags::VERSION, "20620101T000000Z"));
        let words = |by| -> Vec<_> {
            let decision = decide(&late, &asking(), &[], by, day(3));
            not_adopted(decision, &late, by).iter().map(|one| one.action.word()).collect()
        };
        assert_eq!(words(HandedOver::ByTag), ["emit", "reject"]);
        assert_eq!(words(HandedOver::ByCall), ["reject"]);
        let kept = decide(&given(Tags::new()), &recipe("web"), &[], HandedOver::ByTag, day(3));
        assert_eq!(not_adopted(kept, &late, HandedOver::ByTag).len(), 1);
    }

    #[test]
    fn a_version_that_another_image_has_is_rejected_with_the_remedy() {
        let reason = decided(&given(Tags::new()), &[image("web", 3).build()]).reason.to_string();
        assert!(reason.contains("set its tag kiln:version to another time"), "{reason}");
    }

    #[test]
    fn of_two_images_that_are_given_in_the_same_second_one_becomes_the_version_whoever_is_asked_first() {
        let of = |id: &str, state| Image { id: id.parse().unwrap(), state, ..given(Tags::new()) };
        for state in [ImageState::Available, ImageState::Pending] {
            let both = [of("ami-0bb", ImageState::Available), of("ami-0aa", state)];
            let second = decided(&both[0], &both);
            assert_eq!(second.action, Action::Reject);
            let reason = second.reason.to_string();
            assert!(reason.contains("ami-0aa") && reason.contains("set its tag kiln:version"), "{reason}");
        }
        let both = ["ami-0bb", "ami-0aa"].map(|id| of(id, ImageState::Available));
        assert_eq!(decided(&both[1], &both).action.word(), "adopt");
        let numbered =
            Image { tags: both[0].tags.clone().with(tags::VERSION, "20260104T020001Z"), ..both[0].clone() };
        assert_eq!(decided(&numbered, &both[1..]).action.word(), "adopt");
    }

    #[test]
    fn an_image_that_will_never_be_adopted_takes_no_version_from_another() {
        let other = |change: fn(&mut Image)| {
            let mut image = Image { id: "ami-0a0".parse().unwrap(), ..given(Tags::new()) };
            change(&mut image);
            image
        };
        for other in [
            other(|image| image.state = ImageState::Failed),
            other(|image| image.name = "a7f3c0de".into()),
            other(|image| image.root_on_ebs = false),
            other(|image| image.tags = image.tags.clone().with("aws:dlm:lifecycle-policy-id", "p")),
            other(|image| image.tags = image.tags.clone().with(tags::RECIPE, "worker")),
            other(|image| image.created = Some(day(3) + TimeDelta::milliseconds(1))),
        ] {
            let decision = decided(&given(Tags::new()), std::slice::from_ref(&other));
            assert_eq!(decision.action.word(), "adopt", "{other:?}: {}", decision.reason);
        }
    }

    #[test]
    fn a_copy_of_an_adopted_image_is_neither_managed_nor_adopted() {
        let image = given(Tags::new());
        let Action::Adopt { tags, .. } = decided(&image, &[]).action else { panic!("it is not adopted") };
        let original = adopted(&image, &tags);
        assert!(original.record().is_ok());
        let copy = Image { id: "ami-0bb".parse().unwrap(), ..original };
        assert!(copy.record().is_err() && adoption_target(&copy, &region("us-east-1")).is_none());
    }
}
