//! How far each image goes on: taken in, tested, published, copied, released; all that a sweep sees, at once.
//!
//! It has no rules of its own: it asks [`adopt`], [`verify`], [`publish`], [`share`], [`replicate`] and [`release`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::inventory::{Image, ImageState, Instance};
use crate::model::record::CopySource;
use crate::model::{ImageId, ImageRecord, RecipeName, Region, Version, tags};
use crate::plan::{Action, Decision, Sequence, Subject};
use crate::publish::{self, sharing};
use crate::recipe::Recipe;
use crate::reconcile::observed::Observed;
use crate::release::newest::newest_releases;
use crate::release::{self, Drift, Pointers, ReleaseState};
use crate::replicate;
use crate::verify::{self, adopt};

/// A chain, and since when it may have been due.
pub(crate) type DueSteps = (Sequence, Option<DateTime<Utc>>);

/// An image of Kiln's with its record and its recipe.
#[derive(Debug, Clone)]
pub struct Tracked<'a> {
    /// The image, as it is once it was taken in.
    pub image: Cow<'a, Image>,
    /// Its record.
    pub record: ImageRecord,
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// What takes it in, where it is only given to Kiln so far.
    adopt: Option<Decision>,
}

/// Every image of every Region that belongs to a recipe that can be read.
pub fn known(seen: &Observed) -> Vec<Tracked<'_>> {
    let all = seen.images.values().filter_map(|images| images.as_ref().ok()).flatten();
    all.filter_map(|image| {
        let record = image.record_at(&seen.home).ok()?;
        let recipe = seen.recipes.get(&record.name.recipe)?;
        Some(Tracked { image: Cow::Borrowed(image), record, recipe, adopt: None })
    })
    .chain(given(seen).filter_map(|(image, recipe)| {
        let decision = adopt::decide(image, recipe, seen.home_images()?);
        let Action::Adopt { tags, .. } = &decision.action else { return None };
        let image = Image { tags: tags.clone(), ..image.clone() };
        Some(Tracked {
            record: image.record().ok()?,
            image: Cow::Owned(image),
            recipe,
            adopt: Some(decision),
        })
    }))
    .collect()
}

/// The images that somebody gave to Kiln.
fn given(seen: &Observed) -> impl Iterator<Item = (&Image, &Recipe)> {
    seen.home_images().unwrap_or_default().iter().filter_map(|image| {
        let recipe = adopt::adoption_target(image, &seen.home)?;
        Some((image, seen.recipes.get(&recipe)?))
    })
}

/// The testers of every Region, in any state, by Region and the image that they test.
type Testers<'a> = BTreeMap<(&'a Region, ImageId), Vec<&'a Instance>>;

fn testers(seen: &Observed) -> Testers<'_> {
    let mut found = Testers::new();
    for region in std::iter::once(&seen.home).chain(seen.further.keys()) {
        for one in seen.instances_in(region).into_iter().flatten() {
            if let Ok(image) = verify::image_under_test(one) {
                found.entry((region, image)).or_default().push(one);
            }
        }
    }
    found
}

fn testers_of(testers: &Testers<'_>, image: &Image) -> Vec<Instance> {
    let found = testers.get(&(&image.region, image.id.clone())).into_iter().flatten();
    found.map(|tester| (*tester).clone()).collect()
}

/// The testers whose console must be read, with the names of their bakes.
pub fn consoles_wanted(seen: &Observed, now: DateTime<Utc>) -> Vec<&Instance> {
    let regions = std::iter::once(&seen.home).chain(seen.further.keys());
    let all = regions.filter_map(|region| seen.instances_in(region)).flatten();
    all.filter(|one| verify::image_under_test(one).is_ok() && verify::wants_console(one, now)).collect()
}

/// The images for which it must be known where a tester can be launched.
pub fn subnets_wanted<'a>(seen: &Observed, known: &'a [Tracked<'_>]) -> Vec<&'a Tracked<'a>> {
    let testers = testers(seen);
    let wants = |one: &&Tracked<'_>| {
        seen.instances_in(&one.image.region).is_some()
            && verify::wants_subnets(one.recipe, &one.image, &one.record, &testers_of(&testers, &one.image))
    };
    known.iter().filter(wants).collect()
}

/// How many images one sweep looks at closely. When the recipe of thousands changes, the next sweeps go on.
pub const MAX_INSPECTIONS: usize = 200;

/// The images of which it must be known who may use them: those on their way first, then the newest.
pub fn grants_wanted<'a>(known: &'a [Tracked<'_>]) -> Vec<&'a Image> {
    let wants = |one: &&Tracked<'_>| {
        publish::is_due(&one.image, &one.record)
            || sharing::is_due(one.recipe, &one.image, &one.record)
            || replicate::is_ready_to_publish(one.recipe, &one.image, &one.record)
    };
    let settled = |one: &Tracked<'_>| sharing::is_due(one.recipe, &one.image, &one.record);
    let mut wanted: Vec<&Tracked<'_>> = known.iter().filter(wants).collect();
    wanted.sort_by_key(|one| (settled(one), std::cmp::Reverse(one.record.name.version)));
    wanted.truncate(MAX_INSPECTIONS);
    wanted.into_iter().map(|one| &*one.image).collect()
}

/// The images of which it must be known what Amazon Inspector found.
pub fn findings_wanted<'a>(known: &'a [Tracked<'_>]) -> Vec<&'a Image> {
    let wants = |one: &&Tracked<'_>| {
        publish::is_due(&one.image, &one.record) && publish::wants_findings(one.recipe, &one.image)
    };
    known.iter().filter(wants).map(|one| &*one.image).collect()
}

/// What is wanted of every image, but for its release.
pub(crate) fn decide(seen: &Observed, now: DateTime<Utc>) -> Vec<DueSteps> {
    let known = known(seen);
    let mut due: Vec<DueSteps> = refused(seen);
    let testers = testers(seen);
    due.extend(known.iter().filter_map(|one| test(seen, &testers, one, now)));
    due.extend(orphans(seen, &testers, &known));
    for one in &known {
        due.extend(published(seen, one, now).map(|sequence| (sequence, one.image.created)));
    }
    due.extend(copies(seen, &known, now));
    due
}

/// What was given to Kiln and cannot be taken in.
fn refused(seen: &Observed) -> Vec<DueSteps> {
    let decided = given(seen).filter_map(|(image, recipe)| {
        let decision = adopt::decide(image, recipe, seen.home_images()?);
        (!matches!(decision.action, Action::Adopt { .. })).then(|| (vec![decision], image.created))
    });
    decided.collect()
}

fn test(seen: &Observed, testers: &Testers<'_>, one: &Tracked<'_>, now: DateTime<Utc>) -> Option<DueSteps> {
    let Tracked { image, record, recipe, adopt } = one;
    seen.instances_in(&image.region)?;
    let testers = testers_of(testers, image);
    if testers.is_empty() && verify::wants_test(recipe, image, record).is_err() {
        return None;
    }
    let key = (image.region.clone(), recipe.name.clone());
    let observed = verify::Observed {
        image: image.clone().into_owned(),
        record: record.clone(),
        consoles: testers
            .iter()
            .filter_map(|tester| Some((tester.id.clone(), seen.consoles.get(&tester.id)?.clone())))
            .collect(),
        testers,
        subnets: seen.subnets.get(&key).cloned().unwrap_or_else(|| Ok(Vec::new())),
    };
    let mut sequence: Sequence = adopt.clone().into_iter().collect();
    sequence.extend(verify::decide(Some(recipe), &observed, now));
    Some((sequence, image.created))
}

/// Testers of images that are gone, or whose recipe is.
fn orphans(seen: &Observed, testers: &Testers<'_>, known: &[Tracked<'_>]) -> Vec<DueSteps> {
    let known: BTreeSet<(&Region, &ImageId)> =
        known.iter().map(|one| (&one.image.region, &one.image.id)).collect();
    // Without the images, or a recipe that can be read, nobody knows whether there is one.
    let bad = |one: &Instance| {
        seen.bad.iter().any(|bad| Some(&bad.name[..]) == one.tags.get(tags::RECIPE))
            || !matches!(seen.images.get(&one.region), Some(Ok(_)))
    };
    let lost = testers.iter().filter(|((region, image), _)| !known.contains(&(*region, image)));
    let lost = lost.flat_map(|(_, testers)| testers).filter(|one| !bad(one));
    lost.map(|one| (vec![verify::orphan(one)], one.launched)).collect()
}

/// An image that passed its test is published; one whose recipe has changed is brought to what that says.
fn published(seen: &Observed, one: &Tracked<'_>, now: DateTime<Utc>) -> Option<Sequence> {
    let Tracked { image, record, recipe, .. } = one;
    // What was not looked at is looked at by a later sweep.
    let permissions = seen.permissions.get(&(image.region.clone(), image.id.clone()))?;
    if publish::is_due(image, record) {
        let findings = seen.findings.get(&image.id).cloned().unwrap_or_else(|| Ok(Vec::new()));
        let observed = publish::Observed {
            image: image.clone().into_owned(),
            record: record.clone(),
            permissions: permissions.clone(),
            findings,
        };
        return Some(publish::decide(recipe, &observed, now));
    }
    sharing::converge(recipe, image, record, permissions, now)
}

/// Images that are not in every Region of their recipe.
fn copies(seen: &Observed, known: &[Tracked<'_>], now: DateTime<Utc>) -> Vec<DueSteps> {
    let mut replicas: BTreeMap<(&Region, &ImageId), Vec<&Image>> = BTreeMap::new();
    for one in known {
        if let Some(CopySource { origin, .. }) = &one.record.copied {
            replicas.entry((&one.image.region, &origin.image)).or_default().push(&one.image);
        }
    }
    let here = |region: &Region, image: &Image| match seen.images.get(region) {
        Some(Err(error)) => Err(error.clone()),
        _ => {
            let found = replicas.get(&(region, &image.id)).into_iter().flatten();
            Ok(found.map(|replica| (*replica).clone()).collect())
        }
    };
    let newest = newest_releases(seen.home_images().unwrap_or_default());
    let mut due = Vec::new();
    let homes = known.iter().filter(|one| one.record.copied.is_none());
    for one in homes.filter(|one| one.image.state == ImageState::Available) {
        let further = one.recipe.replicate.regions.iter().filter(|region| **region != seen.home);
        let newest: Option<Version> = newest.get(&one.recipe.name).map(|(version, _)| *version);
        let observed = replicate::Observed {
            image: one.image.clone().into_owned(),
            regions: further.map(|region| (region.clone(), here(region, &one.image))).collect(),
            permissions: seen.permissions.clone(),
            newest,
            record: one.record.clone(),
            now,
        };
        let decided = replicate::decide(one.recipe, &observed).into_iter();
        due.extend(decided.map(|sequence| (sequence, one.image.created)));
    }
    due
}

/// What is wanted of the releases of every recipe, once what was decided before is done. `pointers` is what every Region
/// shows for each recipe.
pub fn releases(
    seen: &Observed,
    pointers: &BTreeMap<RecipeName, BTreeMap<Region, Pointers>>,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    if seen.home_images().is_none() {
        return Vec::new();
    }
    let nothing = BTreeMap::new();
    let mut sequences = Vec::new();
    for recipe in seen.recipes.values() {
        let pointers = pointers.get(&recipe.name).unwrap_or(&nothing);
        let state = ReleaseState::of(recipe, &seen.home, &seen.images, pointers);
        let decided = release::decide(&state, Drift::Repair, now).into_iter();
        // Regions that could not be seen were told of before.
        let told = |decision: &Decision| {
            seen.images.values().any(|images| {
                images.as_ref().err().is_some_and(|error| {
                    *decision == Subject::region(&decision.subject.region).retry_later(error)
                })
            })
        };
        sequences.extend(decided.filter(|sequence| !sequence.iter().all(told)));
    }
    sequences
}
