//! Where a tester of an image is launched, and as what.

use chrono::{DateTime, Utc};

use super::observed::Observed;
use crate::inventory::{Candidates, Image, NewInstance, Subnet};
use crate::model::{Role, tags};
use crate::plan::reason::VerifyReason;
use crate::plan::{Action, Decision, Subject};
use crate::recipe::{FoundNetwork, Network, Recipe};

/// The Availability Zone in which the image's builder ran.
fn builders_zone(image: &Image) -> Option<String> {
    image.tags.get(tags::ZONE).map(str::to_owned)
}

/// Launches a tester in another Availability Zone than the builder's: first in every subnet with the preferred type, as with
/// builders.
pub(super) fn launch(recipe: &Recipe, observed: &Observed, now: DateTime<Utc>) -> Decision {
    let subject = Subject::image(&observed.image);
    let found = match &observed.network {
        Ok(found) => found,
        Err(error) => return subject.retry_later(error),
    };
    if let Some(why) = bad_tags(recipe, observed, found) {
        return subject.decide(Action::Reject, why);
    }
    let zone = builders_zone(&observed.image);
    let mut in_other_zones: Vec<&Subnet> =
        found.subnets.iter().filter(|subnet| zone.as_ref() != Some(&subnet.zone)).collect();
    in_other_zones.sort_by(|a, b| (&a.zone, &a.id).cmp(&(&b.zone, &b.id)));
    let types = types(recipe, &observed.image);
    let of_type = |name| in_other_zones.iter().map(move |subnet| (name, *subnet));
    let places: Vec<(&str, &Subnet)> = types.into_iter().flat_map(of_type).collect();
    let testers =
        places.into_iter().map(|(name, subnet)| new_tester(recipe, observed, (name, subnet, found), now));
    match Candidates::of(testers) {
        Some(testers) => subject.decide(Action::Launch(testers), VerifyReason::TimeToTest(zone)),
        None => {
            let reason = zone.map_or(VerifyReason::NoSubnet, VerifyReason::OnlyBuildersZone);
            subject.decide(Action::Reject, reason)
        }
    }
}

/// What is wrong with the tags that the recipe names for testers in the Region.
fn bad_tags(recipe: &Recipe, observed: &Observed, found: &FoundNetwork) -> Option<VerifyReason> {
    let (network, region) = (network(recipe, &observed.image), &observed.image.region);
    let why = found.bad_tags(network, region).into_iter().next()?;
    let table = match is_home(&observed.image) {
        true => "verify.network".to_owned(),
        false => format!("verify.regions.{region}"),
    };
    let field = format!("{table}.{}", why.field());
    Some(VerifyReason::BadTags { why: Box::new(why), field })
}

fn new_tester(
    recipe: &Recipe,
    observed: &Observed,
    (instance_type, subnet, found): (&str, &Subnet, &FoundNetwork),
    now: DateTime<Utc>,
) -> NewInstance {
    let name = &observed.record.name;
    let deadline = now + recipe.verify.timeout;
    let own_tags = Role::Tester.tags(name, deadline).with(tags::IMAGE, &observed.image.id);
    NewInstance {
        region: observed.image.region.clone(),
        image: observed.image.id.clone(),
        platform: observed.image.features.platform,
        instance_type: instance_type.to_owned(),
        subnet: Some(subnet.id.clone()),
        role: Role::Tester,
        profile: recipe.verify.profile.clone(),
        name: name.clone(),
        program: recipe.program(Role::Tester),
        tags: recipe.own_tags(&observed.image.tags).and(&own_tags),
        security_groups: found.groups_in(network(recipe, &observed.image), &subnet.vpc),
        public_ip: network(recipe, &observed.image).public_ip,
        disks: observed.image.disks_that_outlive(),
        launch: launch_key(recipe, observed, instance_type, now),
    }
}

/// What tells the launch of a tester from others of the same image in the same subnet: its type, if it is a further one,
/// and the hour since the image was created. A repeated call with the same token returns the same tester, even if it was
/// terminated; with the next hour's token another one can be launched.
fn launch_key(recipe: &Recipe, observed: &Observed, instance_type: &str, now: DateTime<Utc>) -> String {
    let image = &observed.image;
    let asked = observed.asked.map_or(String::new(), |asked| asked.to_rfc3339());
    let hour = image.created.map_or(0, |created| (now - created).num_hours());
    let is_preferred = types(recipe, image).first() == Some(&instance_type);
    let further = if is_preferred { String::new() } else { format!(" {instance_type}") };
    format!("{} {} {hour} {asked}{further}", image.region, image.id)
}

/// Where the recipe has testers launched in the Region of an image.
pub fn network<'a>(recipe: &'a Recipe, image: &Image) -> &'a Network {
    recipe.tester_network(&image.region, is_home(image))
}

/// Every type that a tester of an image may have, the preferred one first.
fn types<'a>(recipe: &'a Recipe, image: &Image) -> Vec<&'a str> {
    recipe.tester_types(&image.region, is_home(image))
}

/// Whether an image was baked or adopted in its Region, and not copied there.
fn is_home(image: &Image) -> bool {
    image.tags.get(tags::ORIGIN).is_none()
}
