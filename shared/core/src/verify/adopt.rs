//! Images that somebody else made and gave to Kiln, by the tag `kiln:recipe`.

use crate::inventory::{Image, ImageState};
use crate::model::{ImageName, ImageRecord, RecipeName, Region, Stage, Version, tags};
use crate::plan::reason::AdoptReason;
use crate::plan::{Action, Decision, Subject};
use crate::recipe::Recipe;

/// The recipe to which somebody gave an image, where it is one that can be taken in: an available one of the home Region
/// that bears `kiln:recipe` and nothing that Kiln itself writes.
pub fn adoption_target(image: &Image, home: &Region) -> Option<RecipeName> {
    let written = [tags::STAGE, tags::ORIGIN, tags::ADOPTED, tags::ATTEMPT, tags::ROLE];
    let untouched = !written.iter().any(|key| image.tags.has(key));
    (untouched && image.region == *home && image.state == ImageState::Available)
        .then(|| image.tags.read(tags::RECIPE))
        .flatten()
}

/// Whether it is taken in. `others` are the images of the home Region that bear the recipe's tag.
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
    let same = |other: &&Image| {
        other.id != image.id
            && (other.record().is_ok_and(|record| record.name == name) || other.name == name.to_string())
    };
    if let Some(other) = others.iter().find(same) {
        return subject
            .decide(Action::Reject, AdoptReason::VersionTaken { version, image: other.id.clone() });
    }
    let adopt = Action::Adopt {
        image: image.id.clone(),
        snapshots: image.snapshots.clone(),
        tags: adopted(image, recipe, name).tags,
    };
    subject.decide(adopt, AdoptReason::Given(version))
}

/// The image as it is once it was taken in.
pub fn adopted(image: &Image, recipe: &Recipe, name: ImageName) -> Image {
    let record = ImageRecord { name, stage: Stage::Captured, base: None, copied: None };
    let written = recipe.tags.clone().and(&record.write()).with(tags::ADOPTED, image.address());
    Image { tags: written, ..image.clone() }
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
    fn an_image_with_the_tag_becomes_the_version_of_its_creation_and_its_snapshots_bear_it_too() {
        let image = given(Tags::new());
        assert_eq!(adoption_target(&image, &region("us-east-1")), Some("web".parse().unwrap()));
        let Action::Adopt { snapshots, tags, .. } = decided(&image, &[]).action else { panic!() };
        assert_eq!(snapshots, image.snapshots);
        let record = Image { tags, ..image }.record().unwrap();
        assert_eq!((record.name, record.stage), (name("web", 3), Stage::Captured));
    }

    #[test]
    fn its_own_version_goes_before_its_creation() {
        let image = given(Tags::new().with(tags::VERSION, "20251224T180000Z"));
        let decision = decided(&image, &[]);
        assert_eq!(decision.subject.version.unwrap().to_string(), "20251224T180000Z");
        let bad = given(Tags::new().with(tags::VERSION, "1.2.3"));
        assert_eq!(decided(&bad, &[]).reason, Reason::Adopt(AdoptReason::NoVersion));
    }

    #[test]
    fn what_lacks_the_tag_or_bears_what_kiln_writes_is_not_taken_in() {
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
    fn a_version_that_another_image_has_is_refused_with_what_to_do() {
        let reason = decided(&given(Tags::new()), &[image("web", 3).build()]).reason.to_string();
        assert!(reason.contains("set its tag kiln:version to another time"), "{reason}");
    }

    #[test]
    fn a_copy_of_an_adopted_image_is_nobodys() {
        let original = adopted(&given(Tags::new()), &recipe("web"), name("web", 3));
        assert!(original.record().is_ok());
        let copy = Image { id: "ami-0bb".parse().unwrap(), ..original };
        assert!(copy.record().is_err() && adoption_target(&copy, &region("us-east-1")).is_none());
    }
}
