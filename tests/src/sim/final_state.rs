//! The promises that must hold at the end of a run, after the faults have stopped and the sweeps have run.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use kiln_core::inventory::{Image, ImageState, InstanceState};
use kiln_core::model::{ImageId, ImageName, ImageRecord, Region, SnapshotId, Stage, tags};

use super::account::Account;
use super::excuses::Excuse;
use super::history::History;
use super::invariants::{Bake, Invariants, Promised};
use super::members::member;

/// Every promise that is broken at the end.
pub fn broken_promises(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    now: DateTime<Utc>,
) -> Vec<String> {
    let mut broken = testers(account, invariants);
    broken.extend(builders(account, home));
    broken.extend(super::releases::broken_promises(account, invariants, home));
    broken.extend(super::promised_templates::broken_promises(account, invariants, home, now));
    broken.extend(super::regions_leave::broken_promises(account, invariants, now));
    broken.extend(failed_images(account, invariants, home));
    broken.extend(invariants.broken_contents(account, home));
    broken.extend(invariants.left_unchanged(account, now));
    broken.extend(invariants.broken_recalls(account, home));
    broken.extend(invariants.broken_accounts(account, home));
    broken.extend(invariants.broken_watermarks(account));
    broken.extend(snapshots(account));
    broken.extend(super::waiting::broken_promises(account, invariants));
    for (name, bake) in &invariants.bakes {
        if let Err(why) = one_bake(account, invariants, home, name, bake) {
            broken.push(format!("{name} {why}"));
        }
    }
    broken
}

fn with_records(account: &Account) -> impl Iterator<Item = (&Image, ImageRecord)> {
    account.images().filter_map(|image| Some((image, image.record().ok()?)))
}

fn home_image<'a>(account: &'a Account, home: &Region, name: &ImageName) -> Option<(&'a Image, ImageRecord)> {
    with_records(account)
        .find(|(image, record)| image.region == *home && record.copied.is_none() && record.name == *name)
}

/// Every tester is terminated, in every Region that a recipe names.
fn testers(account: &Account, invariants: &Invariants) -> Vec<String> {
    let machines = account.regions.values().flat_map(|ec2| ec2.machines.values()).filter_map(History::now);
    machines
        .map(|machine| &machine.instance)
        .filter(|instance| instance.tags.get(tags::ROLE) == Some("tester"))
        .filter(|instance| instance.state != InstanceState::Terminated)
        .filter(|instance| {
            let is_left = super::regions_leave::is_left_tester(invariants, instance);
            if is_left {
                invariants.excuses.count(Excuse::TesterInALeftRegion);
            }
            !is_left
        })
        .map(|instance| format!("the tester {} in {} is left behind", instance.id, instance.region))
        .collect()
}

/// Every launched builder is terminated, and every long-lived builder runs without the tags of a bake.
fn builders(account: &Account, home: &Region) -> Vec<String> {
    let machines = account.regions.get(home).into_iter().flat_map(|ec2| ec2.machines.values());
    machines
        .filter_map(History::now)
        .map(|machine| &machine.instance)
        .filter(|instance| instance.tags.has(tags::RECIPE) && instance.state != InstanceState::Terminated)
        .filter(|instance| instance.tags.get(tags::ROLE) != Some("tester"))
        .filter_map(|instance| {
            let id = &instance.id;
            if instance.tags.has(tags::ROLE) {
                return Some(format!("the builder {id} is left behind, {:?}", instance.state));
            }
            let at_work = instance.state == InstanceState::Running && !instance.tags.has(tags::VERSION);
            (!at_work).then(|| format!("the long-lived builder {id} does not work again: {instance:?}"))
        })
        .collect()
}

/// No failed image is left, except the last attempt in a Region where replication was given up: it is the record of
/// that.
fn failed_images(account: &Account, invariants: &Invariants, home: &Region) -> Vec<String> {
    with_records(account)
        .filter(|(image, _)| image.state == ImageState::Failed)
        .filter(|(image, record)| {
            let changed_by_hand = |bake: &Bake| {
                bake.changed_by_hand || bake.retired || bake.replicas_changed_by_hand.contains(&image.region)
            };
            // The failed copies of what was recalled, or was rejected once it was brought back, go with it.
            let is_out = home_image(account, home, &record.name).is_some_and(|(_, its)| its.stage.is_out());
            !is_out
                && !invariants.recalled.contains_key(&record.name)
                && !invariants.bakes.get(&record.name).is_some_and(changed_by_hand)
        })
        .filter(|(_, record)| {
            record.copied.is_none()
                || record.stage != Stage::Rejected && home_image(account, home, &record.name).is_some()
        })
        .map(|(image, record)| {
            format!("{} ({}) in {} failed and is left behind", image.id, record.name, image.region)
        })
        .collect()
}

/// Every snapshot with the tag `kiln:recipe` is used by an image.
fn snapshots(account: &Account) -> Vec<String> {
    let mut broken = Vec::new();
    for (region, ec2) in &account.regions {
        let used: BTreeSet<&SnapshotId> =
            ec2.images.values().filter_map(History::now).flat_map(|image| &image.snapshots).collect();
        let left = ec2.snapshots.values().filter_map(History::now);
        let left = left.filter(|snapshot| snapshot.tags.has(tags::RECIPE) && !used.contains(&snapshot.id));
        broken.extend(left.map(|snapshot| format!("snapshot {} in {region} is left behind", snapshot.id)));
    }
    broken
}

/// A bake that started ends with an image in every Region, or with an event that reports its failure.
fn one_bake(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    name: &ImageName,
    bake: &Bake,
) -> Result<(), String> {
    // What was released before the run began has no time of its release: brought back, it begins anew.
    if bake.begun && !bake.changed_by_hand && bake.ends.len() > 1 {
        if bake.subnets.len() < 2 {
            return Err(format!("ended in more than one way: {:?}", bake.ends));
        }
        invariants.excuses.count(Excuse::TwoBuilders);
    }
    if bake.changed_by_hand {
        invariants.excuses.count(Excuse::BakeChanged);
    }
    if !bake.begun || bake.changed_by_hand || bake.retired || bake.reported_failed {
        return Ok(());
    }
    let Some(promised) = invariants.recipes.get(&name.recipe) else { return Ok(()) };
    let Some((image, record)) = home_image(account, home, name) else {
        return Err(format!("has no image, and nobody was told why: {bake:?}"));
    };
    if image.state != ImageState::Available {
        return Err(format!("is {} in the end", image.state));
    }
    let rejected =
        |image: &Image| invariants.releases.rejected.contains(&(image.region.clone(), image.id.clone()));
    match record.stage {
        Stage::Rejected if rejected(image) => Ok(()),
        Stage::Recalled if invariants.recalled.contains_key(name) => Ok(()),
        Stage::Unchanged if bake.ends.contains("Image Unchanged") => Ok(()),
        Stage::Published | Stage::Released => {
            is_everywhere(account, home, invariants, bake, promised, image, &record)
        }
        stage => Err(format!("is {stage} in the end, and goes no further")),
    }
}

fn has_newer(account: &Account, image: &Image, record: &ImageRecord) -> bool {
    with_records(account).any(|(other, its)| {
        other.region == image.region
            && its.copied.is_none()
            && its.name.recipe == record.name.recipe
            && its.name.version > record.name.version
            && matches!(its.stage, Stage::Released | Stage::Disabled)
    })
}

fn is_everywhere(
    account: &Account,
    home: &Region,
    invariants: &Invariants,
    bake: &Bake,
    promised: &Promised,
    image: &Image,
    record: &ImageRecord,
) -> Result<(), String> {
    let of = |image_id: &ImageId, region: &Region| -> Vec<&Image> {
        member(account, home, image_id, region, DateTime::<Utc>::MAX_UTC).filter_map(History::now).collect()
    };
    let mut missing = 0;
    for region in &promised.regions {
        let replicas = of(&image.id, region);
        let ready = |replica: &&Image| {
            replica.state == ImageState::Available
                && replica.record().is_ok_and(|its| matches!(its.stage, Stage::Published | Stage::Released))
        };
        if replicas.iter().any(ready) {
            continue;
        }
        missing += usize::from(promised.required.contains(region));
        let refused = |replica: &&Image| {
            invariants.releases.rejected.contains(&(replica.region.clone(), replica.id.clone()))
        };
        // A best-effort Region, or one that came later, may miss a release if the next one came first, or if somebody
        // rolled back from it.
        let is_overtaken =
            has_newer(account, image, record) || invariants.releases.was_rolled_back_from(&record.name);
        let came_too_late = promised.came_after(region, record.name.version.time());
        if is_overtaken && came_too_late {
            invariants.excuses.count(Excuse::CameTooLate);
            continue;
        }
        let overtaken = !promised.required.contains(region) && is_overtaken;
        if overtaken || replicas.iter().any(refused) {
            continue;
        }
        let rejected = |replica: &&Image| {
            replica.state == ImageState::Failed
                && replica.record().is_ok_and(|its| its.stage == Stage::Rejected)
        };
        let reported = bake.given_up.contains(region) && replicas.iter().any(rejected);
        // If a person removed or changed the replica of an older release, it is not copied again.
        if !reported {
            if !bake.replicas_changed_by_hand.contains(region) {
                return Err(format!("has no replica in {region}, and nobody was told why"));
            }
            invariants.excuses.count(Excuse::ReplicaChanged);
        }
    }
    if missing == 0 && record.stage != Stage::Released {
        return Err(format!("is everywhere, but its stage is {}", record.stage));
    }
    Ok(())
}
