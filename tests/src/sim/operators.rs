//! People who change things in the same account while Kiln runs.

use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{Image, ImageState, InstanceState};
use kiln_core::model::{ImageId, ImageRecord, RecipeName, Region, Tags, Version, tags};
use serde_json::json;

use super::ec2::Ec2;
use super::history::History;
use super::lambda::{self, Function};
use super::other_accounts::{ExternalUse, REPORT_LAG};
use super::templates::{OneVersion, Template};
use super::world::World;

/// One random change by a person.
pub fn act(world: &Rc<World>) {
    let what = world.dice.borrow_mut().u8(0..17);
    match what {
        0 => stops_a_builder(world),
        1 => deregisters_an_image(world),
        2 => tags_an_image(world, tags::HOLD, "audit"),
        3 | 4 => launches_from_an_image(world),
        5 => names_an_image_in_a_template(world),
        6 => enables_an_image(world),
        7 => terminates_a_builder(world),
        8 | 9 => rolls_back(world),
        10 | 11 => changes_sharing(world),
        12 => tags_an_image_for_adoption(world),
        14 | 15 => launches_in_another_account(world),
        13 => registers_a_snapshot_again(world),
        // Chosen by the time, so that the dice fall as they did.
        _ if world.now().timestamp() % 2 == 0 => forges_an_image(world),
        _ if world.whim(0.5) => keeps_tags_and_sets_them_back(world),
        _ => tags_an_image(world, tags::STAGE, "Perfect"),
    }
}

/// A random image of Kiln that fits.
fn one_image(world: &World, fits: impl Fn(&Image) -> bool) -> Option<(Image, ImageRecord)> {
    let account = world.account.borrow();
    let found: Vec<(&Image, ImageRecord)> = account
        .images()
        .filter(|image| fits(image))
        .filter_map(|image| Some((image, image.record().ok()?)))
        .collect();
    let which = world.dice.borrow_mut().usize(0..found.len().max(1));
    found.get(which).map(|(image, record)| ((*image).clone(), record.clone()))
}

/// Records that a person changed an image: some promises do not hold for it any more.
fn changes_by_hand(world: &World, image: &Image, record: &ImageRecord) {
    let mut invariants = world.invariants.borrow_mut();
    let bake = invariants.bake(&record.name);
    match record.copied {
        None => bake.changed_by_hand = true,
        Some(_) => {
            bake.replicas_changed_by_hand.insert(image.region.clone());
        }
    }
}

fn one_builder(world: &World, state: Option<InstanceState>) -> Option<kiln_core::inventory::Instance> {
    let account = world.account.borrow();
    let machines = account.regions.get(&world.context.home)?.machines.values().filter_map(History::now);
    let found: Vec<_> = machines
        .map(|machine| &machine.instance)
        .filter(|instance| instance.tags.get(tags::ROLE) == Some("builder"))
        .filter(|instance| instance.state != InstanceState::Terminated)
        .filter(|instance| state.is_none_or(|state| instance.state == state))
        .collect();
    let which = world.dice.borrow_mut().usize(0..found.len().max(1));
    found.get(which).map(|instance| (*instance).clone())
}

fn stops_a_builder(world: &Rc<World>) {
    if let Some(builder) = one_builder(world, Some(InstanceState::Running)) {
        world.note(|| format!("somebody stops {}", builder.id));
        world.stop(&builder.region, &builder.id);
    }
}

fn terminates_a_builder(world: &Rc<World>) {
    let Some(builder) = one_builder(world, None) else { return };
    world.note(|| format!("somebody terminates {}", builder.id));
    let now = world.now();
    world.account.borrow_mut().region(&builder.region).set_state(&builder.id, now, InstanceState::Terminated);
}

fn one_recipe(world: &World) -> Option<RecipeName> {
    let recipes: Vec<RecipeName> = world.invariants.borrow().recipes.keys().cloned().collect();
    let which = world.dice.borrow_mut().usize(0..recipes.len().max(1));
    recipes.get(which).cloned()
}

/// Rolls a recipe back, by one invocation without retries.
fn rolls_back(world: &Rc<World>) {
    let Some(recipe) = one_recipe(world) else { return };
    let to = one_version(world, &recipe);
    roll_back(world, recipe, to);
}

/// Rolls this recipe back.
pub(super) fn roll_back(world: &Rc<World>, recipe: RecipeName, to: Option<Version>) {
    world.note(|| format!("somebody rolls {recipe} back, to {to:?}"));
    let world = Rc::clone(world);
    world.clone().spawn(async move {
        let asked = match to {
            Some(to) => json!({ "rollback": recipe, "to": to }),
            None => json!({ "rollback": recipe }),
        };
        let answer = lambda::run(&world, Function::Publish, &asked).await;
        world.note(|| format!("       the rollback of {recipe} answers {:?}", answer.err()));
    });
}

/// In some cases a person names the version to roll back to: any that the home Region shows as a release.
fn one_version(world: &World, recipe: &RecipeName) -> Option<Version> {
    if world.whim(0.6) {
        return None;
    }
    let account = world.account.borrow();
    let homes = account.images().filter(|image| image.region == world.context.home);
    let released: Vec<Version> = homes
        .filter(|image| {
            image.state == ImageState::Available && image.tags.get(tags::STAGE) == Some("released")
        })
        .filter(|image| image.tags.get(tags::RECIPE) == Some(recipe.as_str()))
        .filter_map(|image| image.tags.read(tags::VERSION))
        .collect();
    world.whims.borrow_mut().choice(released)
}

/// Changes the accounts that a recipe shares with.
fn changes_sharing(world: &Rc<World>) {
    let Some(recipe) = one_recipe(world) else { return };
    let accounts = ["111111111111", "222222222222", "333333333333"];
    let accounts: Vec<String> =
        accounts.into_iter().filter(|_| world.chance(0.5)).map(str::to_owned).collect();
    let mut invariants = world.invariants.borrow_mut();
    let Some(promised) =
        invariants.recipes.get_mut(&recipe).filter(|promised| !promised.snapshots || !accounts.is_empty())
    else {
        return;
    };
    let (before, after) = (format!("accounts = {:?}", promised.accounts), format!("accounts = {accounts:?}"));
    world.edit_recipe(&recipe, |document| document.replace(&before, &after));
    world.note(|| format!("somebody shares {recipe} with {accounts:?}, not {:?}", promised.accounts));
    promised.accounts = accounts;
}

/// Gives an image that Packer made to a recipe, so that Kiln adopts it.
fn tags_an_image_for_adoption(world: &Rc<World>) {
    let Some(recipe) = one_recipe(world) else { return };
    let (home, now) = (world.context.home.clone(), world.now());
    let given = Tags::new().with(tags::RECIPE, &recipe);
    let mistake = one_mistake(world, &recipe);
    let given = match mistake {
        Some(version) => given.with(tags::VERSION, version),
        None => given,
    };
    let id = world.account.borrow_mut().register(&home, "packer", given, now);
    world.invariants.borrow_mut().own.insert(id.clone());
    world.note(|| format!("somebody tags {id} for adoption by {recipe}, as {mistake:?}"));
    world.send_image_event(&home, &id);
    if mistake.is_some() {
        world.invariants.borrow_mut().mistaken.insert(id.clone());
        takes_back_after_an_hour(world, home, id);
    }
}

/// In some cases a person gives the image a version, and mistakes it: for one of the far future, or of another image.
fn one_mistake(world: &World, recipe: &RecipeName) -> Option<Version> {
    if world.whim(0.3) {
        return Version::at(world.now() + TimeDelta::days(36_500)).ok();
    }
    one_version(world, recipe)
}

/// The alarm tells the person, who takes the image back.
fn takes_back_after_an_hour(world: &Rc<World>, home: Region, id: ImageId) {
    let world = Rc::clone(world);
    world.clone().spawn(async move {
        world.clock.sleep(TimeDelta::hours(1)).await;
        world.note(|| format!("somebody takes {id} back, which he gave by mistake"));
        let now = world.now();
        let mut account = world.account.borrow_mut();
        let was_taken_in = account.images().any(|image| image.id == id && image.record().is_ok());
        if !was_taken_in {
            account.region(&home).deregister(&id, now, |_| None);
        }
    });
}

/// Makes an image of somebody's own look as if Kiln had made it: with the tags of an image of Kiln's, or with others.
fn forges_an_image(world: &Rc<World>) {
    let is_home = |image: &Image| image.region == world.context.home && !image.tags.has(tags::ORIGIN);
    let Some((image, record)) = one_image(world, is_home) else { return };
    let now = world.now();
    let mut account = world.account.borrow_mut();
    let copied = account.region(&image.region).tags.get(image.id.as_str()).cloned().unwrap_or_default();
    let stages = ["captured", "verified", "published", "released", "disabled"];
    let (name, forged) = match world.chance(0.5) {
        true => (image.name, copied),
        false => {
            let version = Version::at(record.name.version.time() + TimeDelta::seconds(1)).unwrap();
            let stage = stages[world.dice.borrow_mut().usize(0..stages.len())];
            let forged = copied.with(tags::VERSION, version).with(tags::STAGE, stage);
            (format!("{}-{version}", record.name.recipe), forged)
        }
    };
    let id = account.register(&image.region, &name, Tags::new(), now);
    account.set_source_instance(&image.region, &id, now);
    account.region(&image.region).tag_image(&id, &forged, now);
    drop(account);
    world.note(|| format!("somebody gives {id}, an image of his own, the name {name} and Kiln's tags"));
    world.send_image_event(&image.region, &id);
}

/// Somebody notes the tags of an image, seals and all, and writes them onto it again some hours later.
fn keeps_tags_and_sets_them_back(world: &Rc<World>) {
    let Some((image, record)) = one_image(world, |image| image.state == ImageState::Available) else {
        return;
    };
    let kept = world.account.borrow_mut().region(&image.region).tags.get(image.id.as_str()).cloned();
    let (world, later) = (Rc::clone(world), TimeDelta::minutes(world.whims.borrow_mut().i64(5..600)));
    world.clone().spawn(async move {
        world.clock.sleep(later).await;
        world.note(|| format!("somebody sets the tags of {} back to those of {later} ago", image.id));
        changes_by_hand(&world, &image, &record);
        let now = world.now();
        let mut account = world.account.borrow_mut();
        account.region(&image.region).tag_image(&image.id, &kept.unwrap_or_default(), now);
    });
}

/// Deregisters an image and leaves its snapshots, as most people do.
fn deregisters_an_image(world: &Rc<World>) {
    let Some((image, record)) = one_image(world, |image| image.state == ImageState::Available) else {
        return;
    };
    world.note(|| format!("somebody deregisters {} ({}) in {}", image.id, record.name, image.region));
    changes_by_hand(world, &image, &record);
    let now = world.now();
    world.account.borrow_mut().region(&image.region).deregister(&image.id, now, |_| Some("not asked for"));
    world.send_image_event(&image.region, &image.id);
}

fn tags_an_image(world: &Rc<World>, key: &str, value: &str) {
    let Some((image, record)) = one_image(world, |image| image.state == ImageState::Available) else {
        return;
    };
    world.note(|| format!("somebody tags {} ({}) in {} {key}={value}", image.id, record.name, image.region));
    changes_by_hand(world, &image, &record);
    let now = world.now();
    let mut account = world.account.borrow_mut();
    account.region(&image.region).tag_image(&image.id, &Tags::new().with(key, value), now);
}

fn launches_from_an_image(world: &Rc<World>) {
    if let Some((image, _)) = one_image(world, |image| image.state == ImageState::Available) {
        launch(world, &image);
    }
}

fn launch(world: &Rc<World>, image: &Image) {
    let now = world.now();
    let own = Tags::new().with("Name", "web server");
    let id = world.account.borrow_mut().run(&image.region, &image.id, InstanceState::Running, own, now);
    world.note(|| format!("somebody launches {id} from {} in {}", image.id, image.region));
    if world.chance(0.5) {
        let (world, region, lives) =
            (Rc::clone(world), image.region.clone(), world.between(600_000, 10 * 3_600_000));
        world.clone().spawn(async move {
            world.clock.sleep(lives).await;
            let now = world.now();
            world.note(|| format!("somebody terminates {id}"));
            world.account.borrow_mut().region(&region).set_state(&id, now, InstanceState::Terminated);
        });
    }
}

/// Another account launches an image that is shared with it, or names one in a launch template that was, and is in
/// quarantine now.
fn launches_in_another_account(world: &Rc<World>) {
    let shared = |image: &Image| {
        let account = world.account.borrow();
        let ec2 = account.regions.get(&image.region);
        let with = ec2.and_then(|ec2| ec2.launch_permissions.get(&image.id).cloned());
        match image.state {
            ImageState::Available => with.is_some_and(|with| !with.is_empty()),
            ImageState::Disabled => ec2.is_some_and(|ec2| ec2.other_accounts.ever_shared.contains(&image.id)),
            _ => false,
        }
    };
    let Some((image, _)) = one_image(world, shared) else { return };
    let now = world.now();
    let account = "111111111111".to_owned();
    world.note(|| format!("account {account} launches {} in {}", image.id, image.region));
    let until = world.chance(0.4).then(|| now + world.between(600_000, 10 * 3_600_000));
    let used_by = ExternalUse { image: image.id, account, since: now, until };
    world.account.borrow_mut().region(&image.region).other_accounts.uses.push(used_by);
}

/// Another account launches a shared image shortly before it is disabled, so that no report shows it yet.
pub fn launches_just_before(world: &World, ec2: &mut Ec2, image: &ImageId, now: DateTime<Utc>) {
    let shared = ec2.launch_permissions.get(image).is_some_and(|with| !with.is_empty());
    if !shared || world.chance(0.7) {
        return;
    }
    let since = now - world.between(0, REPORT_LAG.num_milliseconds());
    let account = "222222222222".to_owned();
    world.note(|| format!("account {account} launched {image} at {since}, just before it is disabled"));
    let until = world.chance(0.4).then(|| now + world.between(600_000, 10 * 3_600_000));
    ec2.other_accounts.uses.push(ExternalUse { image: image.clone(), account, since, until });
}

fn names_an_image_in_a_template(world: &Rc<World>) {
    let Some((image, _)) = one_image(world, |image| image.state == ImageState::Available) else { return };
    let now = world.now();
    let anew = world.chance(0.6);
    let mut account = world.account.borrow_mut();
    let templates = &mut account.region(&image.region).templates;
    let by_people =
        templates.values().filter(|of| of.first().is_some_and(|one| one.recipe.is_none())).count();
    let id = format!("lt-{:017x}", by_people + usize::from(anew));
    world.note(|| format!("somebody names {} in {id} in {}", image.id, image.region));
    let version = OneVersion::by_hand(Some(image.id));
    match templates.get_mut(&id) {
        Some(history) => history.change(now, |template| {
            template.versions.push(version);
            template.default = template.latest();
        }),
        None => {
            let (name, versions) = (id.clone(), vec![version]);
            let new = Template { id: id.clone(), name, recipe: None, versions, default: 1 };
            templates.insert(id, History::new(now, new));
        }
    }
}

/// Registers another image that uses the same snapshots.
fn registers_a_snapshot_again(world: &Rc<World>) {
    let Some((image, _)) = one_image(world, |image| !image.snapshots.is_empty()) else { return };
    let now = world.now();
    let mut account = world.account.borrow_mut();
    let id = account.register(&image.region, "a copy by hand", Tags::new(), now);
    world.note(|| format!("somebody registers {id} of the snapshots of {} in {}", image.id, image.region));
    let alive = |ec2: &Ec2, snapshot| ec2.snapshots.get(snapshot).and_then(History::now).is_some();
    let ec2 = account.region(&image.region);
    if image.snapshots.iter().all(|snapshot| alive(ec2, snapshot))
        && let Some(history) = ec2.images.get_mut(&id)
    {
        history.change(now, |other| other.snapshots = image.snapshots);
    }
}

/// Enables a disabled image; EC2 sends an event with state `available` again.
fn enables_an_image(world: &Rc<World>) {
    let Some((image, record)) = one_image(world, |image| image.state == ImageState::Disabled) else { return };
    world.note(|| format!("somebody enables {} ({}) in {}", image.id, record.name, image.region));
    changes_by_hand(world, &image, &record);
    let now = world.now();
    let region: Region = image.region.clone();
    if let Some(history) = world.account.borrow_mut().region(&region).images.get_mut(&image.id) {
        history.change(now, |image| image.state = ImageState::Available);
    }
    world.send_image_event(&region, &image.id);
    // A person who enables an image usually launches it.
    if world.chance(0.7) {
        launch(world, &image);
    }
}
