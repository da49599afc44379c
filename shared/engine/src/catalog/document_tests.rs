use std::collections::{BTreeMap, BTreeSet};

use kiln_catalog::model::{Stage as Word, Step, Usage, Version as Shown};
use kiln_core::events::inbound::{KEPT, Past};
use kiln_core::expire::forecast::Prices;
use kiln_core::expire::in_use::{UsageByRegion, UsageIndex};
use kiln_core::expire::{Observed, OneRecipe};
use kiln_core::inventory::usage::{Referrer, Target};
use kiln_core::inventory::{Finding, Image, Reference, RegionUsage, Severity, SharedWith};
use kiln_core::model::channels::Entries;
use kiln_core::model::{Stage, Tags, Version, tags};
use kiln_core::publish::sharing;
use kiln_core::recipe::Recipe;
use serde_json::{Value, json};

use super::*;
use crate::catalog::fixtures::*;

fn past(kind: &str, n: i64, more: Value) -> Past {
    let mut detail = json!({ "id": format!("{n:04x}"), "recipe": "web", "version": version(n).to_string() });
    if let (Some(all), Value::Object(more)) = (detail.as_object_mut(), more) {
        all.extend(more);
    }
    let event = json!({ "detail-type": kind, "time": day(n).to_rfc3339(), "detail": detail });
    Past::read(&event).unwrap()
}

/// Usage of the home Region in which nothing but these references is found, and nothing is shared.
fn used_by(images: &[Image], uses: Vec<Reference>) -> UsageByRegion {
    let alone =
        |image: &Image| (image.id.clone(), Ok(SharedWith { with: BTreeSet::new(), reports: Vec::new() }));
    let usage = RegionUsage { uses, shared: images.iter().map(alone).collect(), ..RegionUsage::default() };
    [(home(), Ok(usage))].into()
}

/// The catalogue of one recipe on the 40th day.
fn catalog(images: &[Image], usage: &UsageByRegion, history: Vec<Past>) -> Catalog {
    catalog_of(recipe(), images, usage, history, BTreeMap::new())
}

fn catalog_of(
    recipe: Recipe,
    images: &[Image],
    usage: &UsageByRegion,
    history: Vec<Past>,
    findings: BTreeMap<Version, Vec<Finding>>,
) -> Catalog {
    let now = day(40);
    let (home, name) = (home(), web());
    let observed = Observed {
        recipe: Some(recipe),
        retired_at: None,
        images: [(home.clone(), Ok(images.to_vec()))].into(),
        removed: vec![],
    };
    let one = OneRecipe::of(&observed, &home);
    let decided = one.decide(&UsageIndex::of(usage), None, now);
    let rows = one.plan_rows(&decided, &BTreeMap::new(), &Prices::default(), now).into_iter();
    let rows = rows.map(|(image, row)| ((image.region.clone(), image.id.clone()), row)).collect();
    let seen = SeenRecipe {
        name: &name,
        one,
        decided,
        rows,
        pointers: BTreeMap::new(),
        history,
        listed: BTreeMap::new(),
        findings,
    };
    document(&Seen {
        home: &home,
        now,
        account: "123456789012".into(),
        recipes: vec![seen],
        usage,
        instances: &[],
        waiting: &[],
        gaps: vec![],
        store: "s3://bucket/".into(),
    })
}

/// The version of the n-th day in that catalogue.
fn shown(catalog: &Catalog, n: i64) -> Shown {
    let versions = &catalog.recipes[0].versions;
    versions.iter().find(|one| one.version == version(n).to_string()).unwrap().clone()
}

#[test]
fn each_stage_has_its_word() {
    let words = [
        (Stage::Captured, Word::Captured, "captured"),
        (Stage::Verified, Word::Verified, "verified"),
        (Stage::Published, Word::Published, "published"),
        (Stage::Released, Word::Released, "released"),
        (Stage::Rejected, Word::Rejected, "rejected"),
        (Stage::Unchanged, Word::Unchanged, "unchanged"),
        (Stage::Recalled, Word::Recalled, "recalled"),
        (Stage::Disabled, Word::Disabled, "disabled"),
    ];
    for (stage, shown_as, word) in words {
        let found = shown(&catalog(&[image(39, stage, &[])], &UsageByRegion::new(), vec![]), 39);
        assert_eq!((found.stage, found.stage.word()), (shown_as, word));
    }
}

#[test]
fn a_release_of_which_only_the_history_is_left_is_shown_as_deregistered_and_never_beside_its_images() {
    let history = vec![past("Image Released", 3, json!({})), past("Image Released", 39, json!({}))];
    let catalog = catalog(&[released(39)], &UsageByRegion::new(), history);
    let versions: Vec<(String, Word, usize)> = (catalog.recipes[0].versions.iter())
        .map(|one| (one.version.clone(), one.stage, one.images.len()))
        .collect();
    assert_eq!(
        versions,
        [(version(39).to_string(), Word::Released, 1), (version(3).to_string(), Word::Deregistered, 0)]
    );
    assert_eq!(shown(&catalog, 3).released_at, Some(day(3)));
}

#[test]
fn a_version_tells_why_it_stays_and_what_its_recipe_does_with_it_next() {
    let images = [released(39), released(20)];
    let catalog = catalog(&images, &used_by(&images, vec![]), vec![]);
    let (new, old) = (shown(&catalog, 39), shown(&catalog, 20));
    let why = new.decision.unwrap();
    assert_eq!(why.action, "keep");
    assert!(why.reason.contains("newest"), "{}", why.reason);
    assert_eq!((new.next_step, new.usage), (None, None));
    assert_eq!(old.decision.unwrap().action, "deprecate");
    let next = old.next_step.unwrap();
    assert_eq!((next.step, next.at), (Step::Deprecate, Some(day(40))));
}

#[test]
fn usage_is_told_only_of_a_version_that_was_looked_at_and_with_the_arn_of_its_user() {
    let images = [released(39), released(20), released(19)];
    let by = Referrer::Instance("i-0fee".parse().unwrap());
    let uses = vec![Reference { names: Target::Image(images[1].id.clone()), by }];
    let catalog_of = |usage: &UsageByRegion| catalog(&images, usage, vec![]);
    let read = catalog_of(&used_by(&images, uses));
    let of = |catalog: &Catalog, n| {
        let one = shown(catalog, n);
        (one.usage, one.users.map(|users| users.into_iter().map(|user| user.arn).collect::<Vec<_>>()))
    };
    assert_eq!(of(&read, 39), (None, None), "its recipe keeps it anyway");
    let instance = "arn:aws:ec2:us-east-1:123456789012:instance/i-0fee".to_owned();
    assert_eq!(of(&read, 20), (Some(Usage::InUse), Some(vec![instance])));
    assert_eq!(of(&read, 19), (Some(Usage::Unused), Some(vec![])));
    // A Region that could not be read: nothing is said to be unused.
    let unread = catalog_of(&UsageByRegion::new());
    assert_eq!(of(&unread, 19), (Some(Usage::Unknown), Some(vec![])));
}

#[test]
fn every_event_that_is_kept_is_told_once_newest_first() {
    let kept = KEPT.iter().zip(1..).map(|(kind, n)| past(kind, n, json!({ "reason": "so it is" })));
    let history: Vec<Past> = kept.chain([past("Image Released", 39, json!({}))]).collect();
    let catalog = catalog(&[released(39)], &UsageByRegion::new(), history);
    let entries = &catalog.recipes[0].history;
    assert_eq!(entries.len(), KEPT.len() + 1, "the tags of an image tell no event again");
    let times: Vec<_> = entries.iter().map(|entry| entry.at).collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");
    let words: BTreeSet<_> = entries.iter().map(|entry| entry.event.words()).collect();
    assert_eq!(words.len(), KEPT.len(), "each kind has words of its own");
    let failure = catalog.recipes[0].last_failure.as_ref().unwrap();
    assert_eq!((failure.event.as_str(), failure.reason.as_str()), ("Bake Refused", "so it is"));
}

#[test]
fn names_and_reasons_that_somebody_chose_stay_text_and_lead_to_no_other_page() {
    let hostile = "../../<script>alert(1)</script>\u{202e}";
    let history = vec![
        past("Image Released", 3, json!({ "version": hostile })),
        past("Bake Failed", 4, json!({ "reason": hostile, "log": hostile })),
    ];
    let marked = image(39, Stage::Recalled, &[(tags::RECALLED, hostile), (tags::BASE_NAME, hostile)]);
    let catalog = catalog(&[marked], &UsageByRegion::new(), history);
    let there = catalog.recipes[0].versions.iter().any(|one| one.version == hostile);
    assert!(there && catalog.recipes[0].last_failure.as_ref().unwrap().reason == hostile);
    for page in kiln_catalog::pages(&catalog) {
        assert!(!page.path.contains("..") && !page.path.contains('<'), "{}", page.path);
        assert!(!String::from_utf8_lossy(page.body.as_ref()).contains("<script>alert"), "{}", page.path);
    }
}

/// The recipe of the fixtures with more in its document.
fn with(head: &str, more: &str) -> Recipe {
    Recipe::parse("web", &format!("{head}\n{}{more}", recipe().document)).unwrap()
}

#[test]
fn a_recipe_tells_what_it_is_for_and_where_its_text_lies() {
    let told = |recipe| {
        let catalog = catalog_of(recipe, &[], &UsageByRegion::new(), vec![], BTreeMap::new());
        let recipe = &catalog.recipes[0];
        (recipe.description.clone(), recipe.text.clone().map(|link| link.0))
    };
    let text = || Some("web/recipe.toml".to_owned());
    assert_eq!(told(with("description = \"the shop\"", "")), (Some("the shop".into()), text()));
    assert_eq!(told(recipe()), (None, text()));
}

#[test]
fn each_channel_tells_what_waits_for_it_and_until_when() {
    let channels = "[channels.stage]\nparameter = \"/golden/web/stage\"\nafter = \"3d\"\n\
                    [channels.prod]\nparameter = \"/golden/web/prod\"\nfollows = \"stage\"\napproval = true\n";
    let waiting = |images: &[Image]| {
        let recipe = with("", channels);
        let catalog = catalog_of(recipe, images, &UsageByRegion::new(), vec![], BTreeMap::new());
        let of = |channel: &kiln_catalog::model::Channel| {
            channel.waiting.as_ref().map(|one| (one.version.clone(), one.since, one.comes_at))
        };
        catalog.recipes[0].channels.iter().map(of).collect::<Vec<_>>()
    };
    let named = |n| version(n).to_string();
    let stage = Some((named(39), day(39), Some(day(42))));
    assert_eq!(waiting(&[released(39)]), [stage.clone(), None]);
    let mut older = released(38);
    let came = Entries::default().with("stage", day(38)).missing_on(&older.tags);
    older.tags = older.tags.and(&came);
    assert_eq!(waiting(&[released(39), older]), [stage, Some((named(38), day(38), None))]);
    assert_eq!(waiting(&[]), [None, None]);
}

#[test]
fn whom_a_version_is_shared_with_is_read_or_known_by_the_mark_of_its_images() {
    let recipe = with("", "[publish]\nshare = { accounts = [\"222222222222\"] }\n");
    let marked = sharing::mark(&recipe, &Tags::new()).to_string();
    let of = |image: Image, usage: &UsageByRegion| {
        let catalog = catalog_of(recipe.clone(), &[image], usage, vec![], BTreeMap::new());
        let one = shown(&catalog, 39);
        (one.shared_with, one.images[0].sharing.map(|sharing| sharing.accounts))
    };
    let settled = image(39, Stage::Released, &[(tags::PUBLISHED_AS, &marked)]);
    let alone = used_by(std::slice::from_ref(&settled), vec![]);
    assert_eq!(of(settled.clone(), &UsageByRegion::new()), (Some(vec!["222222222222".into()]), Some(1)));
    assert_eq!(of(settled, &alone), (Some(vec![]), Some(0)), "what EC2 says comes first");
    let other = image(39, Stage::Released, &[(tags::PUBLISHED_AS, "0123")]);
    assert_eq!(of(other, &UsageByRegion::new()), (None, None), "nobody knows what it was shared with");
}

#[test]
fn findings_are_counted_by_severity_and_those_of_the_newest_release_are_the_recipes() {
    let finding = |word: &str| Finding { severity: Severity::from(word), title: "CVE".into(), fixable: true };
    let found: Vec<Finding> =
        ["critical", "untold", "high", "medium", "low", "informational"].map(finding).into();
    let findings: BTreeMap<Version, Vec<Finding>> = [(version(39), found), (version(38), vec![])].into();
    let images = [released(39), released(38), released(37)];
    let catalog = catalog_of(recipe(), &images, &UsageByRegion::new(), vec![], findings);
    let counts = |found: Option<kiln_catalog::model::Findings>| {
        found.map(|found| [found.critical, found.high, found.medium, found.low])
    };
    assert_eq!(counts(catalog.recipes[0].findings), Some([2, 1, 1, 2]));
    let of = |n| counts(shown(&catalog, n).findings);
    assert_eq!([of(39), of(38), of(37)], [Some([2, 1, 1, 2]), Some([0; 4]), None]);
}
