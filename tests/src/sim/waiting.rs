//! The bakes that found no room for their builders.

use kiln_core::inventory::{Result, Waiting};
use kiln_core::model::{ImageName, Region};
use kiln_engine::ports::WaitingBakes;

use super::account::Account;
use super::cloud::{CallKind, InMemoryCloud};
use super::invariants::{Bake, Invariants};

/// The path below which they are noted.
const WAITING: &str = "/kiln/waiting";

/// Once there is room again, no bake waits for it. One that found none has begun, or somebody was told.
pub fn broken_promises(account: &Account, invariants: &Invariants) -> Vec<String> {
    let below = format!("{WAITING}/");
    let noted = account.parameters.iter();
    let noted = noted.filter_map(|(name, value)| Waiting::read(name.strip_prefix(&below)?, value));
    let still =
        noted.filter(|one| one.why.is_some()).map(|one| format!("{} waits for room in the end", one.name));
    let is_untold = |bake: &&Bake| {
        bake.found_no_room && !bake.begun && bake.ends.is_empty() && invariants.dead_bakes == 0
    };
    let untold = invariants.bakes.iter().filter(|(_, bake)| is_untold(bake));
    let untold = untold.map(|(name, _)| format!("{name} found no room, and nobody was told that it failed"));
    still.chain(untold).collect()
}

impl WaitingBakes for InMemoryCloud {
    async fn waiting(&self, home: &Region) -> Result<Vec<Waiting>> {
        let noted = self.below(home, WAITING).await?;
        Ok(noted.iter().filter_map(|(name, value)| Waiting::read(name, value)).collect())
    }

    async fn note_waiting(&self, home: &Region, bake: &Waiting) -> Result<()> {
        let name = format!("{WAITING}/{}", bake.name);
        let effect = |account: &mut Account, _| {
            account.parameters.insert(name.clone(), bake.value());
            Ok(())
        };
        self.call(CallKind::Change, "PutParameter", home, &name, effect).await
    }

    async fn forget_waiting(&self, home: &Region, bake: &ImageName) -> Result<()> {
        let name = format!("{WAITING}/{bake}");
        let effect = |account: &mut Account, _| {
            account.parameters.remove(&name);
            Ok(())
        };
        self.call(CallKind::Change, "DeleteParameter", home, &name, effect).await
    }
}
