//! Whether an image is used: yes, no, or unknown. What is unknown counts as used.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::expire::cross_account;
use crate::expire::policy::{Keep, RetentionPolicy};
use crate::inventory::usage::{Referrer, Target};
use crate::inventory::{CloudError, Image, Protection, RegionUsage};
use crate::model::{ImageId, Region, Version, tags};
use crate::plan::reason::UseReason;
use crate::publish::sharing::is_guarded_by_kiln;
use crate::release::is_pinned;

/// What was found out about use, by Region. A Region that is missing was not asked.
pub type UsageByRegion = BTreeMap<Region, Result<RegionUsage, CloudError>>;

/// Whether EC2 cannot be asked what names images, here or by this role, so that it must be looked for piece by piece: any
/// other error leaves the use unknown.
pub fn is_piecemeal(error: &CloudError) -> bool {
    const DENIED: [&str; 3] = ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];
    const MISSING: [&str; 3] = ["InvalidAction", "UnsupportedOperation", "UnknownOperationException"];
    DENIED.contains(&error.code.as_str()) || MISSING.contains(&error.code.as_str())
}

/// Who uses what, for look-up.
pub struct UsageIndex<'a> {
    found: &'a UsageByRegion,
    by: HashMap<&'a ImageId, Vec<(&'a Region, &'a Referrer)>>,
    unresolved: BTreeMap<&'a Region, (&'a Referrer, &'a str)>,
}

impl<'a> UsageIndex<'a> {
    /// Of what was found.
    pub fn of(found: &'a UsageByRegion) -> Self {
        let mut uses = Self { found, by: HashMap::new(), unresolved: BTreeMap::new() };
        let known = found.iter().filter_map(|(region, usage)| Some((region, usage.as_ref().ok()?)));
        for (region, usage) in known {
            for one in &usage.uses {
                match &one.names {
                    Target::Image(image) => uses.by.entry(image).or_default().push((region, &one.by)),
                    Target::Unresolved(what) => {
                        uses.unresolved.entry(region).or_insert((&one.by, what));
                    }
                }
            }
        }
        uses
    }

    /// Why one image must stay, whatever the rules of its recipe about number and age say: the first reason there is.
    pub fn keep_reason(
        &self,
        policy: RetentionPolicy<'_>,
        image: &Image,
        now: DateTime<Utc>,
    ) -> Option<Keep> {
        kept_by_own_state(image, policy.newest)
            .or_else(|| self.used(image))
            .or_else(|| launched_lately(policy.expire.idle, image, now))
            .or_else(|| self.used_by_other_accounts(image, now))
    }

    /// Every reason why one image must stay.
    pub fn keep_reasons(&self, policy: RetentionPolicy<'_>, image: &Image, now: DateTime<Utc>) -> Vec<Keep> {
        [
            kept_by_own_state(image, policy.newest),
            self.used(image),
            launched_lately(policy.expire.idle, image, now),
            self.used_by_other_accounts(image, now),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What uses one image in its own account, each with its ARN.
    pub fn users(&self, image: &Image) -> BTreeSet<String> {
        let own = self.by.get(&image.id).into_iter().flatten().filter(|(region, _)| **region == image.region);
        own.map(|(_, by)| format!("{by} {}", by.arn(&image.region, &image.owner))).collect()
    }

    fn used_by_other_accounts(&self, image: &Image, now: DateTime<Utc>) -> Option<Keep> {
        let usage = self.found.get(&image.region)?.as_ref().ok()?;
        cross_account::used(image, usage, now)
    }

    fn used(&self, image: &Image) -> Option<Keep> {
        let usage = match self.found.get(&image.region) {
            Some(Ok(usage)) => usage,
            Some(Err(error)) => return Some(Keep::unknown(UseReason::Unknown(error.clone()))),
            None => {
                let call = "DescribeInstances";
                let nobody =
                    CloudError::new(call, image.id.as_str(), &image.region, "NotAsked", "nobody looked");
                return Some(Keep::unknown(UseReason::Unknown(nobody)));
            }
        };
        if let Some(why) = image.snapshots.iter().find_map(|snapshot| usage.held.get(snapshot)) {
            return Some(Keep::by_choice(UseReason::Held(why.clone())));
        }
        if let Some(need) = image.snapshots.iter().find_map(|snapshot| usage.needed.get(snapshot)) {
            return Some(Keep::in_use(UseReason::SnapshotNeeded(need.clone())));
        }
        if self.by.contains_key(&image.id) {
            let users = self.users(image);
            if !users.is_empty() {
                return Some(Keep::in_use(UseReason::Used(users.into_iter().collect())));
            }
        }
        if let Some(recipe) = usage.bases.get(&image.id) {
            return Some(Keep::in_use(UseReason::BaseOfRecipe(recipe.clone())));
        }
        if let Some(other) = usage.baked.get(&image.id) {
            return Some(Keep::in_use(UseReason::BakedInto(other.clone())));
        }
        let (by, what) = self.unresolved.get(&image.region)?;
        let by = format!("{by} {}", by.arn(&image.region, &image.owner));
        Some(Keep::unknown(UseReason::UnresolvedReference { by, what: (*what).to_owned() }))
    }
}

/// What stands on the image itself.
fn kept_by_own_state(image: &Image, newest: Option<Version>) -> Option<Keep> {
    if let Some(why) = image.tags.get(tags::HOLD) {
        return Some(Keep::by_choice(UseReason::Held(why.to_owned())));
    }
    if let Some(when) = image.tags.get(tags::RESTORED_AT) {
        return Some(Keep::in_use(UseReason::Restored(when.to_owned())));
    }
    if is_pinned(image, newest) {
        return Some(Keep::in_use(UseReason::Pinned));
    }
    if let Protection::On(protection) = &image.protection
        && !is_guarded_by_kiln(image)
    {
        return Some(Keep::by_choice(UseReason::Protected(protection.clone())));
    }
    manager(image).map(|service| Keep::by_choice(UseReason::ManagedBy(service)))
}

const MADE_BY_IMAGE_BUILDER: &str = "Ec2ImageBuilderArn";

/// The service that manages an image, as the tags tell which that service puts on it.
/// (<https://docs.aws.amazon.com/imagebuilder/latest/userguide/create-image-recipes.html>,
/// <https://docs.aws.amazon.com/ebs/latest/userguide/dlm-elements.html>)
fn manager(image: &Image) -> Option<&'static str> {
    const MANAGERS: [(&str, &str); 3] = [
        ("aws:backup:", "AWS Backup"),
        ("aws:dlm:", "Data Lifecycle Manager"),
        (MADE_BY_IMAGE_BUILDER, "EC2 Image Builder"),
    ];
    let of = |key: &str| MANAGERS.iter().find(|(prefix, _)| key.starts_with(prefix));
    // What somebody gave to Kiln is Kiln's, though Image Builder made it.
    let given = |key: &str| key == MADE_BY_IMAGE_BUILDER && image.tags.has(tags::ADOPTED);
    let keys = image.tags.iter().map(|(key, _)| key).filter(|key| !key.starts_with(tags::PREFIX));
    let found = keys.filter(|key| !given(key)).find_map(of);
    found.map(|(_, service)| *service)
}

/// No time of launch means never, but for images that are older than EC2's memory of it.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-last-launched-time.html>)
fn launched_lately(idle: TimeDelta, image: &Image, now: DateTime<Utc>) -> Option<Keep> {
    if idle.is_zero() {
        return None;
    }
    let told_since = NaiveDate::from_ymd_opt(2017, 5, 1)?;
    match image.last_launched {
        Some(at) if at + idle > now => Some(Keep::in_use(UseReason::LaunchedLately { at, idle })),
        Some(_) => None,
        None => image
            .created
            .is_none_or(|created| created.date_naive() < told_since)
            .then(|| Keep::unknown(UseReason::LaunchUnknown)),
    }
}

#[cfg(test)]
#[path = "in_use_tests.rs"]
mod tests;
