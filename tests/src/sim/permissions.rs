//! The promises on who may launch images, and copy their snapshots, at the end of a run.

use std::collections::BTreeSet;

use kiln_core::inventory::{Grantee, Image, ImageState};
use kiln_core::model::Stage;

use super::account::Account;
use super::excuses::Excuse;
use super::invariants::Invariants;
use super::releases::{changed_by_hand, is_published};

/// Every promise that is broken at the end.
pub fn broken_promises(account: &Account, invariants: &Invariants) -> Vec<String> {
    let mut broken = permissions(account, invariants);
    broken.extend(snapshots_of_disabled(account, invariants));
    broken
}

/// The accounts that the recipe names may launch its published images, and no other account may launch any.
fn permissions(account: &Account, invariants: &Invariants) -> Vec<String> {
    let mut broken = Vec::new();
    for image in account.images().filter(|image| image.state == ImageState::Available) {
        let Ok(record) = image.record() else { continue };
        let Some(promised) = invariants.recipes.get(&record.name.recipe) else { continue };
        if changed_by_hand(invariants, image, &record) || record.stage == Stage::Disabled {
            continue;
        }
        let ec2 = &account.regions[&image.region];
        let named: BTreeSet<Grantee> = promised.accounts.iter().cloned().map(Grantee::Account).collect();
        let nobody = BTreeSet::new();
        let shall = if is_published(image) { &named } else { &nobody };
        let may = ec2.launch_permissions.get(&image.id).unwrap_or(&nobody);
        let copiers = || image.snapshots.iter().filter_map(|snapshot| ec2.volume_permissions.get(snapshot));
        let is_copied_otherwise =
            copiers().any(|may| !may.is_subset(shall) || promised.snapshots && may != shall);
        if promised.changes.left.contains_key(&image.region) {
            if may != shall || is_copied_otherwise {
                invariants.excuses.count(Excuse::SharedBeforeItLeft);
            }
            continue;
        }
        let is_retired = || invariants.bakes.get(&record.name).is_some_and(|bake| bake.retired);
        let is_as_named = may.is_subset(&named) && copiers().all(|may| may.is_subset(&named));
        let is_otherwise = may != shall || is_copied_otherwise;
        if is_otherwise && record.copied.is_some() && is_as_named && is_retired() {
            invariants.excuses.count(Excuse::SharedThenRetired);
            continue;
        }
        if may != shall {
            broken.push(format!(
                "{} ({}) in {} may be launched by {may:?}, not {shall:?}",
                image.id, record.name, image.region
            ));
        }
        if is_copied_otherwise {
            broken.push(format!(
                "snapshots of {} ({}) are not shared as their recipe says",
                image.id, record.name
            ));
        }
    }
    broken
}

/// Nobody but the accounts that the recipe names may copy the snapshots of a disabled image.
fn snapshots_of_disabled(account: &Account, invariants: &Invariants) -> Vec<String> {
    let disabled = account.images().filter(|image| image.state == ImageState::Disabled);
    let kept_by_others = disabled.filter(|image| {
        let promised = image.record().ok().filter(|record| !changed_by_hand(invariants, image, record));
        let promised = promised.and_then(|record| invariants.recipes.get(&record.name.recipe));
        let ec2 = &account.regions[&image.region];
        promised.is_some_and(|promised| {
            let has_left = promised.changes.left.contains_key(&image.region);
            let named: BTreeSet<Grantee> = promised.accounts.iter().cloned().map(Grantee::Account).collect();
            let mut may = image.snapshots.iter().filter_map(|snapshot| ec2.volume_permissions.get(snapshot));
            let is_kept = may.any(|may| !may.is_subset(&named));
            if is_kept && has_left {
                invariants.excuses.count(Excuse::SharedBeforeItLeft);
            }
            is_kept && !has_left
        })
    });
    let told =
        |image: &Image| format!("snapshots of {}, which is disabled, stay shared with others", image.id);
    kept_by_others.map(told).collect()
}
