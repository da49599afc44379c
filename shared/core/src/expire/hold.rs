//! Holds an image, because somebody asks for that: whatever its recipe says, it stays.
//!
//! To hold only restrains, so it needs no seal. To end it is not Kiln's to do: a person removes the tag.

use crate::inventory::{Image, ImageState};
use crate::model::{Tags, tags};
use crate::plan::reason::HoldReason;
use crate::plan::{Action, Sequence, Subject};

/// Holds one image, in its Region, for this reason. A reason of before is replaced.
pub fn decide(image: &Image, why: &str) -> Sequence {
    let subject = Subject::image(image);
    let decision = if image.state == ImageState::Deregistered {
        subject.decide(Action::Reject, HoldReason::IsGone)
    } else if image.tags.get(tags::HOLD) == Some(why) {
        subject.decide(Action::Keep, HoldReason::IsHeld)
    } else {
        let tag = Tags::new().with(tags::HOLD, why);
        subject.decide(Action::Tag(image.id.clone(), tag), HoldReason::AskedFor)
    };
    vec![decision]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    fn held(image: &Image, why: &str) -> Action {
        decide(image, why).remove(0).action
    }

    #[test]
    fn an_image_is_tagged_with_the_reason_and_with_nothing_else() {
        let image = image("web", 1).released().build();
        let Action::Tag(id, tag) = held(&image, "audit until June") else { panic!() };
        assert_eq!((id, tag), (image.id, Tags::new().with(tags::HOLD, "audit until June")));
    }

    #[test]
    fn the_same_reason_changes_nothing_and_another_one_replaces_it() {
        let image = image("web", 1).released().tagged("kiln:hold", "audit").build();
        assert_eq!(held(&image, "audit"), Action::Keep);
        assert!(matches!(held(&image, "court"), Action::Tag(..)));
    }

    #[test]
    fn what_is_deregistered_cannot_be_held() {
        let mut image = image("web", 1).released().build();
        image.state = ImageState::Deregistered;
        assert_eq!(held(&image, "audit"), Action::Reject);
    }
}
