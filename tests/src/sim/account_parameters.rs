//! The recipes' parameters in other accounts, and the promise on what they name.

use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use kiln_core::inventory::{Grantee, Image, ImageState, Result};
use kiln_core::model::{ImageId, Region};
use kiln_engine::ports::AccountParameters;

use super::account::Account;
use super::cloud::{CallKind, InMemoryCloud, failed};
use super::history::History;
use super::invariants::Invariants;
use super::lambda::Invocation;

/// An account that gives Kiln no role before the faults cease.
const WITHOUT_ROLE: &str = "222222222222";

/// What the parameters of other accounts name, by account and name, in one Region.
pub type OfAccounts = BTreeMap<(String, String), History<ImageId>>;

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
}
