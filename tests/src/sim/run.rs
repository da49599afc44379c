//! One run: some days in the life of an account, decided by a seed.

use std::cell::Cell;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use kiln_core::expire::forecast::Prices;
use kiln_core::model::{ImageId, ImageName, Version};
use kiln_core::recipe::Bounds;
use kiln_engine::bounded::bounded;
use kiln_engine::context::Context;
use serde_json::json;

use super::beginning::{FURTHER, HOME, region, set_up};
use super::bugs::Bug;
use super::clock::{Clock, Executor};
use super::faults::Faults;
use super::invariants::Invariants;
use super::lambda::{self, Function, KillPoint};
use super::troubles::Troubles;
use super::world::World;
use super::{
    account_parameters, catalogued, channels, final_state, further_operators, operators, recalls,
    regions_leave, templates,
};

/// The options of a run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The seed of all random numbers.
    pub seed: u64,
    /// The planted bug.
    pub bug: Bug,
    /// How likely each fault is; `None`: the seed decides.
    pub faults: Option<Faults>,
    /// The call at which a function is killed.
    pub kill_point: Option<KillPoint>,
    /// Whether a trace is kept.
    pub traced: bool,
}

impl Options {
    /// Kiln without a planted bug, with the faults that the seed decides.
    pub fn seed(seed: u64) -> Self {
        Self { seed, bug: Bug::None, faults: None, kill_point: None, traced: false }
    }
}

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The number of bakes that started; each was followed to its end.
    pub pipelines: u32,
    /// Every promise that was broken.
    pub broken_promises: Vec<String>,
    /// The trace, if one was kept.
    pub trace: Vec<String>,
    /// What the checks counted and remember.
    pub invariants: Invariants,
}

const HOUR: TimeDelta = TimeDelta::hours(1);
const QUARTER: TimeDelta = TimeDelta::minutes(15);
/// The time between two bakes of all recipes.
const NIGHT: TimeDelta = TimeDelta::hours(4);
/// How long a run goes on after the faults have stopped. It is long enough for a builder's deadline, the wait for a
/// long-lived builder, the longest pause before another attempt at a replica, that attempt, and the quarantine of
/// orphaned snapshots, one after another.
const SETTLING: TimeDelta = TimeDelta::hours(11);
/// How much longer it goes on if every copy to one Region fails: until the last of them is given up.
const GIVING_UP: TimeDelta = TimeDelta::hours(24);

/// Runs one seed.
pub fn run(options: Options) -> Outcome {
    let start = Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap();
    let clock = Clock::at(start);
    let mut executor = Executor::new(Rc::clone(&clock));
    let context = Context {
        home: region(HOME),
        recipes: "/kiln/recipes".into(),
        bounds: Bounds::none(),
        prices: Prices::default(),
    };
    let world = World::new(clock, executor.spawner(), options.seed, context, options.bug, options.traced);
    world.kill_point.set(options.kill_point);
    let faults = options.faults.unwrap_or_else(|| Faults::random(&mut world.dice.borrow_mut()));
    let away = (options.faults.is_none() && options.seed % 16 == 9).then(|| region(FURTHER[1]));
    world.note(|| format!("seed {}: {faults:?}", options.seed));
    set_up(&world, start, away.as_ref());
    world.faults.set(faults);

    let nights = world.dice.borrow_mut().i32(3..6);
    let end_of_faults = start + HOUR + NIGHT * nights;
    world.end_of_faults.set(end_of_faults);
    if options.faults.is_none() {
        let further = FURTHER.map(region);
        let troubles =
            Troubles::random(&mut world.whims.borrow_mut(), &further, away, (start, end_of_faults));
        world.note(|| format!("{troubles:?}"));
        world.troubles.replace(troubles);
    }
    templates::set_up(&world);
    let is_doomed = faults.copy_fails > 0.0 && options.seed % 8 == 5;
    world.doomed.replace(is_doomed.then(|| region(FURTHER[0])));
    let end = end_of_faults + SETTLING + if is_doomed { GIVING_UP } else { TimeDelta::zero() };
    schedules(&world, start, nights, end);
    account_parameters::rolls_back_late(&world, end_of_faults);
    executor.run_until(end_of_faults);
    world.note(|| "the faults cease".into());
    world.faults.set(Faults::calm());
    executor.run_until(end);

    // First what became due since the last sweep, then what that started.
    sweep_and_expire(&world, &mut executor);
    world.faults.set(Faults::calm());
    executor.run_until(world.now() + HOUR);
    sweep_and_expire(&world, &mut executor);
    // A base image is removed one expiry after its last layer.
    sweep_and_expire(&world, &mut executor);
    check_end(&world);
    check_fixed_point(&world, &mut executor);
    check_catalog(&world, &mut executor);
    outcome(&world)
}

/// Starts the schedules of the functions, and the people.
fn schedules(world: &Rc<World>, start: DateTime<Utc>, nights: i32, end: DateTime<Utc>) {
    for night in 0..nights {
        let at = start + HOUR + NIGHT * night;
        let call = json!({ "scheduled_time": at.format("%Y-%m-%dT%H:%M:%SZ").to_string() });
        invoke_at(world, at, Function::Bake, call);
    }
    let mut at = start + HOUR * 3;
    while at < end {
        invoke_at(world, at, Function::Expire, json!({ "dry_run": false }));
        at += HOUR;
    }
    let mut at = start + QUARTER;
    while at < end {
        invoke_at(world, at, Function::Reconcile, json!({}));
        let operator = Rc::clone(world);
        world.spawn(async move {
            operator.clock.sleep(at - operator.now() + TimeDelta::minutes(7)).await;
            if operator.chance(operator.faults.get().operator) {
                operators::act(&operator);
            }
            further_operators::act(&operator);
            recalls::act(&operator);
            channels::act(&operator);
        });
        at += QUARTER;
    }
}

/// Invokes a function at a time. EventBridge Scheduler delivers at least once, so sometimes twice.
fn invoke_at(world: &Rc<World>, at: DateTime<Utc>, function: Function, payload: serde_json::Value) {
    let world = Rc::clone(world);
    world.clone().spawn(async move {
        world.clock.sleep(at - world.now()).await;
        let times = if world.chance(world.faults.get().doubled) { 2 } else { 1 };
        if function == Function::Bake {
            world.invariants.borrow_mut().delivered.push((function, payload.clone()));
        }
        bounded(times, (0..times).map(|_| lambda::invoke(&world, function, payload.clone()))).await;
    });
}

/// Runs one sweep and one expiry while the clock stands still. Returns how many calls changed something.
fn sweep_and_expire(world: &Rc<World>, executor: &mut Executor) -> u64 {
    replay(
        world,
        executor,
        vec![(Function::Reconcile, json!({})), (Function::Expire, json!({ "dry_run": false }))],
    )
}

/// Hands events to their functions, one after another, while the clock stands still. Returns how many calls changed
/// something.
fn replay(world: &Rc<World>, executor: &mut Executor, events: Vec<(Function, serde_json::Value)>) -> u64 {
    world.faults.set(Faults::none());
    world.kill_point.set(None);
    let before = world.invariants.borrow().changes;
    let given_up = world.invariants.borrow().dead_letters;
    let done = Rc::new(Cell::new(false));
    let (player, ended) = (Rc::clone(world), Rc::clone(&done));
    world.spawn(async move {
        for (function, payload) in events {
            if let Err(why) = lambda::run(&player, function, &payload).await
                && player.troubles.borrow().away().is_none()
            {
                let broken = format!("{function:?} fails though nothing is wrong: {why}");
                player.invariants.borrow_mut().broken_promises.push(broken);
            }
        }
        ended.set(true);
    });
    executor.run_until(world.now());
    if !done.get() {
        world.invariants.borrow_mut().broken_promises.push("a function did not come to its end".into());
    }
    if world.invariants.borrow().dead_letters > given_up && world.troubles.borrow().away().is_none() {
        let broken = "a function that a sweep woke fails though nothing is wrong".to_owned();
        world.invariants.borrow_mut().broken_promises.push(broken);
    }
    world.invariants.borrow().changes - before
}

fn check_end(world: &Rc<World>) {
    let broken = final_state::broken_promises(
        &world.account.borrow(),
        &world.invariants.borrow(),
        &world.context.home,
        world.now(),
    );
    world
        .invariants
        .borrow_mut()
        .broken_promises
        .extend(broken.into_iter().map(|what| format!("in the end, {what}")));
}

/// Checks that another sweep changes nothing, and that no event changes anything when it is delivered again.
fn check_fixed_point(world: &Rc<World>, executor: &mut Executor) {
    let before = world.invariants.borrow().wakes.len();
    let changes = sweep_and_expire(world, executor);
    let woken = world.invariants.borrow().wakes[before..].to_vec();
    let is_away = world.troubles.borrow().away().is_some();
    let unasked = |payload: &serde_json::Value| !is_away && !copies_what_somebody_took(world, payload);
    for payload in woken.into_iter().filter(unasked) {
        let broken = format!("another look woke a function with {payload}");
        world.invariants.borrow_mut().broken_promises.push(broken);
    }
    if changes > 0 {
        world.invariants.borrow_mut().broken_promises.push(format!("another look made {changes} changes"));
    }
    let events = world.invariants.borrow().delivered.clone();
    // In a Region that its recipe no longer names, an old event may still share an image as the recipe says now, and
    // terminate a tester.
    let ends_what_left = |function: &Function, payload: &serde_json::Value| {
        matches!(function, Function::Publish | Function::Verify)
            && regions_leave::is_about_what_left(world, payload)
    };
    let events = events.into_iter().filter(|(function, payload)| !ends_what_left(function, payload));
    // If the bake function failed at every attempt, its event rightly starts the bake when it is delivered again.
    let events = events.filter(|(function, payload)| {
        *function != Function::Bake
            || payload.get("detail-type").is_some()
            || all_begun(&world.invariants.borrow(), payload)
    });
    let events = events.collect();
    let changes = replay(world, executor, events);
    if changes > 0 {
        world
            .invariants
            .borrow_mut()
            .broken_promises
            .push(format!("the events sent again made {changes} changes"));
    }
}

/// Checks that a catalogue can be made of whatever happened, that this changes nothing, and that it needs nothing of what
/// was made or kept before.
fn check_catalog(world: &Rc<World>, executor: &mut Executor) {
    let mut made = Vec::new();
    for _ in 0..2 {
        replay(world, executor, vec![(Function::Catalog, serde_json::json!({}))]);
        let broken = catalogued::broken_promises(&world.account.borrow(), &world.invariants.borrow());
        world.invariants.borrow_mut().broken_promises.extend(broken);
        made.push(world.account.borrow().objects.get(catalogued::DOCUMENT).cloned());
        world.account.borrow_mut().objects.retain(|key, _| key.starts_with("contents/"));
    }
    if made[0] != made[1] {
        let broken = "the catalogue depends on what was made or kept before".to_owned();
        world.invariants.borrow_mut().broken_promises.push(broken);
    }
}

/// Whether a sweep asks for the copies of an image of which somebody deregistered a replica. A day's token answers with
/// the replica that it once made, so that only the next day's copy succeeds.
fn copies_what_somebody_took(world: &Rc<World>, payload: &serde_json::Value) -> bool {
    let image = payload["detail"]["image"].as_str().and_then(|id| id.parse::<ImageId>().ok());
    let Some(image) = image.filter(|_| payload["detail-type"] == "Image Published") else { return false };
    let mut account = world.account.borrow_mut();
    let home = account.region(&world.context.home);
    let shown = home.images.get(&image).and_then(|history| history.now());
    let name = shown.and_then(|image| Some(image.record().ok()?.name));
    let invariants = world.invariants.borrow();
    let bake = name.and_then(|name| invariants.bakes.get(&name));
    bake.is_some_and(|bake| !bake.replicas_changed_by_hand.is_empty())
}

fn all_begun(invariants: &Invariants, payload: &serde_json::Value) -> bool {
    let time = payload["scheduled_time"].as_str().and_then(|time| time.parse::<DateTime<Utc>>().ok());
    let version = time.and_then(|time| Version::at(time).ok());
    invariants.recipes.keys().all(|recipe| {
        let name = version.map(|version| ImageName { recipe: recipe.clone(), version });
        name.and_then(|name| invariants.bakes.get(&name)).is_some_and(|bake| bake.begun)
    })
}

fn outcome(world: &Rc<World>) -> Outcome {
    let invariants = std::mem::take(&mut *world.invariants.borrow_mut());
    let begun = invariants.bakes.values().filter(|bake| bake.begun).count();
    Outcome {
        pipelines: u32::try_from(begun).unwrap_or(u32::MAX),
        broken_promises: invariants.broken_promises.clone(),
        trace: world.trace.as_ref().map(|trace| trace.take()).unwrap_or_default(),
        invariants,
    }
}
