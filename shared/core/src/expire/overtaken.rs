//! What somebody rolled back to after expiry had looked: it stays.
//!
//! Reading who uses images takes a while. Just before the first step, the home images are read again, and a release that
//! is named by now is left alone.

use crate::inventory::Image;
use crate::plan::reason::UseReason;
use crate::plan::step::Step;
use crate::plan::{Action, Decision, Sequence};
use crate::release::newest::named_releases;
use crate::release::rollback::is_pinned;

/// Whether a sequence disables or deregisters an image.
pub fn removes(sequence: &Sequence) -> bool {
    let is_removal = |decision: &Decision| {
        matches!(decision.action, Action::MarkDisabled(..))
            || decision.action.step().is_some_and(|step| step > Step::Deprecate)
    };
    sequence.iter().any(is_removal)
}

/// The sequences that still hold, now that the images of the home Region are these. A removal of a release that is
/// named by now is left out, and said.
pub fn still_due(sequences: Vec<Sequence>, home_images: &[Image]) -> Vec<Sequence> {
    let named = named_releases(home_images);
    // A replica in a Region that left its recipe goes though its release is named, and so does what a deleted recipe left.
    let is_named = |decision: &Decision| {
        let named = decision.subject.recipe.as_ref().and_then(|recipe| named.get(recipe));
        let pinned = named.map(|named| named.image).filter(|image| is_pinned(image, None));
        pinned.is_some_and(|image| decision.subject.resource.as_deref() == Some(image.id.as_str()))
    };
    let kept = |sequence: Sequence| match sequence.first() {
        Some(first) if removes(&sequence) && sequence.iter().any(is_named) => {
            vec![first.subject.clone().decide(Action::Keep, UseReason::Pinned)]
        }
        _ => sequence,
    };
    sequences.into_iter().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::inventory::image::WithSnapshots;
    use crate::plan::Subject;
    use crate::plan::reason::RetentionReason;

    fn rolled_back_to(n: i64) -> Image {
        let over = name("web", 9).version;
        image("web", n).released().pinned_on(10, over).build()
    }

    fn removal(image: &Image) -> Sequence {
        let step = |action| Subject::image(image).decide(action, RetentionReason::RegionRemoved);
        vec![
            step(Action::MarkDisabled(image.id.clone(), day(10))),
            step(Action::Deregister(image.id.clone(), WithSnapshots::All)),
        ]
    }

    fn words(sequences: &[Sequence]) -> Vec<Vec<&'static str>> {
        sequences.iter().map(|one| one.iter().map(|decision| decision.action.word()).collect()).collect()
    }

    #[test]
    fn a_release_that_somebody_rolled_back_to_after_the_look_is_not_removed() {
        let (pinned, other) = (rolled_back_to(2), image("web", 1).released().build());
        let sequences = vec![removal(&pinned), removal(&other)];
        let now = [pinned, other, image("web", 9).released().build()];
        assert_eq!(words(&still_due(sequences, &now)), [vec!["keep"], vec!["mark-disabled", "deregister"]]);
    }

    #[test]
    fn the_newest_release_goes_from_a_region_that_left_and_with_a_deleted_recipe() {
        let newest = image("web", 9).released().build();
        let replica = image("web", 9).released().in_region("eu-west-1").build();
        let sequences = vec![removal(&replica), removal(&newest)];
        assert_eq!(still_due(sequences.clone(), &[newest]), sequences);
    }

    #[test]
    fn what_removes_nothing_is_done_as_decided() {
        let pinned = rolled_back_to(2);
        let deprecate = Action::Deprecate(pinned.id.clone(), day(10), 3);
        let sequence = vec![Subject::image(&pinned).decide(deprecate, RetentionReason::RegionRemoved)];
        assert!(!removes(&sequence));
        assert_eq!(still_due(vec![sequence.clone()], &[pinned]), [sequence]);
    }
}
