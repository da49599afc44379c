//! The in-memory cloud as a ground for the contract: without faults, and with its time.

use std::cell::RefCell;
use std::rc::Rc;

use chrono::{TimeDelta, TimeZone, Utc};
use futures::future::AbortHandle;
use kiln_core::expire::forecast::Prices;
use kiln_core::model::{ImageId, Tags};
use kiln_engine::context::Context;

use super::bugs::Bug;
use super::clock::{Clock, Executor};
use super::cloud::Wire;
use super::faults::Faults;
use super::lambda::{Function, Invocation};
use super::world::World;
use crate::contract::{Checked, ContractAdapter, check};

/// The ground of one check.
struct InMemory {
    world: Rc<World>,
    wire: Wire,
    base: ImageId,
}

impl ContractAdapter for InMemory {
    type Cloud = Wire;

    fn cloud(&self) -> &Wire {
        &self.wire
    }

    async fn base(&self) -> ImageId {
        self.base.clone()
    }

    async fn wait(&self) {
        self.world.clock.sleep(TimeDelta::seconds(5)).await;
    }
}

/// Checks one assumption on the in-memory cloud.
///
/// # Errors
/// What went otherwise than assumed.
pub fn on_memory(name: &'static str) -> Checked {
    let clock = Clock::at(Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap());
    let mut executor = Executor::new(Rc::clone(&clock));
    let context = Context {
        home: "us-east-1".parse().unwrap(),
        recipes: "/kiln/recipes".into(),
        prices: Prices::default(),
    };
    let world = World::new(clock, executor.spawner(), 1, context, Bug::None, false);
    // No event arrives: Kiln's functions sleep, and only the check acts.
    world.faults.set(Faults { lost: 1.0, ..Faults::calm() });
    let base = world.account.borrow_mut().register(&world.context.home, "base", Tags::new(), world.now());
    // No event woke it, and nothing ends it.
    let (abort, _) = AbortHandle::new_pair();
    let invocation = Invocation::new(Function::Bake, 0, &world, abort);
    let wire = Wire::new(Rc::clone(&world), Rc::new(invocation));
    let adapter = InMemory { world: Rc::clone(&world), wire, base };
    let answered: Rc<RefCell<Option<Checked>>> = Rc::default();
    let tell = Rc::clone(&answered);
    world.begin(async move {
        let checked = check(&adapter, name).await;
        *tell.borrow_mut() = Some(checked);
    });
    executor.run_until(world.now() + TimeDelta::days(1));
    let checked = answered.borrow_mut().take();
    checked.unwrap_or(Err("it did not come to its end".into()))
}
