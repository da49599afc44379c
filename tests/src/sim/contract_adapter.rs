//! Runs the contract against the in-memory cloud, in virtual time and without faults.

use std::cell::RefCell;
use std::rc::Rc;

use chrono::{TimeDelta, TimeZone, Utc};
use futures::future::AbortHandle;
use kiln_core::expire::forecast::Prices;
use kiln_core::model::{ImageId, Tags};
use kiln_core::recipe::Bounds;
use kiln_engine::context::Context;

use super::bugs::Bug;
use super::clock::{Clock, Executor};
use super::cloud::InMemoryCloud;
use super::faults::Faults;
use super::lambda::{Function, Invocation};
use super::world::World;
use crate::contract::{Checked, ContractAdapter, check};

/// The in-memory cloud of one check.
struct InMemory {
    world: Rc<World>,
    cloud: InMemoryCloud,
    base: ImageId,
}

impl ContractAdapter for InMemory {
    type Cloud = InMemoryCloud;

    fn cloud(&self) -> &InMemoryCloud {
        &self.cloud
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
/// What differs from the assumption.
pub fn on_memory(name: &'static str) -> Checked {
    let clock = Clock::at(Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap());
    let mut executor = Executor::new(Rc::clone(&clock));
    let context = Context {
        home: "us-east-1".parse().unwrap(),
        recipes: "/kiln/recipes".into(),
        bounds: Bounds::none(),
        prices: Prices::default(),
    };
    let world = World::new(clock, executor.spawner(), 1, context, Bug::None, false);
    // No event is delivered, so no function runs and only the check acts.
    world.faults.set(Faults { lost: 1.0, ..Faults::calm() });
    let base = world.account.borrow_mut().register(&world.context.home, "base", Tags::new(), world.now());
    // The ports need an invocation. This one was started by no event, and nothing kills it.
    let (abort, _) = AbortHandle::new_pair();
    let invocation = Invocation::new(Function::Bake, 0, &world, abort);
    let cloud = InMemoryCloud::new(Rc::clone(&world), Rc::new(invocation));
    let adapter = InMemory { world: Rc::clone(&world), cloud, base };
    let checked: Rc<RefCell<Option<Checked>>> = Rc::default();
    let result = Rc::clone(&checked);
    world.spawn(async move {
        let checked = check(&adapter, name).await;
        *result.borrow_mut() = Some(checked);
    });
    executor.run_until(world.now() + TimeDelta::days(1));
    let checked = checked.borrow_mut().take();
    checked.unwrap_or(Err("the check did not end within a day".into()))
}
