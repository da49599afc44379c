//! The world of one run: the account, its clock, its random numbers, and what instances and images do by themselves.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use futures::executor::LocalSpawner;
use kiln_core::inventory::{ImageState, InstanceState, StopReason};
use kiln_core::model::{Contents, ImageId, ImageName, InstanceId, RecipeName, Region, Role};
use kiln_engine::context::Context;

use super::account::{Account, seals};
use super::bugs::{Bug, FirstRecipes, FirstUses};
use super::clock::{self, Clock};
use super::contents;
use super::faults::{Faults, MOST_LAG};
use super::invariants::Invariants;
use super::lambda::{self, KillPoint};
use super::troubles::Troubles;

/// The world of one run.
pub struct World {
    /// The clock.
    pub clock: Rc<Clock>,
    /// The account.
    pub account: RefCell<Account>,
    /// The random numbers, from the seed.
    pub dice: RefCell<Rng>,
    /// Further random numbers, from the seed too: a new kind of event that asks these leaves all others as they were.
    pub whims: RefCell<Rng>,
    /// The same once more, for what came later still.
    pub quirks: RefCell<Rng>,
    /// The same for what has to do with channels, in the worlds that have them.
    pub channel_dice: RefCell<Rng>,
    /// The same for what has to do with parameters in other accounts, in the worlds that have them.
    pub follower_dice: RefCell<Rng>,
    /// Whether recipes have channels.
    pub with_channels: bool,
    /// Whether people roll single channels back.
    pub channels_go_back: bool,
    /// Whether recipes have parameters in other accounts, and a watermark.
    pub with_followers: bool,
    /// How likely each fault is now.
    pub faults: Cell<Faults>,
    /// When the faults end.
    pub end_of_faults: Cell<DateTime<Utc>>,
    /// The long troubles.
    pub troubles: RefCell<Troubles>,
    /// When something last went wrong that Kiln cannot help: a call failed, a function died, an event was late.
    pub disturbed: Cell<DateTime<Utc>>,
    /// The checks that every promise is kept.
    pub invariants: RefCell<Invariants>,
    /// The settings of the functions.
    pub context: Context,
    /// How often the packages that bakes install were updated.
    pub updates: Cell<u32>,
    /// The planted bug.
    pub bug: Bug,
    /// The memory of one planted bug.
    pub first_uses: FirstUses,
    /// The memory of another.
    pub first_recipes: FirstRecipes,
    /// Whether the role may not call DescribeImageReferences.
    pub without_references: bool,
    /// The Region in which every copy fails, until the end, if there is one.
    pub doomed: RefCell<Option<Region>>,
    /// The call at which a function is killed, beside random kills.
    pub kill_point: Cell<Option<KillPoint>>,
    /// The lines of the trace, if one is kept.
    pub trace: Option<RefCell<Vec<String>>>,
    spawner: LocalSpawner,
}

/// How the script of a builder or a tester ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScriptEnding {
    Passes,
    Fails,
    Hangs,
    SaysNothing,
    AwsStopsIt,
}

impl World {
    /// A world in which nothing has happened.
    pub fn new(
        clock: Rc<Clock>,
        spawner: LocalSpawner,
        seed: u64,
        context: Context,
        bug: Bug,
        traced: bool,
    ) -> Rc<Self> {
        Rc::new(Self {
            clock,
            account: RefCell::new(Account::default()),
            dice: RefCell::new(Rng::with_seed(seed)),
            whims: RefCell::new(Rng::with_seed(seed ^ 0x0077_6869_6d73)),
            quirks: RefCell::new(Rng::with_seed(seed ^ 0x7175_6972_6b73)),
            channel_dice: RefCell::new(Rng::with_seed(seed ^ 0x6368_616e_6e65)),
            follower_dice: RefCell::new(Rng::with_seed(seed ^ 0x666f_6c6c_6f77)),
            with_channels: seed % 7 == 5,
            channels_go_back: seed % 14 == 12,
            with_followers: seed % 11 == 3,
            faults: Cell::new(Faults::none()),
            end_of_faults: Cell::new(DateTime::<Utc>::MIN_UTC),
            troubles: RefCell::default(),
            disturbed: Cell::new(DateTime::<Utc>::MIN_UTC),
            invariants: RefCell::new(Invariants::default()),
            context,
            updates: Cell::new(0),
            bug,
            first_uses: FirstUses::default(),
            first_recipes: FirstRecipes::default(),
            without_references: seed % 4 == 3,
            doomed: RefCell::new(None),
            kill_point: Cell::new(None),
            trace: traced.then(RefCell::default),
            spawner,
        })
    }

    /// The current time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Whether an event of this probability happens.
    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.dice.borrow_mut().f64() < probability
    }

    /// The same, by the further random numbers.
    pub fn whim(&self, probability: f64) -> bool {
        self.whims.borrow_mut().f64() < probability
    }

    /// The same, by the last random numbers.
    pub fn quirk(&self, probability: f64) -> bool {
        self.quirks.borrow_mut().f64() < probability
    }

    /// A person writes another document of a recipe.
    pub fn edit_recipe(&self, recipe: &RecipeName, edited: impl FnOnce(&str) -> String) {
        let key = format!("{}/{recipe}", self.context.recipes);
        if let Some(document) = self.account.borrow_mut().parameters.get_mut(&key) {
            *document = edited(document);
        }
    }

    /// Something goes wrong that Kiln cannot help.
    pub fn disturb(&self) {
        self.disturbed.set(self.now());
    }

    /// A random span between two bounds in milliseconds.
    pub fn between(&self, least: i64, most: i64) -> TimeDelta {
        TimeDelta::milliseconds(self.dice.borrow_mut().i64(least..=most))
    }

    /// The moment whose state a read returns.
    pub fn seen_at(&self) -> DateTime<Utc> {
        let lag = match self.chance(self.faults.get().stale) {
            true => self.between(0, MOST_LAG.num_milliseconds()),
            false => TimeDelta::zero(),
        };
        self.now() - lag
    }

    /// Adds a line to the trace, if one is kept.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let time = self.now().format("%d %H:%M:%S%.3f");
            trace.borrow_mut().push(format!("{time}  {}", line()));
        }
    }

    /// Starts a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        clock::spawn(&self.spawner, task);
    }

    /// Lets a pending image become available or failed after 1 to 20 minutes.
    pub fn begin_image(self: &Rc<Self>, region: &Region, id: &ImageId, copied: bool) {
        let (world, region, id) = (Rc::clone(self), region.clone(), id.clone());
        let (takes, fails, loses) = {
            let faults = self.faults.get();
            let doomed = copied && self.doomed.borrow().as_ref() == Some(&region);
            let fails = self.chance(if copied { faults.copy_fails } else { faults.image_fails }) || doomed;
            (self.between(60_000, 20 * 60_000), fails, self.chance(0.3))
        };
        self.spawn(async move {
            world.clock.sleep(takes).await;
            let why = fails.then_some(if copied {
                "Given key ID is not accessible"
            } else {
                "Client.InternalError"
            });
            let now = world.now();
            let ended = world.account.borrow_mut().region(&region).finish(&id, why, loses && !copied, now);
            if ended {
                world.send_image_event(&region, &id);
            }
        });
    }

    /// Sends EC2's event about an image, with its current state.
    pub fn send_image_event(self: &Rc<Self>, region: &Region, id: &ImageId) {
        let state = {
            let account = self.account.borrow();
            let history = account.regions.get(region).and_then(|ec2| ec2.images.get(id));
            history
                .and_then(super::history::History::now)
                .map_or(ImageState::Deregistered, |image| image.state.clone())
        };
        self.note(|| format!("       {id} in {region} is {state}"));
        if matches!(state, ImageState::Available | ImageState::Failed | ImageState::Deregistered) {
            lambda::image_event(self, region, id, &state.to_string());
        }
    }

    /// Lets a new builder or tester boot, run its script and stop.
    pub fn begin_machine(self: &Rc<Self>, region: &Region, id: &InstanceId, name: &ImageName, role: Role) {
        let ending = match self.chance(self.faults.get().script_ends_badly) {
            true => [
                ScriptEnding::Fails,
                ScriptEnding::Hangs,
                ScriptEnding::SaysNothing,
                ScriptEnding::AwsStopsIt,
            ][self.dice.borrow_mut().usize(0..4)],
            false => ScriptEnding::Passes,
        };
        let (boot, works) = (self.between(10_000, 60_000), self.between(30_000, 15 * 60_000));
        let (world, region, id, name) = (Rc::clone(self), region.clone(), id.clone(), name.clone());
        self.spawn(async move {
            world.clock.sleep(boot).await;
            world.transition(&region, &id, InstanceState::Pending, InstanceState::Running);
            world.clock.sleep(works).await;
            if ending == ScriptEnding::Hangs || world.state(&region, &id) != Some(InstanceState::Running) {
                return;
            }
            world.transition(&region, &id, InstanceState::Running, InstanceState::Stopping);
            let status = match ending {
                ScriptEnding::Passes => Some(0),
                ScriptEnding::Fails => Some(1),
                _ => None,
            };
            world.begin_console(&region, &id, &name, (role, status));
            let cause = match ending {
                ScriptEnding::AwsStopsIt => StopReason::Other("Server.ScheduledStop".into()),
                _ => StopReason::Guest,
            };
            if ending == ScriptEnding::Passes {
                let mut invariants = world.invariants.borrow_mut();
                match role {
                    Role::Builder => invariants.bake(&name).passed = true,
                    Role::Tester => invariants.test_passed(&world.account.borrow(), &region, &id),
                }
            }
            world.finish_stop(&region, &id, cause).await;
        });
    }

    /// What is in the image of a tester. Now and then the packages of the base are updated.
    fn contents(&self, region: &Region, tester: &InstanceId) -> Contents {
        if self.quirk(0.4) {
            self.updates.set(self.updates.get() + 1);
        }
        let account = self.account.borrow();
        let machine = account.regions.get(region).and_then(|ec2| ec2.machines.get(tester)?.now());
        let image = machine.and_then(|machine| machine.instance.image.clone());
        let mut invariants = self.invariants.borrow_mut();
        let updates = image.map(|image| *invariants.contents.of.entry(image).or_insert(self.updates.get()));
        contents::list(updates.unwrap_or_default())
    }

    /// Posts the console up to 90 seconds after the stop.
    fn begin_console(
        self: &Rc<Self>,
        region: &Region,
        id: &InstanceId,
        name: &ImageName,
        (role, status): (Role, Option<i32>),
    ) {
        let (world, region, id) = (Rc::clone(self), region.clone(), id.clone());
        let late = self.between(0, 90_000);
        let word = || seals().verdict_words(role, name)[0].clone();
        let listed = match (role, status) {
            (Role::Tester, Some(0)) => contents::printed(&self.contents(&region, &id), &word()),
            _ => String::new(),
        };
        let said = status.map_or(String::from("booted\n"), |status| {
            format!("booted\n{listed}kiln-verdict {} {status}\n", word())
        });
        self.spawn(async move {
            world.clock.sleep(late).await;
            let now = world.now();
            world.account.borrow_mut().region(&region).change(&id, now, |machine| machine.console = said);
        });
    }

    /// Stops a running instance, as a person does.
    pub fn stop(self: &Rc<Self>, region: &Region, id: &InstanceId) {
        if self.transition(region, id, InstanceState::Running, InstanceState::Stopping) {
            self.begin_stopping(region, id);
        }
    }

    /// Lets a stopping instance become stopped a little later.
    pub fn begin_stopping(self: &Rc<Self>, region: &Region, id: &InstanceId) {
        let (world, region, id) = (Rc::clone(self), region.clone(), id.clone());
        self.spawn(async move { world.finish_stop(&region, &id, StopReason::Api).await });
    }

    /// Lets a starting instance run a little later.
    pub fn begin_starting(self: &Rc<Self>, region: &Region, id: &InstanceId) {
        let (world, region, id) = (Rc::clone(self), region.clone(), id.clone());
        let boot = self.between(10_000, 60_000);
        self.spawn(async move {
            world.clock.sleep(boot).await;
            world.transition(&region, &id, InstanceState::Pending, InstanceState::Running);
        });
    }

    async fn finish_stop(self: &Rc<Self>, region: &Region, id: &InstanceId, cause: StopReason) {
        let takes = self.between(3_000, 40_000);
        self.clock.sleep(takes).await;
        let now = self.now();
        if self.transition(region, id, InstanceState::Stopping, InstanceState::Stopped) {
            let change = |machine: &mut super::ec2::Machine| machine.instance.stop_reason = cause;
            self.account.borrow_mut().region(region).change(id, now, change);
            self.note(|| format!("       {id} has stopped"));
            lambda::stop_event(self, region, id);
        }
    }

    /// The state of an instance.
    pub fn state(&self, region: &Region, id: &InstanceId) -> Option<InstanceState> {
        self.account.borrow().regions.get(region)?.state(id)
    }

    /// Changes an instance's state from one to another. Returns false, and changes nothing, if it has a third one.
    pub fn transition(
        &self,
        region: &Region,
        id: &InstanceId,
        from: InstanceState,
        to: InstanceState,
    ) -> bool {
        let fits = self.state(region, id) == Some(from);
        if fits {
            let now = self.now();
            let mut account = self.account.borrow_mut();
            account.region(region).set_state(id, now, to);
        }
        fits
    }
}
