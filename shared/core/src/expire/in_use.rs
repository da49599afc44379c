//! What keeps an image regardless of its retention policy: it is used, held, protected, managed by another service,
//! or its usage is unknown.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter::once_with;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::expire::cross_account;
use crate::expire::policy::{Keep, RetentionPolicy};
use crate::expire::references::might_name;
use crate::inventory::usage::{Referrer, Target};
use crate::inventory::{CloudError, Image, Protection, RegionUsage};
use crate::model::{ImageId, Region, Version, tags};
use crate::plan::reason::UseReason;
use crate::publish::sharing::is_protected_by_kiln;
use crate::release::rollback::is_pinned;

/// What was read about usage, by Region. The usage of a missing Region was not read, so it is unknown.
pub type UsageByRegion = BTreeMap<Region, Result<RegionUsage, CloudError>>;

/// Whether this Region does not offer the call that lists references to images, or this role may not make it. Then
/// instances and launch template versions are read one by one instead. After any other error usage is unknown.
pub fn is_piecemeal(error: &CloudError) -> bool {
    const DENIED: [&str; 3] = ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];
    const MISSING: [&str; 3] = ["InvalidAction", "UnsupportedOperation", "UnknownOperationException"];
    DENIED.contains(&error.code.as_str()) || MISSING.contains(&error.code.as_str())
}

/// Usage by image.
pub struct UsageIndex<'a> {
    usage: &'a UsageByRegion,
    referrers: HashMap<&'a ImageId, Vec<(&'a Region, &'a Referrer)>>,
    unresolved: BTreeMap<&'a Region, (&'a Referrer, &'a str)>,
    dangling: BTreeMap<&'a Region, Vec<(&'a Referrer, &'a str)>>,
}

impl<'a> UsageIndex<'a> {
    /// Indexes what was read.
    pub fn of(usage: &'a UsageByRegion) -> Self {
        let mut index =
            Self { usage, referrers: HashMap::new(), unresolved: BTreeMap::new(), dangling: BTreeMap::new() };
        let known = usage.iter().filter_map(|(region, usage)| Some((region, usage.as_ref().ok()?)));
        for (region, usage) in known {
            for one in &usage.uses {
                match &one.names {
                    Target::Image(image) => index.referrers.entry(image).or_default().push((region, &one.by)),
                    Target::Unresolved(what) => {
                        index.unresolved.entry(region).or_insert((&one.by, what));
                    }
                    Target::Dangling(what) => {
                        index.dangling.entry(region).or_default().push((&one.by, what));
                    }
                }
            }
        }
        index
    }

    /// The first reason to keep this image regardless of its retention policy; `None` if it may be removed.
    pub fn keep_reason(
        &self,
        policy: RetentionPolicy<'_>,
        image: &Image,
        now: DateTime<Utc>,
    ) -> Option<Keep> {
        self.keep_reasons(policy, image, now).next()
    }

    /// Every reason to keep this image regardless of its retention policy. Each is looked for only when asked for.
    pub fn keep_reasons<'s>(
        &'s self,
        policy: RetentionPolicy<'s>,
        image: &'s Image,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = Keep> {
        once_with(move || kept_by_own_state(image, policy.newest))
            .chain(once_with(move || self.used(policy, image)))
            .chain(once_with(move || launched_lately(policy.expire.idle, image, now)))
            .chain(once_with(move || self.used_by_other_accounts(image, policy.expire.quarantine, now)))
            .flatten()
    }

    /// What uses this image in its own account and Region, each with its ARN.
    pub fn users(&self, image: &Image) -> BTreeSet<String> {
        let own = self
            .referrers
            .get(&image.id)
            .into_iter()
            .flatten()
            .filter(|(region, _)| **region == image.region);
        own.map(|(_, by)| format!("{by} {}", by.arn(&image.region, &image.owner))).collect()
    }

    fn used_by_other_accounts(
        &self,
        image: &Image,
        quarantine: TimeDelta,
        now: DateTime<Utc>,
    ) -> Option<Keep> {
        let usage = self.usage.get(&image.region)?.as_ref().ok()?;
        cross_account::used(image, usage, quarantine, now)
    }

    fn used(&self, policy: RetentionPolicy<'_>, image: &Image) -> Option<Keep> {
        let usage = match self.usage.get(&image.region) {
            Some(Ok(usage)) => usage,
            Some(Err(error)) => return Some(Keep::unknown(UseReason::Unknown(error.clone()))),
            None => {
                let call = "DescribeInstances";
                let what = "its usage was not read in this run";
                let unread = CloudError::new(call, image.id.as_str(), &image.region, "NotRequested", what);
                return Some(Keep::unknown(UseReason::Unknown(unread)));
            }
        };
        if let Some(why) = image.snapshots.iter().find_map(|snapshot| usage.held.get(snapshot)) {
            return Some(Keep::by_choice(UseReason::Held(why.clone())));
        }
        if let Some(need) = image.snapshots.iter().find_map(|snapshot| usage.needed.get(snapshot)) {
            return Some(Keep::in_use(UseReason::SnapshotNeeded(need.clone())));
        }
        let users = self.users(image);
        if !users.is_empty() {
            return Some(Keep::in_use(UseReason::Used(users.into_iter().collect())));
        }
        if let Some(recipe) = usage.bases.get(&image.id) {
            return Some(Keep::in_use(UseReason::BaseOfRecipe(recipe.clone())));
        }
        let lost = image.tags.read::<ImageId>(tags::IN_PLACE_OF);
        if let Some(other) =
            [Some(&image.id), lost.as_ref()].into_iter().flatten().find_map(|id| usage.baked.get(id))
        {
            return Some(Keep::in_use(UseReason::BakedInto(other.clone())));
        }
        let dangling = self.dangling.get(&image.region).into_iter().flatten();
        let might_be_this = |(_, what): &&(&Referrer, &str)| might_name(what, policy.recipe, image);
        let (by, what) =
            self.unresolved.get(&image.region).or_else(|| dangling.into_iter().find(might_be_this))?;
        let by = format!("{by} {}", by.arn(&image.region, &image.owner));
        Some(Keep::unknown(UseReason::UnresolvedReference { by, what: (*what).to_owned() }))
    }
}

/// Whether its own tags or its deregistration protection keep it.
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
        && !is_protected_by_kiln(image)
    {
        return Some(Keep::by_choice(UseReason::Protected(protection.clone())));
    }
    manager(image).map(|service| Keep::by_choice(UseReason::ManagedBy(service)))
}

const MADE_BY_IMAGE_BUILDER: &str = "Ec2ImageBuilderArn";

/// The AWS service that manages an image, recognised by the tags that the service puts on it.
/// (<https://docs.aws.amazon.com/imagebuilder/latest/userguide/create-image-recipes.html>,
/// <https://docs.aws.amazon.com/ebs/latest/userguide/dlm-elements.html>)
fn manager(image: &Image) -> Option<&'static str> {
    const MANAGERS: [(&str, &str); 3] = [
        ("aws:backup:", "AWS Backup"),
        ("aws:dlm:", "Data Lifecycle Manager"),
        (MADE_BY_IMAGE_BUILDER, "EC2 Image Builder"),
    ];
    let manager_of = |key: &str| MANAGERS.iter().find(|(prefix, _)| key.starts_with(prefix));
    // An adopted image is managed by Kiln, even if Image Builder made it.
    let adopted = |key: &str| key == MADE_BY_IMAGE_BUILDER && image.tags.has(tags::ADOPTED);
    let keys = image.tags.iter().map(|(key, _)| key).filter(|key| !key.starts_with(tags::PREFIX));
    let manager = keys.filter(|key| !adopted(key)).find_map(manager_of);
    manager.map(|(_, service)| *service)
}

/// Whether it was launched within `idle`. An image without a launch time was never launched, unless it is older than
/// EC2's launch tracking: then its last launch is unknown.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-last-launched-time.html>)
fn launched_lately(idle: TimeDelta, image: &Image, now: DateTime<Utc>) -> Option<Keep> {
    if idle.is_zero() {
        return None;
    }
    let tracked_since = NaiveDate::from_ymd_opt(2017, 5, 1)?;
    match image.last_launched {
        Some(at) if at + idle > now => Some(Keep::in_use(UseReason::LaunchedLately { at, idle })),
        Some(_) => None,
        None => image
            .created
            .is_none_or(|created| created.date_naive() < tracked_since)
            .then(|| Keep::unknown(UseReason::LaunchUnknown)),
    }
}

#[cfg(test)]
#[path = "in_use_tests.rs"]
mod tests;
