//! Finds the next step of every image (adopt, test, publish, copy, release) from what one sweep observed.
//!
//! It has no rules of its own: it collects the decisions of [`adopt`], [`verify`], [`publish`], [`sharing`],
//! [`replicate`] and [`release`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::channel;
use crate::events::wake::Wake;
use crate::inventory::{Image, ImageState, Instance, InstanceState, Result};
use crate::model::{ImageId, ImageName, ImageRecord, InstanceId, Region, Tags, tags};
use crate::plan::reason::RecallReason;
use crate::plan::{Action, Decision, Sequence, Subject};
use crate::publish::{self, sharing};
use crate::recall;
use crate::recipe::{FoundNetwork, OnLoss, Recipe};
use crate::reconcile::observed::Observed;
use crate::reconcile::wakes::Due;
use crate::release::newest::named_releases;
use crate::release::{self, Drift, ReleaseState};
use crate::replicate::{self, copy_back};
use crate::verify::adopt::HandedOver;
use crate::verify::{self, adopt};

/// A managed image with its record and its recipe.
#[derive(Debug, Clone)]
pub struct Tracked<'a> {
    /// The image, with the tags that it has once it is adopted.
    pub image: Cow<'a, Image>,
    /// Its record.
    pub record: ImageRecord,
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// The decision that adopts it, if it is not adopted yet.
    adopt: Option<Decision>,
}

/// Every image, in any Region, that belongs to a valid recipe or can be adopted by one.
pub fn known(observed: &Observed, now: DateTime<Utc>) -> Vec<Tracked<'_>> {
    let all = observed.images.values().filter_map(|images| images.as_ref().ok()).flatten();
    all.filter_map(|image| {
        let record = image.record_for_home(&observed.home).ok()?;
        let recipe = observed.recipes.get(&record.name.recipe)?;
        Some(Tracked { image: Cow::Borrowed(image), record, recipe, adopt: None })
    })
    .chain(to_adopt(observed).filter_map(|(image, recipe)| {
        let decision = adopt::decide(image, recipe, observed.home_images()?, HandedOver::ByTag, now);
        let Action::Adopt { tags, .. } = &decision.action else { return None };
        let image = adopt::adopted(image, tags);
        Some(Tracked {
            record: image.record().ok()?,
            image: Cow::Owned(image),
            recipe,
            adopt: Some(decision),
        })
    }))
    .collect()
}

/// The images that users tagged for adoption, with their recipes.
fn to_adopt(observed: &Observed) -> impl Iterator<Item = (&Image, &Recipe)> {
    observed.home_images().unwrap_or_default().iter().filter_map(|image| {
        let recipe = adopt::adoption_target(image, &observed.home)?;
        Some((image, observed.recipes.get(&recipe)?))
    })
}

/// The testers of every Region, in any state, by Region and the image that they test.
type Testers<'a> = BTreeMap<(&'a Region, ImageId), Vec<&'a Instance>>;

fn testers(observed: &Observed) -> Testers<'_> {
    let mut found = Testers::new();
    for region in std::iter::once(&observed.home).chain(observed.further.keys()) {
        for one in observed.instances_in(region).into_iter().flatten() {
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

/// The testers whose console must be read.
pub fn testers_to_read(observed: &Observed, now: DateTime<Utc>) -> Vec<&Instance> {
    let regions = std::iter::once(&observed.home).chain(observed.further.keys());
    let all = regions.filter_map(|region| observed.instances_in(region)).flatten();
    all.filter(|one| verify::image_under_test(one).is_ok() && verify::wants_console(one, now)).collect()
}

/// The images for which it must be read where testers can be launched.
pub fn images_needing_network<'a>(observed: &Observed, known: &'a [Tracked<'_>]) -> Vec<&'a Tracked<'a>> {
    let testers = testers(observed);
    let needs_network = |one: &&Tracked<'_>| {
        observed.instances_in(&one.image.region).is_some()
            && verify::wants_network(one.recipe, &one.image, &one.record, &testers_of(&testers, &one.image))
    };
    known.iter().filter(needs_network).collect()
}

/// How many images one sweep inspects. If a changed recipe affects more, the next sweeps inspect the others.
pub const MAX_INSPECTIONS: usize = 200;

/// The images whose permissions must be read, at most [`MAX_INSPECTIONS`]: first those not published yet, then the
/// newest.
pub fn images_needing_permissions<'a>(known: &'a [Tracked<'_>]) -> Vec<&'a Image> {
    let needs_permissions = |one: &&Tracked<'_>| {
        publish::is_due(&one.image, &one.record)
            || sharing::is_due(one.recipe, &one.image, &one.record)
            || replicate::is_ready_to_publish(one.recipe, &one.image, &one.record)
    };
    let mut to_read: Vec<&Tracked<'_>> = known.iter().filter(needs_permissions).collect();
    to_read.sort_by_key(|one| (one.record.stage.is_published(), std::cmp::Reverse(one.record.name.version)));
    to_read.truncate(MAX_INSPECTIONS);
    to_read.into_iter().map(|one| &*one.image).collect()
}

/// The images whose Amazon Inspector findings must be read.
pub fn images_needing_findings<'a>(known: &'a [Tracked<'_>]) -> Vec<&'a Image> {
    let needs_findings = |one: &&Tracked<'_>| {
        publish::is_due(&one.image, &one.record) && publish::wants_findings(one.recipe, &one.image)
    };
    known.iter().filter(needs_findings).map(|one| &*one.image).collect()
}

/// What must still be done for every image, except for its release.
pub(super) fn decide(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let known = known(observed, now);
    let mut due: Vec<Due> = rejected_adoptions(observed, now);
    let testers = testers(observed);
    due.extend(known.iter().filter_map(|one| test_steps(observed, &testers, one, now)));
    due.extend(orphans(observed, &testers, &known));
    let home_of = |one: &Tracked<'_>| one.record.copied.is_none();
    let out: BTreeSet<&ImageName> =
        known.iter().filter(|one| home_of(one) && one.image.is_out()).map(|one| &one.record.name).collect();
    // A replica of what was recalled is not shared anew, though it may not be marked yet.
    for one in known.iter().filter(|one| home_of(one) || !out.contains(&one.record.name)) {
        let wake = || Wake::Publish(one.image.region.clone(), one.image.id.clone());
        let sequence = published(observed, one, now);
        due.extend(sequence.map(|sequence| Due { wake: wake(), sequence, since: one.image.created }));
    }
    due.extend(copies(observed, &known, now));
    due
}

/// Rejects images that are tagged for adoption but cannot be adopted.
fn rejected_adoptions(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let decided = to_adopt(observed).filter_map(|(image, recipe)| {
        let decision = adopt::decide(image, recipe, observed.home_images()?, HandedOver::ByTag, now);
        (!matches!(decision.action, Action::Adopt { .. })).then(|| Due {
            wake: Wake::Test(image.region.clone(), image.id.clone()),
            sequence: vec![decision],
            since: image.created,
        })
    });
    decided.collect()
}

fn test_steps(
    observed: &Observed,
    testers: &Testers<'_>,
    one: &Tracked<'_>,
    now: DateTime<Utc>,
) -> Option<Due> {
    let Tracked { image, record, recipe, adopt } = one;
    observed.instances_in(&image.region)?;
    let testers = testers_of(testers, image);
    let wants_test = verify::wants_test(recipe, image, record).is_ok();
    if testers.is_empty() && !wants_test && image.set_back().is_none() {
        return None;
    }
    let key = (image.region.clone(), recipe.name.clone());
    let input = verify::Observed {
        image: image.clone().into_owned(),
        record: record.clone(),
        consoles: testers
            .iter()
            .filter_map(|tester| Some((tester.id.clone(), observed.consoles.get(&tester.id)?.clone())))
            .collect(),
        testers,
        network: observed.networks.get(&key).cloned().unwrap_or_else(|| Ok(FoundNetwork::default())),
        builder: image.source_instance.clone().filter(|builder| {
            let there = |one: &Instance| one.id == *builder && one.state != InstanceState::Terminated;
            observed.instances_in(&image.region).is_some_and(|all| all.iter().any(there))
        }),
        releases: observed.home_images().map(<[Image]>::to_vec).unwrap_or_default(),
        asked: None,
    };
    let mut sequence: Sequence = adopt.clone().into_iter().collect();
    sequence.extend(verify::decide(Some(recipe), &input, now));
    // An image that needs no test any more is looked at for the sake of the tester that is left.
    let left = sequence.iter().find_map(|decision| terminated(&decision.action)).filter(|_| !wants_test);
    let wake = match left {
        Some(tester) => Wake::Tester(image.region.clone(), tester.clone()),
        None => Wake::Test(image.region.clone(), image.id.clone()),
    };
    Some(Due { wake, sequence, since: image.created })
}

fn terminated(action: &Action) -> Option<&InstanceId> {
    match action {
        Action::Terminate(instance) => Some(instance),
        _ => None,
    }
}

/// Terminates testers whose image or recipe no longer exists.
fn orphans(observed: &Observed, testers: &Testers<'_>, known: &[Tracked<'_>]) -> Vec<Due> {
    let known: BTreeSet<(&Region, &ImageId)> =
        known.iter().map(|one| (&one.image.region, &one.image.id)).collect();
    // If the images or the recipe could not be read, they may still exist.
    let undecidable = |one: &Instance| {
        observed.bad.iter().any(|bad| Some(&bad.name[..]) == one.tags.get(tags::RECIPE))
            || !matches!(observed.images.get(&one.region), Some(Ok(_)))
    };
    let orphaned = testers.iter().filter(|((region, image), _)| !known.contains(&(*region, image)));
    let orphaned = orphaned.flat_map(|(_, testers)| testers).filter(|one| !undecidable(one));
    let due = |one: &Instance| Due {
        wake: Wake::Tester(one.region.clone(), one.id.clone()),
        sequence: vec![verify::orphan(one)],
        since: one.launched,
    };
    orphaned.map(|one| due(one)).collect()
}

/// Publishes an image that passed its test, and makes a published one match its changed recipe.
fn published(observed: &Observed, one: &Tracked<'_>, now: DateTime<Utc>) -> Option<Sequence> {
    let Tracked { image, record, recipe, .. } = one;
    // Images whose permissions were not read in this sweep are inspected by a later one.
    let permissions = observed.permissions.get(&(image.region.clone(), image.id.clone()))?;
    if publish::is_due(image, record) {
        let findings = observed.findings.get(&image.id).cloned().unwrap_or_else(|| Ok(Vec::new()));
        let input = publish::Observed {
            image: image.clone().into_owned(),
            record: record.clone(),
            permissions: permissions.clone(),
            findings,
        };
        return Some(publish::decide(recipe, &input, now));
    }
    sharing::converge(recipe, image, record, permissions, now)
}

/// Copies images to the Regions of their recipe that have no replica.
fn copies(observed: &Observed, known: &[Tracked<'_>], now: DateTime<Utc>) -> Vec<Due> {
    let mut replicas: BTreeMap<(&Region, &ImageName), Vec<&Tracked<'_>>> = BTreeMap::new();
    for one in known.iter().filter(|one| one.record.copied.is_some()) {
        replicas.entry((&one.image.region, &one.record.name)).or_default().push(one);
    }
    let replicas_in = |region: &Region, home: &Tracked<'_>| match observed.images.get(region) {
        Some(Err(error)) => Err(error.clone()),
        _ => {
            let found = replicas.get(&(region, &home.record.name)).into_iter().flatten();
            let own = found.filter(|replica| home.image.is_origin_of(&home.record, &replica.record));
            Ok(own.map(|replica| replica.image.clone().into_owned()).collect())
        }
    };
    let named = named_releases(observed.home_images().unwrap_or_default());
    let (no_pointers, mut lost_in) = (BTreeMap::new(), BTreeMap::new());
    for recipe in observed.recipes.values().filter(|recipe| recipe.replicate.on_loss == OnLoss::RollBack) {
        let pointers = observed.pointers.get(&recipe.name).unwrap_or(&no_pointers);
        let state = ReleaseState::of(recipe, &observed.home, &observed.images, pointers, now);
        lost_in.insert(&recipe.name, state.lost_in());
    }
    let mut due = Vec::new();
    let homes = known.iter().filter(|one| one.record.copied.is_none());
    for one in homes.filter(|one| one.image.state == ImageState::Available) {
        let regions: BTreeMap<Region, Result<Vec<Image>>> = one
            .recipe
            .replica_regions(&observed.home)
            .map(|region| (region.clone(), replicas_in(region, one)))
            .collect();
        let permissions = regions.values().flatten().flatten().filter_map(|replica| {
            let key = (replica.region.clone(), replica.id.clone());
            let found = observed.permissions.get(&key)?.clone();
            Some((key, found))
        });
        let named = named.get(&one.recipe.name);
        let superseding = named.filter(|named| named.supersedes(one.record.name.version));
        let input = replicate::Observed {
            image: one.image.clone().into_owned(),
            permissions: permissions.collect(),
            regions,
            superseded_by: superseding.map(|named| named.version),
            record: one.record.clone(),
            lost_in: lost_in.get(&one.recipe.name).cloned().unwrap_or_default(),
            now,
        };
        let decided = replicate::decide(one.recipe, &input).into_iter();
        let wake = || Wake::Copies(observed.home.clone(), one.image.id.clone());
        due.extend(decided.map(|sequence| Due { wake: wake(), sequence, since: one.image.created }));
    }
    due
}

/// The recalls that died half way. Without their recipe nothing can be said of what to name instead.
pub(super) fn recalls(observed: &Observed) -> Vec<Due> {
    let open = recall::unfinished(observed.home_images().unwrap_or_default());
    let open = open.filter(|(_, name, _)| observed.recipes.contains_key(&name.recipe));
    let due = |(image, name, why): (&Image, ImageName, String)| {
        let reason = RecallReason::Recalled { version: name.version, why };
        let done = Action::Tag(image.id.clone(), Tags::new().with(tags::RECALLED_AT, "now"));
        Due {
            wake: Wake::Recall(name),
            sequence: vec![Subject::image(image).decide(done, reason)],
            since: None,
        }
    };
    open.map(due).collect()
}

/// What must still be done for the releases of every recipe.
pub(super) fn releases(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let no_pointers = BTreeMap::new();
    let of_recipe = |recipe: &Recipe| {
        let pointers = observed.pointers.get(&recipe.name).unwrap_or(&no_pointers);
        let state = ReleaseState::of(recipe, &observed.home, &observed.images, pointers, now);
        let wake = || Wake::Release(recipe.name.clone());
        let back = copy_back::decide(recipe, &observed.home, &observed.images, now);
        let decided = release::decide(&state, Drift::Repair).into_iter().chain(back);
        let decided = decided.chain(channels(observed, recipe, now));
        decided.map(|sequence| Due { wake: wake(), sequence, since: None }).collect::<Vec<Due>>()
    };
    observed.recipes.values().flat_map(of_recipe).collect()
}

/// What must still be done for the channels of a recipe. Whoever is woken reads who may use the images.
fn channels(observed: &Observed, recipe: &Recipe, now: DateTime<Utc>) -> Vec<Sequence> {
    let Some(pointers) = observed.channels.get(&recipe.name) else { return Vec::new() };
    let permissions = BTreeMap::new();
    let (home, images) = (&observed.home, &observed.images);
    let of_channels = channel::Observed { recipe, home, images, pointers, permissions: &permissions, now };
    channel::decide(&of_channels, Drift::Repair, None)
}
