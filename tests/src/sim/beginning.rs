//! How a run begins: the recipes, their base image, long-lived builders, and what Kiln does not manage.

use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use kiln_core::inventory::InstanceState;
use kiln_core::model::{ImageId, ImageName, ImageRecord, RecipeName, Region, Tags, Version, tags};

use super::account::Account;
use super::channels;
use super::invariants::Promised;
use super::regions_leave::RegionChanges;
use super::world::World;

const SCRIPT: &str = "script = \"true\"\n";

pub(super) const HOME: &str = "us-east-1";
pub(super) const FURTHER: [&str; 2] = ["eu-west-1", "ap-southeast-2"];

pub(super) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

/// The home Region and the further ones.
pub(super) fn all_regions() -> impl Iterator<Item = Region> {
    [HOME].into_iter().chain(FURTHER).map(region)
}

/// Creates the recipes, their base image, long-lived builders, and resources that Kiln does not manage.
pub(super) fn set_up(world: &Rc<World>, now: DateTime<Utc>, away: Option<&Region>) {
    world.invariants.borrow_mut().is_one_away = away.is_some();
    let home = world.context.home.clone();
    let mut account = world.account.borrow_mut();
    let base = account.register(&home, "al2023", Tags::new(), now);
    account.parameters.insert("/base".into(), base.to_string());
    let mut dice = world.dice.borrow_mut();
    for name in ["base", "web", "worker"].iter().take(dice.usize(1..4)) {
        let layered = name == &"worker" && dice.bool();
        let numbers = (&mut *dice, &mut *world.whims.borrow_mut());
        let (document, promised) =
            recipe(name, (layered, world.with_followers), away, numbers, world.quirk(0.3));
        if name == &"base" {
            let own = register_past_release(&mut account, &home, now);
            world.invariants.borrow_mut().own.insert(own);
        }
        let channels = if world.with_channels { channels::document(name) } else { String::new() };
        account.parameters.insert(format!("{}/{name}", world.context.recipes), document + &channels);
        let name: RecipeName = name.parse().unwrap();
        if dice.u8(0..4) == 0 {
            let own = Tags::new().with(tags::RECIPE, &name);
            let instance = account.run(&home, &base, InstanceState::Running, own, now);
            // In half of the worlds the recipe names it; in the others somebody tagged an instance of his own.
            if dice.bool() && !layered {
                let imaged = format!("instance = \"{instance}\"\n");
                let key = format!("{}/{name}", world.context.recipes);
                let document = &account.parameters[&key];
                let without = document.replace("base = \"ssm:/base\"\n", &imaged).replace(SCRIPT, "");
                let without: String = without
                    .lines()
                    .filter(|line| !line.starts_with("subnets") && !line.starts_with("steps"))
                    .map(|line| format!("{line}\n"))
                    .collect();
                account.parameters.insert(key, without);
            }
        }
        world.invariants.borrow_mut().recipes.insert(name, promised);
    }
    let others: Vec<(Region, ImageId)> = [HOME, FURTHER[0]]
        .map(region)
        .into_iter()
        .flat_map(|region| {
            let alike = Tags::new().with(tags::RECIPE, "web");
            let first = account.register(&region, "web-20200101T000000Z", Tags::new(), now);
            let second = account.register(&region, "made by hand", alike, now);
            [(region.clone(), first), (region, second)]
        })
        .collect();
    for (region, image) in others {
        account.run(&region, &image, InstanceState::Stopped, Tags::new(), now);
    }
}

/// Registers a past release of the recipe `base`, so that layered recipes can bake at once.
fn register_past_release(account: &mut Account, home: &Region, now: DateTime<Utc>) -> ImageId {
    let version = Version::at(now - TimeDelta::days(1)).unwrap();
    let name = ImageName { recipe: "base".parse().unwrap(), version };
    let record = ImageRecord {
        name,
        stage: kiln_core::model::Stage::Released,
        base: None,
        copied: None,
        copied_back: None,
        adopted: false,
        asked_again: None,
    };
    let image = account.register(home, &record.name.to_string(), Tags::new(), now);
    account.set_source_instance(home, &image, now);
    account.set_record(home, &image, &record, now);
    image
}

fn recipe(
    name: &str,
    (layered, with_followers): (bool, bool),
    away: Option<&Region>,
    (dice, whims): (&mut Rng, &mut Rng),
    skips_unchanged: bool,
) -> (String, Promised) {
    let one_of = |dice: &mut Rng, of: &[&'static str]| of[dice.usize(0..of.len())];
    let newest = dice.usize(2..4);
    let newest = if whims.u8(0..8) == 0 { 1 } else { newest };
    let older_than = one_of(dice, &["0h", "3h", "8h"]);
    let confirm_after = one_of(dice, &["0h", "2h"]);
    let quarantine = one_of(dice, &["0h", "2h"]);
    let regions: Vec<&str> = FURTHER.into_iter().take(dice.usize(0..3)).collect();
    let subnets = one_of(dice, &["", "subnets = [\"subnet-0a\", \"subnet-0b\"]\n"]);
    let base = if layered { "recipe:base\"\non_base_release = true\n#\"" } else { "ssm:/base" };
    let is_away = |code: &str| away.is_some_and(|away| away.as_str() == code);
    let best_effort: Vec<&str> =
        regions.iter().copied().filter(|code| dice.u8(0..4) == 0 || is_away(code)).collect();
    let all_regions = dice.u8(0..4) > 0;
    let strategy = if all_regions { "together" } else { "each" };
    let verify = dice.u8(0..3) == 0;
    let parameter = (dice.u8(0..5) > 0).then(|| format!("/golden/{name}"));
    let named = parameter.as_ref().map_or(String::new(), |name| format!("parameter = {name:?}\n"));
    let accounts: Vec<String> = if dice.bool() { vec!["111111111111".into()] } else { Vec::new() };
    let snapshots = !accounts.is_empty() && dice.bool();
    let accounts = if with_followers { vec!["111111111111".into()] } else { accounts };
    // Where the accounts change, so do those of the parameter.
    let (is_followed, is_marked) = (with_followers && parameter.is_some(), with_followers);
    let followed = if is_followed { format!("parameter_accounts = {accounts:?}\n") } else { String::new() };
    let marked = if is_marked { "watermark = \"verified\"\n" } else { "" };
    let on_loss = if whims.u8(0..4) == 0 { "roll-back" } else { "copy-back" };
    // Some recipes are folders, whose builders are launched with other links each time.
    let (archive, runs) = match name {
        "base" => (format!("archive = \"sha256:{}\"\n", "0a".repeat(32)), "steps = [\"scripts/a.sh\"]\n"),
        _ => (String::new(), SCRIPT),
    };
    let document = format!(
        "name = \"{name}\"\n{archive}[bake]\nbase = \"{base}\"\ninstance_type = \"t4g.small\"\ntimeout = \"45m\"\n\
         {runs}{subnets}[verify]\ntimeout = \"30m\"\n\
         [adopt]\nname = \"packer*\"\nderegister = true\n[publish]\nskip_unchanged = {skips_unchanged}\n{named}{followed}{marked}share = {{ accounts = {accounts:?}, snapshots = {snapshots} }}\n\
         [replicate]\nregions = {regions:?}\nbest_effort = {best_effort:?}\n\
         release = \"{strategy}\"\nverify = {verify}\non_loss = \"{on_loss}\"\n\
         [expire]\nkeep = {newest}\nolder_than = \"{older_than}\"\nconfirm_after = \"{confirm_after}\"\nquarantine = \"{quarantine}\"\nmax_percent = 100\n"
    );
    let span = |text: &str| TimeDelta::hours(text.trim_end_matches('h').parse().unwrap());
    let required = regions.iter().filter(|region| !best_effort.contains(region));
    let promised = Promised {
        newest,
        younger_than: span(older_than),
        required: required.map(|code| region(code)).collect(),
        regions: regions.iter().filter(|code| !is_away(code)).map(|code| region(code)).collect(),
        changes: RegionChanges::default(),
        is_blind: regions.iter().any(|code| is_away(code)),
        all_regions,
        parameter,
        is_followed,
        is_marked,
        template: None,
        accounts,
        snapshots,
        skips_unchanged,
    };
    (document, promised)
}
