use proptest::prelude::*;

use super::*;
use crate::fixtures::*;
use crate::model::Stage;

fn sharing(accounts: &[&str]) -> Recipe {
    let mut recipe = recipe("web");
    recipe.publish.share.accounts = accounts.iter().map(|id| (*id).to_owned()).collect();
    recipe
}

fn accounts(ids: &[&str]) -> BTreeSet<Grantee> {
    ids.iter().map(|id| Grantee::Account((*id).to_owned())).collect()
}

fn words(recipe: &Recipe, image: &Image, permissions: &Permissions) -> Vec<String> {
    let sequence = steps(recipe, image, &image.record().unwrap(), permissions, day(9));
    let text = |decision: &crate::plan::Decision| format!("{}: {}", decision.action.word(), decision.reason);
    sequence.iter().map(text).collect()
}

fn published() -> Image {
    image("web", 9).published().build()
}

#[test]
fn accounts_that_the_recipe_names_are_added_and_others_removed() {
    let permissions =
        Permissions { launch: accounts(&["111111111111", "222222222222"]), ..Permissions::default() };
    assert_eq!(
        words(&sharing(&["222222222222", "333333333333"]), &published(), &permissions),
        ["share: its permissions differ from the recipe: +333333333333 -111111111111"]
    );
}

#[test]
fn an_image_that_matches_its_recipe_is_not_changed() {
    let permissions = Permissions { launch: accounts(&["222222222222"]), ..Permissions::default() };
    assert!(words(&sharing(&["222222222222"]), &published(), &permissions).is_empty());
}

#[test]
fn snapshots_are_shared_only_if_the_recipe_asks() {
    let mut shares_snapshots = sharing(&["222222222222"]);
    let snapshot = published().snapshots[0].clone();
    let none = Permissions {
        launch: accounts(&["222222222222"]),
        volumes: [(snapshot.clone(), BTreeSet::new())].into(),
    };
    assert!(words(&shares_snapshots, &published(), &none).is_empty());
    shares_snapshots.publish.share.snapshots = true;
    assert_eq!(
        words(&shares_snapshots, &published(), &none),
        ["share-snapshot: its permissions differ from the recipe: +222222222222"]
    );
    shares_snapshots.publish.share.snapshots = false;
    let shared = Permissions { volumes: [(snapshot, accounts(&["222222222222"]))].into(), ..none };
    assert_eq!(
        words(&shares_snapshots, &published(), &shared),
        ["share-snapshot: its permissions differ from the recipe: -222222222222"]
    );
}

#[test]
fn an_image_is_public_only_if_the_recipe_says_so_explicitly() {
    let mut recipe = recipe("web");
    assert!(launchers(&recipe).is_empty());
    recipe.publish.share.public = true;
    assert_eq!(launchers(&recipe), [Grantee::Everyone].into());
    let everyone = Permissions { launch: [Grantee::Everyone].into(), ..Permissions::default() };
    assert_eq!(
        words(&sharing(&[]), &published(), &everyone),
        ["share: its permissions differ from the recipe: -everyone"]
    );
}

#[test]
fn deprecation_counts_from_the_bake_and_a_past_time_becomes_the_earliest_possible() {
    let mut recipe = recipe("web");
    recipe.publish.deprecate_after = Some(TimeDelta::days(90));
    let mut image = published();
    assert_eq!(words(&recipe, &image, &Permissions::default()).len(), 1);
    image.deprecated = Some(day(99) - TimeDelta::seconds(20));
    assert!(words(&recipe, &image, &Permissions::default()).is_empty());
    let mut old = crate::fixtures::image("web", -200).published().build();
    let sequence =
        |image: &Image| steps(&recipe, image, &image.record().unwrap(), &Permissions::default(), day(9));
    let soon = day(9) + TimeDelta::minutes(2);
    assert_eq!(sequence(&old)[0].action, Action::SetDeprecation(old.id.clone(), Deprecation::At(soon)));
    old.deprecated = Some(soon);
    assert!(sequence(&old).is_empty());
}

#[test]
fn imds_v2_is_required_once_of_an_image_that_does_not_before_anybody_is_added() {
    let mut recipe = recipe("web");
    recipe.publish.share.accounts = vec!["111111111111".into()];
    let before = mark(&recipe, &Tags::new());
    recipe.image.imds_v2 = true;
    assert_ne!(mark(&recipe, &Tags::new()), before, "what was published before is looked at again");
    let mut image = published();
    assert!(words(&recipe, &image, &Permissions::default())[0].starts_with("require-imds-v2: "));
    image.features.imds_v2 = true;
    assert!(words(&recipe, &image, &Permissions::default())[0].starts_with("share: "));
}

#[test]
fn protection_is_removed_only_if_kiln_enabled_it() {
    let mut recipe = recipe("web");
    recipe.publish.protect = true;
    let carried_out = mark(&recipe, &Tags::new());
    let mut image = published();
    assert_eq!(words(&recipe, &image, &Permissions::default()).len(), 1);
    image.protection = Protection::On("enabled-without-cooldown".into());
    assert!(words(&recipe, &image, &Permissions::default()).is_empty());
    recipe.publish.protect = false;
    assert!(words(&recipe, &image, &Permissions::default()).is_empty());
    image.tags = image.tags.with(tags::PUBLISHED_AS, carried_out);
    assert_eq!(words(&recipe, &image, &Permissions::default()).len(), 1);
}

#[test]
fn only_a_published_image_that_differs_from_its_recipe_is_due() {
    let recipe = sharing(&["222222222222"]);
    let due = |image: &Image| is_due(&recipe, image, &image.record().unwrap());
    assert!(due(&published()));
    let settled = image("web", 9)
        .released()
        .tagged(tags::PUBLISHED_AS, &mark(&recipe, &Tags::new()).to_string())
        .build();
    assert!(!due(&settled));
    for stage in [Stage::Captured, Stage::Verified, Stage::Rejected, Stage::Disabled] {
        assert!(!due(&image("web", 9).staged(stage).build()), "{stage}");
    }
    assert!(!due(&image("web", 9).released().in_state(ImageState::Disabled).build()));
    let disabled = |mark: &str| image("web", 9).disabled_on(30).tagged(tags::PUBLISHED_AS, mark).build();
    assert!(!due(&disabled(&mark(&recipe, &Tags::new()).to_string())) && !due(&disabled("0123")));
    assert!(!is_due(&sharing(&[]), &published(), &published().record().unwrap()));
}

#[test]
fn whom_an_image_is_shared_with_is_known_while_its_mark_is_the_one_of_its_recipe() {
    let recipe = sharing(&["222222222222"]);
    let marked = mark(&recipe, &Tags::new()).to_string();
    let settled = || image("web", 9).released().tagged(tags::PUBLISHED_AS, &marked);
    assert_eq!(known_launchers(&recipe, &settled().build()), Some(accounts(&["222222222222"])));
    assert_eq!(known_launchers(&sharing(&[]), &settled().build()), None, "a sweep will take it back");
    assert_eq!(known_launchers(&recipe, &published()), None, "no mark");
    assert_eq!(known_launchers(&recipe, &settled().in_state(ImageState::Disabled).build()), None);
}

/// A disabled image whose snapshots these accounts may copy, of a recipe that shared with both friends.
fn disabled_and_shared(with: &[&str]) -> (Image, Permissions) {
    let mut before = sharing(&["111111111111", "222222222222"]);
    before.publish.share.snapshots = true;
    let image = image("web", 1)
        .disabled_on(30)
        .tagged(tags::PUBLISHED_AS, &mark(&before, &Tags::new()).to_string())
        .build();
    let volumes = [(image.snapshots[0].clone(), accounts(with))].into();
    (image, Permissions { launch: BTreeSet::new(), volumes })
}

#[test]
fn who_is_taken_out_of_share_loses_the_snapshots_of_disabled_images_too() {
    let (image, permissions) = disabled_and_shared(&["111111111111", "222222222222"]);
    assert!(is_due(&sharing(&[]), &image, &image.record().unwrap()));
    let removed = ["share-snapshot: its permissions differ from the recipe: -111111111111 -222222222222"];
    assert_eq!(words(&sharing(&[]), &image, &permissions), removed);
    let mut one_left = sharing(&["222222222222"]);
    one_left.publish.share.snapshots = true;
    let removed = ["share-snapshot: its permissions differ from the recipe: -111111111111"];
    assert_eq!(words(&one_left, &image, &permissions), removed);
}

#[test]
fn a_disabled_image_is_given_to_nobody_and_is_settled_after_one_look() {
    let (image, permissions) = disabled_and_shared(&[]);
    let mut other = sharing(&["333333333333"]);
    other.publish.share.snapshots = true;
    other.publish.deprecate_after = Some(TimeDelta::days(90));
    other.publish.protect = true;
    assert!(words(&other, &image, &permissions).is_empty());
    let record = image.record().unwrap();
    let sequence = converge(&other, &image, &record, &Ok(permissions), day(40)).unwrap();
    let Action::Tag(_, written) = &sequence.last().unwrap().action else { panic!() };
    let settled = Image { tags: image.tags.clone().and(written), ..image };
    assert!(!is_due(&other, &settled, &record));
}

/// The mark that a sweep leaves on an image that bears this one, when nobody may launch it any more.
fn mark_after_nobody_is_left(before: &str, launch: BTreeSet<Grantee>) -> String {
    let image = image("web", 9).released().tagged(tags::PUBLISHED_AS, before).build();
    let permissions = Ok(Permissions { launch, ..Permissions::default() });
    let sequence = converge(&sharing(&[]), &image, &image.record().unwrap(), &permissions, day(9)).unwrap();
    match &sequence.last().unwrap().action {
        Action::Tag(_, tags) => tags.get(tags::PUBLISHED_AS).unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_mark_of_an_image_tells_for_ever_that_it_was_shared() {
    let shared = mark(&sharing(&["222222222222"]), &Tags::new()).to_string();
    let marked = |mark: &str| image("web", 9).released().tagged(tags::PUBLISHED_AS, mark).build();
    assert!(
        was_shared(&marked(&shared)) && !was_shared(&marked(&mark(&sharing(&[]), &Tags::new()).to_string()))
    );
    let after = mark_after_nobody_is_left(&shared, accounts(&["222222222222"]));
    assert!(was_shared(&marked(&after)), "{after}");
    // It is that of its recipe, so no sweep looks at it again.
    let settled = marked(&after);
    assert!(!is_due(&sharing(&[]), &settled, &settled.record().unwrap()));
    assert!(is_due(&sharing(&["222222222222"]), &settled, &settled.record().unwrap()));
}

#[test]
fn permissions_that_somebody_gave_by_hand_count_as_sharing_too() {
    let after = mark_after_nobody_is_left("0123", accounts(&["222222222222"]));
    assert!(was_shared(&image("web", 9).tagged(tags::PUBLISHED_AS, &after).build()), "{after}");
    let protected = mark_after_nobody_is_left("protected-shared-half-way", BTreeSet::new());
    assert!(was_shared(&image("web", 9).tagged(tags::PUBLISHED_AS, &protected).build()), "{protected}");
}

fn any_grantees() -> impl Strategy<Value = BTreeSet<Grantee>> {
    proptest::collection::btree_set(
        prop_oneof![
            (0u8..6).prop_map(|n| Grantee::Account(format!("{n}"))),
            (0u8..3).prop_map(|n| Grantee::Organization(format!("o{n}"))),
            Just(Grantee::Everyone),
        ],
        0..6,
    )
}

proptest! {
    #[test]
    fn a_permission_change_leads_exactly_to_the_desired_grantees(may in any_grantees(), shall in any_grantees()) {
        let mut after = may.clone();
        if let Some(change) = PermissionChange::between(&may, &shall) {
            prop_assert!(change.add.is_disjoint(&may) && change.remove.is_subset(&may));
            after.extend(change.add);
            after.retain(|one| !change.remove.contains(one));
        }
        prop_assert_eq!(&after, &shall);
        prop_assert_eq!(PermissionChange::between(&after, &shall), None);
    }

    #[test]
    fn recipes_have_the_same_mark_only_if_they_grant_the_same(a in any_grantees(), b in any_grantees(), snapshots: bool) {
        let with = |of: &BTreeSet<Grantee>| {
            let mut recipe = recipe("web");
            for one in of {
                match one {
                    Grantee::Account(id) => recipe.publish.share.accounts.push(id.clone()),
                    Grantee::Organization(arn) | Grantee::Unit(arn) => recipe.publish.share.organizations.push(arn.clone()),
                    Grantee::Everyone => recipe.publish.share.public = true,
                }
            }
            recipe.publish.share.snapshots = snapshots;
            mark(&recipe, &Tags::new())
        };
        prop_assert_eq!(a == b, with(&a) == with(&b));
    }
}
