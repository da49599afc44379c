use super::*;
use crate::fixtures::*;
use crate::model::{Contents, ContentsSummary};
use crate::recipe::FoundNetwork;

const LIST: &str = "kernel 6.12\ncmdline ro\ndpkg nginx 1.28.0-1 arm64\n";

fn summary(list: &str) -> ContentsSummary {
    let contents = Contents::new(list);
    ContentsSummary { packages: 1, digest: contents.digest() }
}

/// The release of the 8th day, with what is known of it.
fn released(tags: &[(&str, &str)]) -> Image {
    let known = Tags::new().with(tags::BAKED_BY, "hash").with(tags::CONTENTS, summary(LIST));
    let known = known.with(tags::BASE, "ami-ba5e").and(&tags.iter().copied().collect());
    let image = image("web", 8).released().build();
    Image { tags: image.tags.clone().and(&known), ..image }
}

/// What a test of the 9th day found, of an image that has the same contents as that release.
fn observed(releases: Vec<Image>) -> Observed {
    let image = image("web", 9).tagged(tags::BAKED_BY, "hash").tagged(tags::BASE, "ami-ba5e").build();
    let tester = tester(&image, 9);
    let listing = Listing { summary: summary(LIST), contents: Some(Contents::new(LIST)) };
    let console = Console { verdict: ScriptOutcome::Passed, tail: String::new(), listing: Some(listing) };
    Observed {
        record: image.record().unwrap(),
        image,
        consoles: [(tester.id.clone(), Ok(console))].into(),
        testers: vec![tester],
        network: Ok(FoundNetwork::default()),
        builder: None,
        releases,
        asked: None,
    }
}

fn skips() -> Recipe {
    let mut recipe = recipe("web");
    recipe.publish.skip_unchanged = true;
    recipe
}

fn words(recipe: &Recipe, observed: &Observed) -> Vec<&'static str> {
    decide(Some(recipe), observed, day(9)).iter().map(|one| one.action.word()).collect()
}

const PUBLISHED: [&str; 4] = ["set-stage", "emit", "keep-contents", "terminate"];

#[test]
fn an_image_that_has_nothing_new_is_told_and_goes_no_further() {
    let sequence = decide(Some(&skips()), &observed(vec![released(&[])]), day(9));
    let words: Vec<_> = sequence.iter().map(|one| one.action.word()).collect();
    assert_eq!(words, ["emit", "anchor", "set-stage", "terminate"]);
    let Action::Emit(envelope) = &sequence[0].action else { panic!() };
    let detail = envelope.detail(day(9));
    assert!(
        detail.contains("\"same-as\":\"20260109T020000Z\"") && detail.contains("\"copies-saved\":2"),
        "{detail}"
    );
    let Action::SetStage(_, record, _) = &sequence[2].action else { panic!() };
    assert_eq!(record.stage, Stage::Unchanged);
}

#[test]
fn what_differs_or_is_not_known_is_published() {
    assert_eq!(words(&recipe("web"), &observed(vec![released(&[])])), PUBLISHED, "not asked for");
    assert_eq!(words(&skips(), &observed(vec![])), PUBLISHED, "nothing is released");
    let other = summary("kernel 6.12\ncmdline quiet\ndpkg nginx 1.28.0-1 arm64\n").to_string();
    for (key, value) in [
        (tags::CONTENTS, other.as_str()),
        (tags::BAKED_BY, "other"),
        (tags::BASE, "ami-0b"),
        (tags::CONTENTS, "?"),
    ] {
        assert_eq!(words(&skips(), &observed(vec![released(&[(key, value)])])), PUBLISHED, "{key} {value}");
    }
    let mut without = observed(vec![released(&[])]);
    without.image.tags = without.image.tags.iter().filter(|(key, _)| *key != tags::BAKED_BY).collect();
    assert_eq!(words(&skips(), &without), PUBLISHED, "baked before it was told");
    let older = [released(&[]), image("web", 7).released().pinned_on(8, name("web", 8).version).build()];
    assert_eq!(words(&skips(), &observed(older.to_vec())), PUBLISHED, "rolled back");
}

#[test]
fn what_somebody_asks_for_is_published() {
    let mut asked = observed(vec![released(&[])]);
    asked.asked = Some(day(9));
    assert_eq!(words(&skips(), &asked), PUBLISHED);
    let mut adopted = observed(vec![released(&[])]);
    adopted.record.adopted = true;
    assert_eq!(words(&skips(), &adopted), PUBLISHED);
}

#[test]
fn a_list_that_is_missing_or_too_long_fails_nothing() {
    let mut observed = observed(vec![]);
    for console in observed.consoles.values_mut().flatten() {
        console.listing.as_mut().unwrap().contents = None;
    }
    assert_eq!(words(&skips(), &observed), ["set-stage", "emit", "terminate"]);
    for console in observed.consoles.values_mut().flatten() {
        console.listing = None;
    }
    let sequence = decide(Some(&skips()), &observed, day(9));
    let Action::SetStage(_, record, more) = &sequence[0].action else { panic!() };
    assert_eq!((record.stage, more), (Stage::Verified, &Tags::new()));
}

#[test]
fn an_image_that_has_nothing_new_waits_for_its_builder_to_be_terminated() {
    let mut observed = observed(vec![released(&[])]);
    observed.builder = Some("i-0a".parse().unwrap());
    assert_eq!(words(&skips(), &observed), ["retry"]);
}

#[test]
fn the_recipe_is_kept_beside_the_list_as_long_as_it_is_the_one_that_the_image_was_baked_by() {
    let kept = |recipe: &Recipe, baked_by: &str| {
        let mut observed = observed(vec![]);
        observed.image.tags = std::mem::take(&mut observed.image.tags).with(tags::BAKED_BY, baked_by);
        let kept = decide(Some(recipe), &observed, day(9)).into_iter().find_map(|one| match one.action {
            Action::KeepContents { kept, .. } => Some(kept),
            _ => None,
        });
        let kept = kept.unwrap();
        assert_eq!(kept.contents.text(), LIST);
        kept.recipe
    };
    let by = recipe("web");
    let fingerprint = by.fingerprint().unwrap();
    assert_eq!(kept(&by, fingerprint.as_str()).as_ref(), Some(&by.document));
    assert_eq!(kept(&by, "hash"), None, "somebody changed its script since");
    let mut by_hand = by;
    by_hand.bake.base = crate::recipe::Base::Instance("i-0a".parse().unwrap());
    assert_eq!(kept(&by_hand, fingerprint.as_str()), None, "what ran on it is not known");
}
