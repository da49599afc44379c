//! Channels, in some worlds: people who approve releases and roll channels back, and the promises on what the channels name.

use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{Image, ImageState};
use kiln_core::model::channels::Entries;
use kiln_core::model::{ImageId, ImageRecord, RecipeName, Region, Stage, tags};
use serde_json::json;

use super::account::Account;
use super::faults::{MOST_LAG, MOST_SKEW};
use super::history::History;
use super::invariants::{Invariants, Promised};
use super::lambda::{self, Function, Invocation};
use super::members::{home_of, member};
use super::releases::is_published;
use super::world::World;

/// How often such a person comes, beside the others.
const OF_THOSE: f64 = 0.6;
/// How often he rolls a channel back, where people do.
const BACK: f64 = 0.4;
/// How long a release waits for the first channel.
const AFTER: TimeDelta = TimeDelta::hours(1);

/// When somebody approved releases of a recipe.
pub type Approvals = BTreeMap<RecipeName, Vec<DateTime<Utc>>>;

/// The channels of a recipe, as its document says them: `prod` comes behind `stage`.
pub(super) fn document(recipe: &str) -> String {
    format!(
        "[channels.prod]\nparameter = \"/golden/{recipe}/prod\"\nfollows = \"stage\"\napproval = true\n\
         [channels.stage]\nparameter = \"/golden/{recipe}/stage\"\nafter = \"1h\"\n"
    )
}

/// The channel that a parameter is of.
fn channel_of(parameter: &str) -> Option<&str> {
    let (_, last) = parameter.rsplit_once('/')?;
    ["stage", "prod"].contains(&last).then_some(last)
}

/// Whether a parameter is one of a channel.
pub(super) fn is_of_channel(parameter: &str) -> bool {
    channel_of(parameter).is_some()
}

/// Somebody approves what waits, or rolls a channel back, by one invocation without retries; or nobody does.
pub fn act(world: &Rc<World>) {
    let often = world.faults.get().operator * OF_THOSE;
    let comes = |dice: &mut fastrand::Rng| often > 0.0 && dice.f64() < often;
    if !world.with_channels || !comes(&mut world.channel_dice.borrow_mut()) {
        return;
    }
    let recipes: Vec<RecipeName> = world.invariants.borrow().recipes.keys().cloned().collect();
    let Some(recipe) = world.channel_dice.borrow_mut().choice(recipes) else { return };
    let goes_back = world.channels_go_back && world.channel_dice.borrow_mut().f64() < BACK;
    let asked = if goes_back {
        let channel = if world.channel_dice.borrow_mut().bool() { "stage" } else { "prod" };
        json!({ "rollback": recipe, "channel": channel })
    } else {
        let now = world.now();
        world.invariants.borrow_mut().approvals.entry(recipe.clone()).or_default().push(now);
        json!({ "approve": recipe, "channel": "prod", "dry_run": false })
    };
    world.note(|| format!("somebody asks for {asked}"));
    let world = Rc::clone(world);
    world.clone().spawn(async move {
        let answer = lambda::run(&world, Function::Publish, &asked).await;
        world.note(|| format!("       {asked} answers {:?}", answer.err()));
    });
}

impl Invariants {
    /// Whether a channel may name an image: its release has come so far.
    pub(super) fn may_come(
        &self,
        account: &Account,
        by: &Invocation,
        (region, parameter): (&Region, &str),
        id: &ImageId,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let image = account.regions.get(region).and_then(|ec2| ec2.images.get(id)?.now());
        let record = image.and_then(|image| image.record().ok());
        let (Some(record), Some(channel)) = (record, channel_of(parameter)) else { return Ok(()) };
        if self.bakes.get(&record.name).is_some_and(|bake| bake.changed_by_hand) {
            return Ok(());
        }
        let rolled_back = self.releases.rollbacks.get(&record.name.recipe);
        if let Some(back) = rolled_back.filter(|back| back.at < by.began - MOST_LAG - MOST_SKEW)
            && self.releases.left.contains(&record.name)
        {
            return Err(format!("somebody had rolled back from it at {}", back.at));
        }
        let home = home_of(account, &by.home, id, &record);
        let Some(history) = account.regions.get(&by.home).and_then(|ec2| ec2.images.get(&home)) else {
            return Ok(());
        };
        let Some(at_home) = history.now() else { return Ok(()) };
        let is_taken_back = |image: &Image| Entries::of(&image.tags).is_taken_back(channel);
        let known = history.at(by.began - MOST_LAG - MOST_SKEW);
        if is_taken_back(at_home) && known.is_some_and(is_taken_back) {
            return Err(format!("{channel} was rolled back from {}", record.name));
        }
        let released = at_home.tags.time(tags::RELEASED_AT);
        match channel {
            "stage" if released.is_none_or(|released| now + MOST_SKEW * 2 < released + AFTER) => {
                Err(format!("it was released at {released:?}, and waits for {AFTER}"))
            }
            "prod" => self.was_approved(at_home, &record),
            _ => Ok(()),
        }
    }

    fn was_approved(&self, at_home: &Image, record: &ImageRecord) -> Result<(), String> {
        let entries = Entries::of(&at_home.tags);
        // What is there stays there, if the channel before is rolled back from it.
        if entries.is_taken_back("stage") && entries.has_come("prod") {
            return Ok(());
        }
        let Some(since) = entries.since("stage") else {
            return Err("it has not come to the channel before".into());
        };
        let approvals = self.approvals.get(&record.name.recipe).into_iter().flatten();
        // A function's clock may be before or behind the person's.
        match approvals.into_iter().any(|at| *at + MOST_SKEW * 2 + TimeDelta::seconds(1) >= since) {
            true => Ok(()),
            false => Err(format!("nobody approved it since {since}")),
        }
    }
}

/// Every channel of a recipe that does not name in the end what has come to it last.
pub(super) fn broken_promises(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    recipe: &RecipeName,
    promised: &Promised,
) -> Vec<String> {
    let is_changed = invariants.bakes.iter().any(|(name, bake)| {
        name.recipe == *recipe && (bake.changed_by_hand || !bake.replicas_changed_by_hand.is_empty())
    });
    let is_troubled = !promised.all_regions
        || promised.is_blind
        || !promised.changes.left.is_empty()
        || !invariants.conflicts.is_empty()
        || invariants.releases.rollbacks.contains_key(recipe);
    if is_changed || is_troubled {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for channel in ["stage", "prod"] {
        let parameter = format!("/golden/{recipe}/{channel}");
        let came = account.images().filter(|image| {
            image.region == *home
                && image.state == ImageState::Available
                && !image.is_out()
                && Entries::of(&image.tags).since(channel).is_some()
        });
        let came = came.filter_map(|image| Some((image.record().ok()?, image)));
        let came = came.filter(|(record, _)| {
            record.copied.is_none() && record.name.recipe == *recipe && record.stage == Stage::Released
        });
        let Some((record, last)) = came.max_by_key(|(record, _)| record.name.version) else { continue };
        for region in promised.required.iter().chain([home]) {
            let wanted = member(account, home, &last.id, region, DateTime::<Utc>::MAX_UTC)
                .filter_map(History::now)
                .find(|image| is_published(image));
            let named =
                account.regions.get(region).and_then(|ec2| ec2.parameters_shown.get(&parameter)?.now());
            if let Some(wanted) = wanted.filter(|wanted| named != Some(&wanted.id)) {
                broken.push(format!(
                    "{parameter} in {region} names {named:?}, not {} of {}",
                    wanted.id, record.name
                ));
            }
        }
    }
    broken
}
