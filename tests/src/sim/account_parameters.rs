//! The recipes' parameters in other accounts, and the promises on them.

use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{Grantee, Image, ImageState, Result};
use kiln_core::model::{ImageId, RecipeName, Region};
use kiln_engine::ports::AccountParameters;

use super::account::Account;
use super::cloud::{CallKind, InMemoryCloud, failed};
use super::history::History;
use super::invariants::{Invariants, Promised};
use super::lambda::Invocation;
use super::operators;
use super::releases::{changed_by_hand, is_published};
use super::world::World;

/// An account that gives Kiln no role before the faults cease.
const WITHOUT_ROLE: &str = "222222222222";

/// What the parameters of other accounts name, by account and name, in one Region.
pub type OfAccounts = BTreeMap<(String, String), History<ImageId>>;

/// Somebody rolls a recipe back after the last bake, in the worlds in which parameters of other accounts follow: no newer
/// release comes to hide one that did not go back.
pub(super) fn rolls_back_late(world: &Rc<World>, end_of_faults: DateTime<Utc>) {
    if !world.with_followers {
        return;
    }
    let before = TimeDelta::minutes(world.follower_dice.borrow_mut().i64(5..120));
    let world = Rc::clone(world);
    world.clone().spawn(async move {
        world.clock.sleep(end_of_faults - before - world.now()).await;
        let recipes: Vec<RecipeName> = world.invariants.borrow().recipes.keys().cloned().collect();
        let recipe = world.follower_dice.borrow_mut().choice(recipes);
        if let Some(recipe) = recipe {
            operators::roll_back(&world, recipe, None);
        }
    });
}

impl AccountParameters for InMemoryCloud {
    async fn parameters_in(
        &self,
        account: &str,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, String>> {
        self.assume_role(account).await?;
        let look = |all: &mut Account, at| {
            let shown = &all.region(region).account_parameters;
            let value = |name: &String| {
                let key = (account.to_owned(), name.clone());
                Some((name.clone(), shown.get(&key)?.at(at)?.to_string()))
            };
            names.iter().filter_map(value).collect()
        };
        self.read("GetParameters", region, account, look).await
    }

    async fn put_image_in(&self, account: &str, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        self.assume_role(account).await?;
        let effect = |all: &mut Account, now| {
            let mut invariants = self.world.invariants.borrow_mut();
            invariants.account_parameter_put(all, self.invocation(), (account, region, name), image, now);
            drop(invariants);
            let puts =
                all.region(region).account_puts.entry((account.to_owned(), name.to_owned())).or_default();
            *puts += 1;
            let world = Rc::clone(&self.world);
            let put = Put {
                account: account.to_owned(),
                region: region.clone(),
                name: name.to_owned(),
                image: image.clone(),
                number: *puts,
            };
            match self.world.faults.get().slow {
                true => self.world.spawn(async move {
                    world.clock.sleep(world.between(0, 4_000)).await;
                    put.take_effect(&mut world.account.borrow_mut(), world.now());
                }),
                false => put.take_effect(all, now),
            }
            Ok(())
        };
        self.call(CallKind::Change, "PutParameter", region, name, effect).await
    }
}

impl InMemoryCloud {
    /// Whether a parameter of another account shows a newer release than this image is of.
    pub(super) fn names_newer_in(&self, account: &str, region: &Region, name: &str, image: &ImageId) -> bool {
        let mut all = self.world.account.borrow_mut();
        let ec2 = all.region(region);
        let version = |id: &ImageId| Some(ec2.images.get(id)?.now()?.record().ok()?.name.version);
        let shown = ec2.account_parameters.get(&(account.to_owned(), name.to_owned())).and_then(History::now);
        shown.and_then(version) > version(image)
    }

    /// AssumeRole, without which nothing of another account can be called.
    async fn assume_role(&self, account: &str) -> Result<()> {
        let home = self.world.context.home.clone();
        let effect =
            |_: &mut Account, now| match account == WITHOUT_ROLE && now < self.world.end_of_faults.get() {
                true => Err(failed("AssumeRole", account, &home, "AccessDenied")),
                false => Ok(()),
            };
        self.call(CallKind::Read, "AssumeRole", &home, account, effect).await
    }
}

/// A write to a parameter of another account that has not taken effect yet.
struct Put {
    account: String,
    region: Region,
    name: String,
    image: ImageId,
    number: u64,
}

impl Put {
    /// Makes the value visible, unless a later write came first, or EC2 does not show the image to that account.
    fn take_effect(self, all: &mut Account, now: DateTime<Utc>) {
        let ec2 = all.region(&self.region);
        let available = |image: &Image| image.state == ImageState::Available;
        let is_there = ec2.images.get(&self.image).and_then(History::now).is_some_and(available);
        let grantee = Grantee::Account(self.account.clone());
        let is_shared = ec2.launch_permissions.get(&self.image).is_some_and(|may| may.contains(&grantee));
        let key = (self.account, self.name);
        if !is_there || !is_shared || ec2.account_puts.get(&key) != Some(&self.number) {
            return;
        }
        match ec2.account_parameters.get_mut(&key) {
            Some(history) => history.change(now, |shown| *shown = self.image),
            None => {
                ec2.account_parameters.insert(key, History::new(now, self.image));
            }
        }
    }
}

impl Invariants {
    /// Checks that a parameter in another account names nothing that is recalled, or is no release.
    fn account_parameter_put(
        &mut self,
        all: &Account,
        by: &Invocation,
        (account, region, name): (&str, &Region, &str),
        id: &ImageId,
        now: DateTime<Utc>,
    ) {
        self.changes += 1;
        let may = self.may_be_named(all, by, region, id);
        if let Err(why) = may.and_then(|()| self.was_not_rolled_back_from(all, by, region, id, now)) {
            let function = by.function;
            self.broken_promise(format!(
                "{now}: {function:?} let {name} of account {account} in {region} name {id}: {why}"
            ));
        }
    }

    /// In the end, the parameters of other accounts name what those of this one do.
    pub(super) fn broken_accounts(&self, all: &Account, home: &Region) -> Vec<String> {
        let follow = self.recipes.values().filter(|promised| promised.is_followed);
        follow.flat_map(|promised| self.behind(all, home, promised)).collect()
    }

    fn behind(&self, all: &Account, home: &Region, promised: &Promised) -> Vec<String> {
        let Some(parameter) = &promised.parameter else { return Vec::new() };
        let mut broken = Vec::new();
        for region in promised.regions.iter().chain([home]) {
            let Some(ec2) = all.regions.get(region) else { continue };
            let Some(named) = ec2.parameters_shown.get(parameter).and_then(History::now) else { continue };
            let image = ec2.images.get(named).and_then(History::now);
            let Some((image, record)) = image.and_then(|image| Some((image, image.record().ok()?))) else {
                continue;
            };
            // What is retagged or no release any more is left as it is, here and there.
            if !is_published(image) || changed_by_hand(self, image, &record) {
                continue;
            }
            for account in &promised.accounts {
                let there = ec2.account_parameters.get(&(account.clone(), parameter.clone()));
                let there = there.and_then(History::now);
                if there != Some(named) {
                    broken.push(format!(
                        "{parameter} of account {account} in {region} names {there:?}, and here {named}"
                    ));
                }
            }
        }
        broken
    }
}
