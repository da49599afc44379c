use std::collections::BTreeSet;

use crate::fixtures::*;
use crate::inventory::{Grantee, Image, ImageState, Permissions};
use crate::model::{Tags, tags};
use crate::plan::reason::RecallReason;
use crate::plan::{Reason, Sequence};
use crate::publish::sharing::{is_due, mark, steps, withdrawn};
use crate::recipe::Recipe;

const KEY: &str = "123456789012:verified";

fn marking(name: &str) -> Recipe {
    let mut recipe = recipe("web");
    recipe.publish.watermark = Some(name.into());
    recipe
}

fn words(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().map(|decision| decision.action.word()).collect()
}

fn of(recipe: &Recipe, image: &Image, permissions: &Permissions) -> Vec<&'static str> {
    words(&steps(recipe, image, &image.record().unwrap(), permissions, day(9)))
}

/// An image to which this recipe was applied, with the watermark on it.
fn marked(recipe: &Recipe) -> Image {
    let image =
        image("web", 9).published().tagged(tags::PUBLISHED_AS, &mark(recipe, &Tags::new()).to_string());
    Image { watermarks: vec![KEY.into()], ..image.build() }
}

#[test]
fn a_published_image_gets_the_watermark_once_before_anybody_is_added() {
    let mut recipe = marking("verified");
    recipe.publish.share.accounts = vec!["111111111111".into()];
    let mut image = image("web", 9).published().build();
    let sequence = steps(&recipe, &image, &image.record().unwrap(), &Permissions::default(), day(9));
    assert_eq!(words(&sequence), ["attach-watermark", "share"]);
    assert_eq!(sequence[0].reason.to_string(), "the recipe requires it: publish.watermark = \"verified\"");
    image.watermarks.push(KEY.into());
    assert_eq!(of(&recipe, &image, &Permissions::default()), ["share"]);
}

#[test]
fn a_replica_that_bears_the_watermark_of_its_origin_needs_no_other() {
    let mut replica = image("web", 9).published().in_region("eu-west-1").build();
    assert_eq!(of(&marking("verified"), &replica, &Permissions::default()), ["attach-watermark"]);
    replica.watermarks.push(KEY.into());
    assert!(of(&marking("verified"), &replica, &Permissions::default()).is_empty());
}

#[test]
fn the_same_name_of_another_account_is_another_watermark() {
    let mut image = image("web", 9).published().build();
    image.watermarks.push("999999999999:verified".into());
    assert_eq!(of(&marking("verified"), &image, &Permissions::default()), ["attach-watermark"]);
}

#[test]
fn a_public_image_gets_none_and_one_that_was_public_only_after_that_was_taken_back() {
    let mut public = marking("verified");
    public.publish.share.public = true;
    let image = image("web", 9).published().build();
    assert_eq!(of(&public, &image, &Permissions::default()), ["share"]);
    let everyone = Permissions { launch: BTreeSet::from([Grantee::Everyone]), ..Permissions::default() };
    assert_eq!(of(&marking("verified"), &image, &everyone), ["share", "attach-watermark"]);
}

#[test]
fn a_new_name_takes_the_place_of_the_one_that_kiln_put_on() {
    let image = marked(&marking("verified"));
    let renamed = marking("golden");
    assert!(is_due(&renamed, &image, &image.record().unwrap()));
    assert_eq!(of(&renamed, &image, &Permissions::default()), ["detach-watermark", "attach-watermark"]);
    let unmarked = recipe("web");
    assert!(is_due(&unmarked, &image, &image.record().unwrap()));
    assert_eq!(of(&unmarked, &image, &Permissions::default()), ["detach-watermark"]);
    let by_a_person = Image { tags: crate::fixtures::image("web", 9).published().build().tags, ..image };
    assert!(of(&unmarked, &by_a_person, &Permissions::default()).is_empty());
}

#[test]
fn an_image_to_which_it_was_applied_is_not_looked_at_again_even_where_ec2_did_not_take_it() {
    let recipe = marking("verified");
    let refused = Image { watermarks: Vec::new(), ..marked(&recipe) };
    assert!(!is_due(&recipe, &refused, &refused.record().unwrap()));
    let before_the_field = image("web", 9).published().tagged(tags::PUBLISHED_AS, "0123").build();
    assert!(is_due(&recipe, &before_the_field, &before_the_field.record().unwrap()));
}

#[test]
fn a_recall_takes_off_what_the_recipe_names_and_what_kiln_put_on() {
    let reason =
        Reason::Recall(RecallReason::Recalled { version: name("web", 9).version, why: "CVE-1".into() });
    let taken = |recipe: &Recipe, image: &Image| {
        let sequence = withdrawn(recipe, image, &Permissions::default(), &reason, day(30));
        let detached = sequence.iter().filter(|one| one.action.word() == "detach-watermark");
        detached.map(|one| one.action.clone()).collect::<Vec<_>>()
    };
    let verified = marked(&marking("verified"));
    let off = crate::plan::Action::DetachWatermark(verified.id.clone(), KEY.into());
    for recipe in [marking("verified"), recipe("web")] {
        assert_eq!(taken(&recipe, &verified), std::slice::from_ref(&off));
    }
    let inherited = Image { tags: image("web", 9).published().build().tags, ..verified.clone() };
    assert_eq!(taken(&marking("verified"), &inherited).len(), 1);
    assert!(taken(&recipe("web"), &inherited).is_empty(), "somebody else put it on");
    let bare = Image { watermarks: Vec::new(), ..verified.clone() };
    assert!(taken(&marking("verified"), &bare).is_empty());
    let disabled = Image { state: ImageState::Disabled, ..verified };
    assert!(taken(&marking("verified"), &disabled).is_empty());
}
