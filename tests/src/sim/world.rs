//! One run's world: the account, its time, its chance, and how EC2's things live in it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use futures::executor::LocalSpawner;
use kiln_core::inventory::{ImageState, InstanceState, StopReason};
use kiln_core::model::user_data::verdict_nonce;
use kiln_core::model::{ImageId, ImageName, InstanceId, Region, Role};
use kiln_engine::context::Context;

use super::account::Account;
use super::bugs::{Bug, FirstUses};
use super::clock::{self, Clock};
use super::faults::{Faults, MOST_LAG};
use super::invariants::Invariants;
use super::lambda::{self, KillPoint};

/// The world of one run.
pub struct World {
    /// Its time.
    pub clock: Rc<Clock>,
    /// What the account holds.
    pub account: RefCell<Account>,
    /// Its chance, which the seed decides.
    pub dice: RefCell<Rng>,
    /// How likely which fault is at present.
    pub faults: Cell<Faults>,
    /// Who watches that the promises are kept.
    pub invariants: RefCell<Invariants>,
    /// Where Kiln lives.
    pub context: Context,
    /// The bug that was planted, where one was.
    pub bug: Bug,
    /// What one planted bug remembers.
    pub first_uses: FirstUses,
    /// Whether nobody may ask EC2 what names an image.
    pub without_references: bool,
    /// Where a function is killed, apart from chance.
    pub kill_point: Cell<Option<KillPoint>>,
    /// What happened, where somebody wants to read it.
    pub trace: Option<RefCell<Vec<String>>>,
    spawner: LocalSpawner,
}

/// How the script of a launched builder ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
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
            faults: Cell::new(Faults::still()),
            invariants: RefCell::new(Invariants::default()),
            context,
            bug,
            first_uses: FirstUses::default(),
            without_references: seed % 4 == 3,
            kill_point: Cell::new(None),
            trace: traced.then(RefCell::default),
            spawner,
        })
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Whether something of that probability happens.
    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.dice.borrow_mut().f64() < probability
    }

    /// A span between two, in milliseconds.
    pub fn between(&self, least: i64, most: i64) -> TimeDelta {
        TimeDelta::milliseconds(self.dice.borrow_mut().i64(least..=most))
    }

    /// The moment that a read sees.
    pub fn seen_at(&self) -> DateTime<Utc> {
        let lag = match self.chance(self.faults.get().stale) {
            true => self.between(0, MOST_LAG.num_milliseconds()),
            false => TimeDelta::zero(),
        };
        self.now() - lag
    }

    /// Writes a line of the trace, where somebody wants to read it.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let time = self.now().format("%d %H:%M:%S%.3f");
            trace.borrow_mut().push(format!("{time}  {}", line()));
        }
    }

    /// Begins something that goes on beside everything else.
    pub fn begin(&self, task: impl Future<Output = ()> + 'static) {
        clock::begin(&self.spawner, task);
    }

    /// An image is being made: it takes its time, and may fail.
    pub fn begin_image(self: &Rc<Self>, region: &Region, id: &ImageId, copied: bool) {
        let (world, region, id) = (Rc::clone(self), region.clone(), id.clone());
        let (takes, fails, loses) = {
            let faults = self.faults.get();
            let fails = self.chance(if copied { faults.copy_fails } else { faults.image_fails });
            (self.between(60_000, 20 * 60_000), fails, self.chance(0.3))
        };
        self.begin(async move {
            world.clock.sleep(takes).await;
            let why = fails.then_some(if copied {
                "Given key ID is not accessible"
            } else {
                "Client.InternalError"
            });
            let now = world.now();
            let ended = world.account.borrow_mut().region(&region).finish(&id, why, loses && !copied, now);
            if ended {
                world.tell_image(&region, &id);
            }
        });
    }

    /// EC2's event on an image, with the state that it has now.
    pub fn tell_image(self: &Rc<Self>, region: &Region, id: &ImageId) {
        let state = {
            let account = self.account.borrow();
            let held = account.regions.get(region).and_then(|ec2| ec2.images.get(id));
            held.and_then(super::history::History::now)
                .map_or(ImageState::Deregistered, |image| image.state.clone())
        };
        self.note(|| format!("       {id} in {region} is {state}"));
        if matches!(state, ImageState::Available | ImageState::Failed | ImageState::Deregistered) {
            lambda::image_event(self, region, id, &state.to_string());
        }
    }

    /// The life of a builder or a tester that was just launched.
    pub fn begin_machine(self: &Rc<Self>, region: &Region, id: &InstanceId, name: &ImageName, role: Role) {
        let ending = match self.chance(self.faults.get().script_ends_badly) {
            true => [Ending::Fails, Ending::Hangs, Ending::SaysNothing, Ending::AwsStopsIt]
                [self.dice.borrow_mut().usize(0..4)],
            false => Ending::Passes,
        };
        let (boot, works) = (self.between(10_000, 60_000), self.between(30_000, 15 * 60_000));
        let (world, region, id, name) = (Rc::clone(self), region.clone(), id.clone(), name.clone());
        self.begin(async move {
            world.clock.sleep(boot).await;
            world.becomes(&region, &id, InstanceState::Pending, InstanceState::Running);
            world.clock.sleep(works).await;
            if ending == Ending::Hangs || world.state(&region, &id) != Some(InstanceState::Running) {
                return;
            }
            world.becomes(&region, &id, InstanceState::Running, InstanceState::Stopping);
            let status = match ending {
                Ending::Passes => Some(0),
                Ending::Fails => Some(1),
                _ => None,
            };
            world.begin_console(&region, &id, &name, (role, status));
            let cause = match ending {
                Ending::AwsStopsIt => StopReason::Other("Server.ScheduledStop".into()),
                _ => StopReason::Guest,
            };
            if ending == Ending::Passes {
                let mut invariants = world.invariants.borrow_mut();
                match role {
                    Role::Builder => invariants.bake(&name).passed = true,
                    Role::Tester => invariants.test_passed(&world.account.borrow(), &region, &id),
                }
            }
            world.stops(&region, &id, cause).await;
        });
    }

    /// EC2 posts a console a little after the stop.
    fn begin_console(
        self: &Rc<Self>,
        region: &Region,
        id: &InstanceId,
        name: &ImageName,
        (role, status): (Role, Option<i32>),
    ) {
        let (world, region, id) = (Rc::clone(self), region.clone(), id.clone());
        let late = self.between(0, 90_000);
        let said = status.map_or(String::from("booted\n"), |status| {
            format!("booted\nkiln-verdict {} {status}\n", verdict_nonce(role, name))
        });
        self.begin(async move {
            world.clock.sleep(late).await;
            let now = world.now();
            world.account.borrow_mut().region(&region).change(&id, now, |machine| machine.console = said);
        });
    }

    /// Somebody stops a running instance.
    pub fn stop(self: &Rc<Self>, region: &Region, id: &InstanceId) {
        if self.becomes(region, id, InstanceState::Running, InstanceState::Stopping) {
            self.begin_stopping(region, id);
        }
    }

    /// An instance that was asked to stop does so a little later.
    pub fn begin_stopping(self: &Rc<Self>, region: &Region, id: &InstanceId) {
        let (world, region, id) = (Rc::clone(self), region.clone(), id.clone());
        self.begin(async move { world.stops(&region, &id, StopReason::Api).await });
    }

    /// An instance that was asked to start runs a little later.
    pub fn begin_starting(self: &Rc<Self>, region: &Region, id: &InstanceId) {
        let (world, region, id) = (Rc::clone(self), region.clone(), id.clone());
        let boot = self.between(10_000, 60_000);
        self.begin(async move {
            world.clock.sleep(boot).await;
            world.becomes(&region, &id, InstanceState::Pending, InstanceState::Running);
        });
    }

    async fn stops(self: &Rc<Self>, region: &Region, id: &InstanceId, cause: StopReason) {
        let takes = self.between(3_000, 40_000);
        self.clock.sleep(takes).await;
        let now = self.now();
        if self.becomes(region, id, InstanceState::Stopping, InstanceState::Stopped) {
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

    /// Changes an instance's state, if it is what it must be for that; tells whether it was.
    pub fn becomes(&self, region: &Region, id: &InstanceId, from: InstanceState, to: InstanceState) -> bool {
        let fits = self.state(region, id) == Some(from);
        if fits {
            let now = self.now();
            let mut account = self.account.borrow_mut();
            account.region(region).become_state(id, now, to);
        }
        fits
    }
}
