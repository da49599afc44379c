//! More of what people change while Kiln runs, by the further random numbers: so that all else falls as it did.

use std::rc::Rc;

use chrono::TimeDelta;
use kiln_core::inventory::usage::PinnedVersion;
use kiln_core::inventory::{Image, ImageState};
use kiln_core::model::{ImageId, Region};

use super::conflicts_come;
use super::history::History;
use super::regions_leave;
use super::templates::{OneVersion, Template};
use super::world::World;

/// How often such a change comes, beside the others.
const OF_THOSE: f64 = 0.4;

/// One random change by a person, or none.
pub fn act(world: &Rc<World>) {
    let often = world.faults.get().operator * OF_THOSE;
    if often <= 0.0 || !world.whim(often) {
        return;
    }
    let what = world.whims.borrow_mut().u8(0..8);
    match what {
        0 => writes_a_version(world),
        1 => sets_another_default(world),
        2 | 3 => launches_a_group(world),
        4..7 => regions_leave::changes_the_regions(world),
        _ => conflicts_come::two_name_one_parameter(world),
    }
}

/// A random launch template that follows releases, as it is now.
fn one_template(world: &World) -> Option<(Region, Template)> {
    let account = world.account.borrow();
    let all = account.regions.iter().flat_map(|(region, ec2)| {
        let of_recipes = ec2.templates.values().filter_map(History::now);
        of_recipes.filter(|template| template.recipe.is_some()).map(move |one| (region.clone(), one.clone()))
    });
    world.whims.borrow_mut().choice(all.collect::<Vec<_>>())
}

fn change(world: &World, region: &Region, template: &Template, change: impl FnOnce(&mut Template)) {
    let now = world.now();
    if let Some(history) = world.account.borrow_mut().region(region).templates.get_mut(&template.id) {
        history.change(now, change);
    }
}

/// Writes a version that names an image of the recipe, and may make it the default one.
fn writes_a_version(world: &Rc<World>) {
    let Some((region, template)) = one_template(world) else { return };
    let images: Vec<ImageId> = {
        let account = world.account.borrow();
        let recipe = template.recipe.as_ref().map(ToString::to_string);
        let fits = |image: &&Image| {
            image.region == region
                && image.state == ImageState::Available
                && image.tags.get("kiln:recipe") == recipe.as_deref()
        };
        account.images().filter(fits).map(|image| image.id.clone()).collect()
    };
    let Some(image) = world.whims.borrow_mut().choice(images) else { return };
    let is_default = world.whim(0.5);
    world.note(|| {
        format!("somebody writes {image} into {} in {region}, as default: {is_default}", template.id)
    });
    change(world, &region, &template, |template| {
        template.versions.push(OneVersion::by_hand(Some(image)));
        template.default = if is_default { template.latest() } else { template.default };
    });
}

fn sets_another_default(world: &Rc<World>) {
    let Some((region, template)) = one_template(world) else { return };
    let number = world.whims.borrow_mut().i64(1..=template.latest());
    world.note(|| format!("somebody makes version {number} of {} in {region} the default", template.id));
    change(world, &region, &template, |template| template.default = number);
}

/// An Auto Scaling group launches from a version by its number, for some hours or for ever.
fn launches_a_group(world: &Rc<World>) {
    let Some((region, template)) = one_template(world) else { return };
    let number = world.whims.borrow_mut().i64(1..=template.latest());
    let ends = world.whim(0.6).then(|| TimeDelta::minutes(world.whims.borrow_mut().i64(10..600)));
    let now = world.now();
    let mut account = world.account.borrow_mut();
    let groups = &mut account.region(&region).groups;
    let name = format!("group-{}", groups.len());
    world
        .note(|| format!("somebody lets {name} launch from version {number} of {} in {region}", template.id));
    groups.insert(name.clone(), History::new(now, PinnedVersion { template: template.id, number }));
    drop(account);
    if let Some(lives) = ends {
        let world = Rc::clone(world);
        world.clone().spawn(async move {
            world.clock.sleep(lives).await;
            world.note(|| format!("somebody deletes {name}"));
            let now = world.now();
            if let Some(group) = world.account.borrow_mut().region(&region).groups.get_mut(&name) {
                group.remove(now);
            }
        });
    }
}
