use proptest::prelude::*;

use super::*;
use crate::fixtures::*;
use crate::inventory::image::made_for;
use crate::inventory::{Description, Encryption, ImageState, Instance};
use crate::model::record::CopySource;
use crate::model::{AnchoredEnd, Origin, Pin, Role, Token};

/// The image as EC2 shows it once Kiln has set it to that stage.
fn at(stage: Stage, n: i64) -> Image {
    let image = image("web", n).staged(stage).build();
    let record = ImageRecord::read(&image.tags).unwrap();
    let tags = keys().tags_of_record(&image.region, &image.id, &record, &Tags::new());
    Image { tags: image.tags.clone().and(&tags), seal: Seal::Missing, ..image }
}

fn opened(mut image: Image) -> Image {
    keys().open_image(&mut image);
    image
}

fn tagged(image: &Image, key: &str, value: &str) -> Image {
    Image { tags: image.tags.clone().with(key, value), ..image.clone() }
}

fn range(n: i64) -> MarkRange {
    MarkRange { recipe: "web".parse().unwrap(), up_to: name("web", n).version }
}

fn new_image(n: i64) -> NewImage {
    let built = image("web", n).build();
    NewImage {
        region: built.region.clone(),
        instance: built.source_instance.clone().unwrap(),
        name: built.name.clone(),
        description: String::new(),
        tags: built.tags,
        left_out: Vec::new(),
    }
}

#[test]
fn an_image_is_kilns_from_the_call_that_creates_it() {
    let new = new_image(3);
    let created = Image { tags: keys().tags_of_image(&new), seal: Seal::Missing, ..image("web", 3).build() };
    assert_eq!(opened(created.clone()).record().unwrap().stage, Stage::Captured);
    let other = Image { source_instance: Some("i-0bad".parse().unwrap()), ..created.clone() };
    assert_eq!(opened(other).seal, Seal::Wrong);
    assert_eq!(opened(Image { source_instance: None, ..created.clone() }).seal, Seal::Wrong);
    assert_eq!(opened(tagged(&created, tags::STAGE, "verified")).seal, Seal::Wrong);
}

#[test]
fn a_replica_is_kilns_from_the_call_that_copies_it() {
    let built = image("web", 3).in_region("eu-west-1").build();
    let new = NewReplica {
        region: built.region.clone(),
        from: region("us-east-1"),
        image: id_of("us-east-1", 3),
        name: built.name.clone(),
        description: String::new(),
        tags: built.tags.clone(),
        encryption: Encryption::AsSource,
        token: Token::of(&["copy"]),
    };
    let copied = Image { tags: keys().tags_of_replica(&new), seal: Seal::Missing, ..built };
    assert!(opened(copied.clone()).record().is_ok());
    assert_eq!(opened(tagged(&copied, tags::ATTEMPT, "2")).seal, Seal::Wrong);
    assert_eq!(opened(Image { region: region("ap-southeast-2"), ..copied }).seal, Seal::Wrong);
}

#[test]
fn a_seal_counts_for_one_image_one_region_and_one_stage() {
    let verified = at(Stage::Verified, 3);
    assert_eq!(opened(verified.clone()).record().unwrap().stage, Stage::Verified);
    let copied_to = |image: Image| opened(Image { tags: verified.tags.clone(), ..image });
    assert_eq!(copied_to(image("web", 4).build()).seal, Seal::Wrong);
    assert_eq!(copied_to(Image { region: region("eu-west-1"), ..image("web", 3).build() }).seal, Seal::Wrong);
    for (key, value) in [
        (tags::STAGE, "released"),
        (tags::RECIPE, "worker"),
        (tags::VERSION, "20260101T020000Z"),
        (tags::BASE, "ami-0bad"),
        (tags::ADOPTED, "us-east-1/ami-0bad"),
        (tags::SEAL, "0000-00000000000000000000000000000000"),
    ] {
        assert_eq!(opened(tagged(&verified, key, value)).seal, Seal::Wrong, "{key}");
    }
    let unsealed: Tags = verified.tags.iter().filter(|(key, _)| *key != tags::SEAL).collect();
    assert_eq!(opened(Image { tags: unsealed, ..verified }).seal, Seal::Missing);
}

#[test]
fn a_value_counts_only_with_its_seal_and_on_its_image() {
    let released = at(Stage::Released, 3);
    let pin = Tags::new().with(tags::RELEASED_AT, "2026-01-09T00:00:00Z").with(tags::HOLD, "mine");
    let pinned = keys().sealed_values(&released.region, released.id.as_str(), &pin);
    let with_pin = opened(Image { tags: released.tags.clone().and(&pinned), ..released.clone() });
    assert_eq!(with_pin.tags.get(tags::RELEASED_AT), Some("2026-01-09T00:00:00Z"));
    assert_eq!(with_pin.tags.get(tags::HOLD), Some("mine"));
    let forged = opened(tagged(&released, tags::RELEASED_AT, "2026-01-09T00:00:00Z"));
    assert!(forged.record().is_ok() && !forged.tags.has(tags::RELEASED_AT));
    let other = at(Stage::Released, 4);
    let copied = opened(Image { tags: other.tags.clone().and(&pinned), ..other });
    assert!(copied.record().is_ok() && !copied.tags.has(tags::RELEASED_AT));
    let renamed = opened(tagged(&released, tags::RECOPY, pinned.get(tags::RELEASED_AT).unwrap()));
    assert!(!renamed.tags.has(tags::RECOPY));
}

#[test]
fn a_mark_counts_for_its_recipe_region_and_older_versions_alone() {
    let since = Tags::new().with_time(tags::UNUSED_SINCE, day(5));
    let mark = keys().sealed_marks(&region("us-east-1"), &range(3), &since);
    let marked = |image: Image| opened(Image { tags: image.tags.clone().and(&mark), ..image });
    for n in [2, 3] {
        assert_eq!(marked(at(Stage::Released, n)).tags.time(tags::UNUSED_SINCE), Some(day(5)), "{n}");
    }
    assert!(!marked(at(Stage::Released, 4)).tags.has(tags::UNUSED_SINCE));
    let elsewhere = Image { region: region("eu-west-1"), ..at(Stage::Released, 3) };
    assert!(!marked(elsewhere).tags.has(tags::UNUSED_SINCE));
    let cleared = tagged(&at(Stage::Released, 3), tags::UNUSED_SINCE, "no");
    assert_eq!(opened(cleared).tags.get(tags::UNUSED_SINCE), Some("no"));
}

#[test]
fn disabled_counts_with_the_mark_of_expire_and_else_the_stage_of_the_seal_does() {
    let released = at(Stage::Released, 3);
    let forged = opened(tagged(&released, tags::STAGE, "disabled"));
    assert_eq!(forged.record().unwrap().stage, Stage::Released);
    let mark = Tags::new().with(tags::STAGE, "disabled").with_time(tags::DISABLED_AT, day(5));
    let mark = keys().sealed_marks(&released.region, &range(3), &mark);
    let disabled = opened(Image { tags: released.tags.clone().and(&mark), ..released });
    assert_eq!((disabled.record().unwrap().stage, disabled.disabled_at()), (Stage::Disabled, Some(day(5))));
    let newer = at(Stage::Released, 4);
    let copied = opened(Image { tags: newer.tags.clone().and(&mark), ..newer });
    assert_eq!(copied.record().unwrap().stage, Stage::Released);
}

#[test]
fn a_snapshot_is_kilns_if_ec2s_own_description_fits_its_seal() {
    let mut snapshot = Snapshot {
        id: "snap-0a".parse().unwrap(),
        region: region("us-east-1"),
        started: Some(day(3)),
        completed: true,
        made_for: made_for("Created by CreateImage(i-0b1d) for ami-0a"),
        full_bytes: None,
        tags: keys().tags_of_image(&new_image(3)),
        seal: Seal::Missing,
    };
    keys().open_snapshot(&mut snapshot);
    assert_eq!(snapshot.seal, Seal::Valid);
    for description in ["Created by CreateImage(i-0bad) for ami-0a", "the database, before the migration"] {
        let mut other = Snapshot { made_for: made_for(description), ..snapshot.clone() };
        keys().open_snapshot(&mut other);
        assert_eq!(other.seal, Seal::Wrong, "{description}");
    }
}

#[test]
fn builder_and_tester_of_one_bake_have_different_verdict_words() {
    let words = |role| keys().verdict_words(role, &name("web", 3));
    assert_ne!(words(Role::Builder), words(Role::Tester));
    assert!(words(Role::Builder).iter().all(|word| word.len() == 16));
}

proptest! {
    /// Whatever tags somebody copies from other images, or sets back, no image gets a stage that Kiln did not give it.
    #[test]
    fn no_mixture_of_copied_tags_gives_an_image_a_stage_that_it_never_had(
        picks in proptest::collection::vec((0usize..4, 0usize..12), 0..9),
        stage in proptest::sample::select(Stage::ALL.to_vec()),
    ) {
        let given = at(Stage::Captured, 3);
        let others = [at(Stage::Verified, 2), at(Stage::Released, 4), at(stage, 5), given.clone()];
        let mut forged = Image { state: ImageState::Available, ..given };
        for (from, key) in picks {
            let all: Vec<(&str, &str)> = others[from].tags.iter().collect();
            let (key, value) = all[key % all.len()];
            forged = tagged(&forged, key, value);
        }
        forged = tagged(&forged, tags::STAGE, stage.word());
        let found = opened(forged).record().map(|record| record.stage);
        prop_assert!(found.is_err() || found == Ok(Stage::Captured), "{found:?}");
    }

    #[test]
    fn no_tags_make_the_check_panic(values in proptest::collection::vec(".{0,60}", 12)) {
        let keys_of_tags = [
            tags::RECIPE, tags::VERSION, tags::STAGE, tags::SEAL, tags::RELEASED_AT, tags::UNUSED_SINCE, tags::DISABLED_AT,
            tags::FLEET_SIZE, tags::ORIGIN, tags::ATTEMPT, tags::ADOPTED, tags::ROLE,
        ];
        let given: Tags = keys_of_tags.into_iter().zip(values).collect();
        let _ = opened(Image { tags: given.clone(), ..foreign_image("ami-0a") });
        let mut instance = Instance { tags: given, ..long_lived("web") };
        keys().open_instance(&mut instance);
    }

    #[test]
    fn a_copied_origin_is_not_enough(attempt in 1u32..5) {
        let copied = CopySource { origin: Origin { region: region("us-east-1"), image: id_of("us-east-1", 3) }, attempt };
        let record = ImageRecord { copied: Some(copied), ..image("web", 3).build().record().unwrap() };
        let forged = Image { tags: record.write(), ..image("web", 3).in_region("eu-west-1").build() };
        prop_assert_eq!(opened(Image { seal: Seal::Missing, ..forged }).seal, Seal::Missing);
    }
}

/// The image once Kiln has anchored it.
fn anchored(image: Image, anchor: &Anchor) -> Image {
    let text = keys().description(&image.region, &image.id, "made by web", anchor);
    Image { description: Some(Description::unread(&text)), ..image }
}

#[test]
fn a_stage_that_was_set_back_with_its_seal_counts_no_more() {
    for (end, counts) in [(AnchoredEnd::Rejected, Stage::Rejected), (AnchoredEnd::Released, Stage::Released)]
    {
        let anchor = Anchor::default().ended(end);
        for stage in [Stage::Captured, Stage::Verified, Stage::Published] {
            let image = opened(anchored(at(stage, 3), &anchor));
            assert_eq!(image.record().unwrap().stage, counts);
            assert_eq!(image.set_back(), Some(stage));
        }
        let image = opened(anchored(at(counts, 3), &anchor));
        assert_eq!((image.record().unwrap().stage, image.set_back()), (counts, None));
    }
}

#[test]
fn what_is_anchored_can_be_disabled_and_a_forged_stage_is_still_nobodys() {
    let anchor = Anchor::default().ended(AnchoredEnd::Released);
    let mark = Tags::new().with(tags::STAGE, "disabled").with_time(tags::DISABLED_AT, day(5));
    let mark = keys().sealed_marks(&region("us-east-1"), &range(3), &mark);
    let released = at(Stage::Released, 3);
    let disabled = Image { tags: released.tags.clone().and(&mark), ..released.clone() };
    assert_eq!(opened(anchored(disabled, &anchor)).record().unwrap().stage, Stage::Disabled);
    let forged = opened(anchored(tagged(&released, tags::STAGE, "captured"), &anchor));
    assert_eq!(forged.seal, Seal::Wrong);
}

#[test]
fn a_rollback_stands_in_the_description_and_counts_on_its_own_image_alone() {
    let pin = Pin { at: day(9), over: name("web", 8).version };
    let anchor = Anchor::default().pinned(pin);
    let pinned = anchored(at(Stage::Released, 3), &anchor);
    assert_eq!(opened(pinned.clone()).anchor().pin, Some(pin));
    let copied = Image { description: pinned.description.clone(), ..at(Stage::Released, 4) };
    assert_eq!(opened(copied).anchor().pin, None);
    let text = pinned.description.unwrap().own.replace("2026-01-10", "2026-01-11");
    let forged = Image { description: Some(Description::unread(&text)), ..at(Stage::Released, 3) };
    assert_eq!(opened(forged).anchor(), &Anchor::default());
}

#[test]
fn what_was_before_somebody_asked_anew_does_not_count() {
    let anchor = Anchor::default().asked_anew(day(6));
    for stage in [Stage::Verified, Stage::Released, Stage::Rejected] {
        let again = opened(anchored(at(stage, 3), &anchor));
        assert_eq!(again.record().unwrap().stage, Stage::Captured, "{stage}");
    }
    let verified = anchored(image("web", 3).staged(Stage::Verified).build(), &anchor);
    let record = ImageRecord { asked_again: Some(day(6)), ..ImageRecord::read(&verified.tags).unwrap() };
    let tags = keys().tags_of_record(&verified.region, &verified.id, &record, &Tags::new());
    let verified = opened(Image { tags: verified.tags.clone().and(&tags), ..verified });
    assert_eq!((verified.record(), verified.set_back()), (Ok(record), None));
    let marks = Tags::new().with_time(tags::UNUSED_SINCE, day(5)).with_time(tags::DISABLED_AT, day(5));
    let marks = keys().sealed_marks(&region("us-east-1"), &range(3), &marks);
    let released = at(Stage::Released, 3);
    let marked = opened(anchored(Image { tags: released.tags.clone().and(&marks), ..released }, &anchor));
    assert!(marked.unused_since().is_none() && marked.disabled_at().is_none());
}

#[test]
fn what_was_sealed_after_the_time_before_begins_again_too() {
    let record = ImageRecord::read(&image("web", 3).staged(Stage::Rejected).build().tags).unwrap();
    let first = ImageRecord { asked_again: Some(day(6)), ..record };
    let home = image("web", 3).build();
    let tags = keys().tags_of_record(&home.region, &home.id, &first, &Tags::new());
    let rejected = Image { tags: home.tags.clone().and(&tags), seal: Seal::Missing, ..home };
    let twice = Anchor::default().asked_anew(day(6)).asked_anew(day(7));
    let again = opened(anchored(rejected, &twice)).record().unwrap();
    assert_eq!((again.stage, again.asked_again), (Stage::Captured, Some(day(7))));
}
