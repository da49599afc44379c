//! Adopts images that something else made and a user tagged with `kiln:recipe`.

use crate::inventory::{Image, ImageState, Seal};
use crate::model::{ImageName, ImageRecord, RecipeName, Region, Stage, Tags, Version, tags};
use crate::plan::reason::AdoptReason;
use crate::plan::{Action, Decision, Subject};
use crate::recipe::Recipe;

/// The recipe that adopts an image, if the image can be adopted: it is available in the home Region, and has the tag
/// `kiln:recipe` but none of the tags that only Kiln writes.
pub fn adoption_target(image: &Image, home: &Region) -> Option<RecipeName> {
    let kiln_tags = [tags::STAGE, tags::ORIGIN, tags::ADOPTED, tags::ATTEMPT, tags::ROLE];
    let untouched = !kiln_tags.iter().any(|key| image.tags.has(key));
    (untouched && image.region == *home && image.state == ImageState::Available)
        .then(|| image.tags.read(tags::RECIPE))
        .flatten()
}

/// Decides whether an image is adopted. `others` are images in the home Region, at least those that are tagged with the recipe.
pub fn decide(image: &Image, recipe: &Recipe, others: &[Image]) -> Decision {
    let subject = Subject { recipe: Some(recipe.name.clone()), ..Subject::image(image) };
    let version = match image.tags.get(tags::VERSION) {
        Some(text) => text.parse().ok(),
        None => image.created.and_then(|created| Version::at(created).ok()),
    };
    let Some(version) = version else {
        return subject.decide(Action::Reject, AdoptReason::NoVersion);
    };
    let subject = Subject { version: Some(version), ..subject };
    if !image.root_on_ebs {
        return subject.decide(Action::Reject, AdoptReason::NotOnEbs(image.id.clone()));
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
    let record = ImageRecord { name, stage: Stage::Captured, base: None, copied: None, adopted: true };
    let adopt = Action::Adopt {
        image: image.id.clone(),
        snapshots: image.snapshots.clone(),
        tags: recipe.tags.clone().and(&record.write()).with(tags::ADOPTED, image.address()),
        record,
    };
    subject.decide(adopt, AdoptReason::Given(version))
}

/// The image with the tags that it has once it is adopted.
pub fn adopted(image: &Image, tags: &Tags) -> Image {
    Image { tags: tags.clone(), seal: Seal::Valid, ..image.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::model::Tags;
    use crate::plan::Reason;

    fn given(extra: Tags) -> Image {
        let tags = Tags::new().with(tags::RECIPE, "web").and(&extra);
        Image { tags, name: "packer 1732327200".into(), created: Some(day(3)), ..foreign_image("ami-0aa") }
    }

    fn decided(image: &Image, others: &[Image]) -> Decision {
        decide(image, &recipe("web"), others)
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
    fn a_version_that_another_image_has_is_rejected_with_the_remedy() {
        let reason = decided(&given(Tags::new()), &[image("web", 3).build()]).reason.to_string();
        assert!(reason.contains("set its tag kiln:version to another time"), "{reason}");
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
