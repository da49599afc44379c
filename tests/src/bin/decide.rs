//! Measures the time and memory of `expire`'s decisions alone, over many images: `decide --images 100000`.
//!
//! The images belong to 500 recipes; a third are home images and the others replicas. By the rules of their recipes
//! half of them may go, and each tenth of these is in use.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is a command of the benchmarks, and a wrong assumption in it must stop it"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use kiln_core::expire::forecast::{Prices, Sizes, last_decisions, plan_row};
use kiln_core::expire::in_use::{UsageByRegion, UsageIndex};
use kiln_core::expire::keep_rules::{candidates, decide};
use kiln_core::expire::lineage::Lineage;
use kiln_core::expire::{ImagesByRegion, limits};
use kiln_core::inventory::usage::{Referrer, Target};
use kiln_core::inventory::{
    Architecture, Features, Image, ImageState, Protection, Reference, RegionUsage, Seal, SharedWith,
};
use kiln_core::model::record::CopySource;
use kiln_core::model::{ImageId, ImageName, ImageRecord, Origin, Region, Stage, Version};
use kiln_core::plan::Action;
use kiln_core::recipe::Recipe;

const RECIPES: usize = 500;
const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];
const ROUNDS: usize = 5;

fn main() {
    let images = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let now = Utc.with_ymd_and_hms(2026, 11, 24, 4, 30, 0).unwrap();
    let families = families(images, now);
    let home: Region = REGIONS[0].parse().unwrap();
    let usage = usage(&families, &home, now);

    let (mut best, mut reading, mut steps, mut decided_images) = (f64::MAX, f64::MAX, 0, 0);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let uses = UsageIndex::of(&usage);
        let (mut decided, mut read) = (began.elapsed(), Duration::ZERO);
        (steps, decided_images) = (0, 0);
        for (recipe, found) in &families {
            let began = Instant::now();
            let lineage = Lineage::of(found, &home);
            read += began.elapsed();
            let began = Instant::now();
            let sequences = decide(recipe, &lineage, &uses, now);
            let sequences = limits::enforce(recipe, &home, found, &[], sequences, None);
            decided += began.elapsed();
            steps += sequences.iter().flatten().filter(|one| one.action != Action::Keep).count();
            decided_images += sequences.iter().map(Vec::len).sum::<usize>();
        }
        best = best.min(decided.as_secs_f64() * 1_000.0);
        reading = reading.min(read.as_secs_f64() * 1_000.0);
    }
    let began = Instant::now();
    let planned = plan(&families, &home, &usage, now);
    let whole = began.elapsed().as_secs_f64() * 1_000.0;
    println!(
        "{{\"images\": {decided_images}, \"steps\": {steps}, \"planned\": {planned}, \"ms\": {best:.1}, \"reading_ms\": {reading:.1}, \"with_plan_ms\": {whole:.1}, \"peak_kib\": {}}}",
        peak()
    );
}

/// The decisions, and the row of the plan for each image.
fn plan(
    families: &[(Recipe, ImagesByRegion)],
    home: &Region,
    usage: &UsageByRegion,
    now: DateTime<Utc>,
) -> usize {
    let (uses, sizes, prices) = (UsageIndex::of(usage), Sizes::new(), Prices::default());
    let of_one = |(recipe, found): &(Recipe, ImagesByRegion)| {
        let sequences = decide(recipe, &Lineage::of(found, home), &uses, now);
        let last = last_decisions(&sequences);
        let images = found.values().flat_map(|images| images.as_ref().unwrap());
        let rows = images.filter_map(|image| {
            let decision = last.get(&(&image.region, image.id.as_str()))?;
            Some(plan_row(image, decision, &sizes, &prices, now))
        });
        rows.count()
    };
    families.iter().map(of_one).sum()
}

fn families(images: usize, now: DateTime<Utc>) -> Vec<(Recipe, ImagesByRegion)> {
    let releases = images / RECIPES / REGIONS.len();
    (0..RECIPES).map(|number| family(number, releases, now)).collect()
}

fn family(number: usize, releases: usize, now: DateTime<Utc>) -> (Recipe, ImagesByRegion) {
    let name = format!("recipe-{number}");
    let document = format!(
        "name = \"{name}\"\n[bake]\nbase = \"ami-0ba5e\"\ninstance_type = \"t4g.small\"\n\
         [replicate]\nregions = [\"eu-west-1\", \"ap-southeast-2\"]\n\
         [expire]\nkeep = {}\nolder_than = \"{}d\"\nmax_per_run = 100000\nmax_percent = 100\n",
        releases.div_ceil(2).max(1),
        releases / 3
    );
    let recipe = Recipe::parse(&name, &document).unwrap();
    let mut found: ImagesByRegion =
        REGIONS.iter().map(|code| (code.parse().unwrap(), Ok(Vec::new()))).collect();
    for age in 0..releases {
        let born = now - TimeDelta::days(i64::try_from(age).unwrap()) - TimeDelta::hours(2);
        let name = ImageName { recipe: recipe.name.clone(), version: Version::at(born).unwrap() };
        let id = |region: usize| -> ImageId {
            format!("ami-{:017x}", (number * releases + age) * REGIONS.len() + region).parse().unwrap()
        };
        for (at, code) in REGIONS.iter().enumerate() {
            let region: Region = code.parse().unwrap();
            let origin = Origin { region: REGIONS[0].parse().unwrap(), image: id(0) };
            let copied = (at > 0).then(|| CopySource { origin: origin.clone(), attempt: 1 });
            let record = ImageRecord {
                name: name.clone(),
                stage: Stage::Released,
                base: None,
                copied,
                copied_back: None,
                adopted: false,
                asked_again: None,
            };
            let image = Image {
                id: id(at),
                region: region.clone(),
                owner: "123456789012".into(),
                name: name.to_string(),
                state: ImageState::Available,
                state_reason: String::new(),
                created: Some(born),
                last_launched: None,
                deprecated: None,
                architecture: Architecture("arm64".into()),
                features: Features::default(),
                root_on_ebs: true,
                protection: Protection::Off,
                source_instance: (at == 0).then(|| "i-0b1d".parse().unwrap()),
                source_image: (at > 0).then_some(origin),
                product_codes: Vec::new(),
                watermarks: Vec::new(),
                scanned: None,
                snapshots: vec![id(at).as_str().replace("ami", "snap").parse().unwrap()],
                gib: 8,
                devices: Box::default(),
                tags: record.write(),
                seal: Seal::Valid,
                description: None,
            };
            found.get_mut(&region).unwrap().as_mut().unwrap().push(image);
        }
    }
    (recipe, found)
}

/// No image is shared. Each tenth of those that may go is used by an instance.
fn usage(families: &[(Recipe, ImagesByRegion)], home: &Region, now: DateTime<Utc>) -> UsageByRegion {
    let mut by_region: BTreeMap<Region, RegionUsage> = BTreeMap::new();
    let wanted =
        families.iter().flat_map(|(recipe, found)| candidates(recipe, &Lineage::of(found, home), now));
    for (number, image) in wanted.enumerate() {
        let usage = by_region.entry(image.region.clone()).or_default();
        let alone = SharedWith { with: std::collections::BTreeSet::new(), reports: Vec::new() };
        usage.shared.insert(image.id.clone(), Ok(alone));
        if number % 10 == 0 {
            let by = Referrer::Instance(format!("i-{number:017x}").parse().unwrap());
            usage.uses.push(Reference { names: Target::Image(image.id.clone()), by });
        }
    }
    by_region.into_iter().map(|(region, usage)| (region, Ok(usage))).collect()
}

/// The peak resident memory, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
