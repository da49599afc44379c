//! The promises that must hold once the faults have ceased and the sweeps have run.

use std::collections::BTreeSet;

use kiln_core::inventory::{Image, ImageState, InstanceState};
use kiln_core::model::{ImageId, ImageName, ImageRecord, Region, SnapshotId, Stage, tags};

use super::account::Account;
use super::history::History;
use super::invariants::{Bake, Invariants, Keeps};

/// Everything that is not as it must be.
pub fn broken_promises(account: &Account, invariants: &Invariants, home: &Region) -> Vec<String> {
    let mut broken_promises = testers(account);
    broken_promises.extend(builders(account, home));
    broken_promises.extend(super::releases::broken_promises(account, invariants, home));
    broken_promises.extend(failed_images(account, invariants, home));
    broken_promises.extend(snapshots(account));
    for (name, bake) in &invariants.bakes {
        if let Err(why) = one_bake(account, invariants, home, name, bake) {
            broken_promises.push(format!("{name} {why}"));
        }
    }
    broken_promises
}

fn living(account: &Account) -> impl Iterator<Item = (&Image, ImageRecord)> {
    account.images().filter_map(|image| Some((image, image.record().ok()?)))
}

fn home_of<'a>(account: &'a Account, home: &Region, name: &ImageName) -> Option<(&'a Image, ImageRecord)> {
    living(account)
        .find(|(image, record)| image.region == *home && record.copied.is_none() && record.name == *name)
}

/// No tester is left, in any Region.
fn testers(account: &Account) -> Vec<String> {
    let machines = account.regions.values().flat_map(|ec2| ec2.machines.values()).filter_map(History::now);
    machines
        .map(|machine| &machine.instance)
        .filter(|instance| instance.tags.get(tags::ROLE) == Some("tester"))
        .filter(|instance| instance.state != InstanceState::Terminated)
        .map(|instance| format!("the tester {} in {} is left behind", instance.id, instance.region))
        .collect()
}

/// No launched builder is left; every long-lived one runs, without the marks of a bake.
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

/// No failed image is left, but the last try of a Region that was given up, which is the record of that.
fn failed_images(account: &Account, invariants: &Invariants, home: &Region) -> Vec<String> {
    living(account)
        .filter(|(image, _)| image.state == ImageState::Failed)
        .filter(|(image, record)| {
            let meddled =
                |bake: &Bake| bake.meddled || bake.retired || bake.replicas_meddled.contains(&image.region);
            !invariants.bakes.get(&record.name).is_some_and(meddled)
        })
        .filter(|(_, record)| {
            record.copied.is_none()
                || record.stage != Stage::Rejected && home_of(account, home, &record.name).is_some()
        })
        .map(|(image, record)| {
            format!("{} ({}) in {} failed and is left behind", image.id, record.name, image.region)
        })
        .collect()
}

/// No snapshot of Kiln's is left that no image uses.
fn snapshots(account: &Account) -> Vec<String> {
    let mut broken_promises = Vec::new();
    for (region, ec2) in &account.regions {
        let used: BTreeSet<&SnapshotId> =
            ec2.images.values().filter_map(History::now).flat_map(|image| &image.snapshots).collect();
        let left = ec2.snapshots.values().filter_map(History::now);
        let left = left.filter(|snapshot| snapshot.tags.has(tags::RECIPE) && !used.contains(&snapshot.id));
        broken_promises
            .extend(left.map(|snapshot| format!("snapshot {} in {region} is left behind", snapshot.id)));
    }
    broken_promises
}

/// A bake that was begun ends as an image in every Region, or as a reported failure.
fn one_bake(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    name: &ImageName,
    bake: &Bake,
) -> Result<(), String> {
    if !bake.begun || bake.meddled || bake.retired || bake.said_failed {
        return Ok(());
    }
    let Some(keeps) = invariants.recipes.get(&name.recipe) else { return Ok(()) };
    let Some((image, record)) = home_of(account, home, name) else {
        return Err(format!("has no image, and nobody was told why: {bake:?}"));
    };
    if image.state != ImageState::Available {
        return Err(format!("is {} in the end", image.state));
    }
    let rejected =
        |image: &Image| invariants.releases.rejected.contains(&(image.region.clone(), image.id.clone()));
    match record.stage {
        Stage::Rejected if rejected(image) => Ok(()),
        Stage::Published | Stage::Released => everywhere(account, invariants, bake, keeps, image, &record),
        stage => Err(format!("is {stage} in the end, and goes no further")),
    }
}

fn has_newer(account: &Account, image: &Image, record: &ImageRecord) -> bool {
    living(account).any(|(other, its)| {
        other.region == image.region
            && its.copied.is_none()
            && its.name.recipe == record.name.recipe
            && its.name.version > record.name.version
            && matches!(its.stage, Stage::Released | Stage::Disabled)
    })
}

fn everywhere(
    account: &Account,
    invariants: &Invariants,
    bake: &Bake,
    keeps: &Keeps,
    image: &Image,
    record: &ImageRecord,
) -> Result<(), String> {
    let of = |image_id: &ImageId, region: &Region| -> Vec<&Image> {
        living(account)
            .filter(|(replica, its)| {
                replica.region == *region
                    && its.copied.as_ref().is_some_and(|copied| copied.origin.image == *image_id)
            })
            .map(|(replica, _)| replica)
            .collect()
    };
    let mut missing = 0;
    for region in &keeps.regions {
        let replicas = of(&image.id, region);
        let ready = |replica: &&Image| {
            replica.state == ImageState::Available
                && replica.record().is_ok_and(|its| matches!(its.stage, Stage::Published | Stage::Released))
        };
        if replicas.iter().any(ready) {
            continue;
        }
        missing += usize::from(keeps.required.contains(region));
        let refused = |replica: &&Image| {
            invariants.releases.rejected.contains(&(replica.region.clone(), replica.id.clone()))
        };
        // A Region that holds nobody up may be overtaken by the next release.
        let overtaken = !keeps.required.contains(region) && has_newer(account, image, record);
        if overtaken || replicas.iter().any(refused) {
            continue;
        }
        let rejected = |replica: &&Image| {
            replica.state == ImageState::Failed
                && replica.record().is_ok_and(|its| its.stage == Stage::Rejected)
        };
        let answered = bake.given_up.contains(region) && replicas.iter().any(rejected);
        // A person may take a replica away, or change it; of an older release it does not come back.
        if !answered && !bake.replicas_meddled.contains(region) {
            return Err(format!("has no replica in {region}, and nobody was told why"));
        }
    }
    if missing == 0 && record.stage != Stage::Released {
        return Err(format!("is everywhere, but its stage is {}", record.stage));
    }
    Ok(())
}
