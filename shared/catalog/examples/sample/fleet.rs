//! A catalogue of any size.

use chrono::{DateTime, TimeDelta, Utc};
use kiln_catalog::SCHEMA;
use kiln_catalog::model::*;

const REGIONS: [&str; 8] = [
    "us-east-1",
    "eu-west-1",
    "ap-southeast-2",
    "us-west-2",
    "eu-central-1",
    "sa-east-1",
    "ca-central-1",
    "ap-northeast-1",
];

/// So many recipes, each with so many releases in so many Regions (at most eight).
pub fn catalog(recipes: usize, releases: usize, regions: usize) -> Catalog {
    let now: DateTime<Utc> = "2026-11-27T18:30:00Z".parse().unwrap_or_default();
    let mut random = fastrand::Rng::with_seed(1);
    Catalog {
        schema: SCHEMA,
        made_at: now,
        kiln: "0.1.0".into(),
        account: "111122223333".into(),
        home: REGIONS[0].into(),
        gaps: Vec::new(),
        recipes: (0..recipes).map(|at| recipe(at, releases, &REGIONS[..regions], now, &mut random)).collect(),
    }
}

fn recipe(
    at: usize,
    releases: usize,
    regions: &[&str],
    now: DateTime<Utc>,
    random: &mut fastrand::Rng,
) -> Recipe {
    let name = format!("service-{at:03}");
    let versions: Vec<Version> = (0..releases).map(|back| version(back, regions, now, random)).collect();
    let newest = versions.first();
    let place = |region: &&str| Place {
        region: (*region).into(),
        required: true,
        parameter: Some(format!("/golden/{name}/latest")),
        launch_template: None,
        image: newest
            .and_then(|one| Some(one.images.iter().find(|image| image.region == *region)?.image.clone())),
        version: newest.map(|one| one.version.clone()),
    };
    let released = |one: &Version| {
        Some(Entry {
            at: one.released_at?,
            event: Event::Released,
            version: one.version.clone(),
            from: None,
            who: None,
            reason: None,
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        })
    };
    Recipe {
        description: Some(
            "A service of a team, with what it needs to run: packages, agents, certificates.".into(),
        ),
        text: None,
        newest: newest.map(|one| Newest { version: one.version.clone(), released_at: one.released_at }),
        base: Some(RecipeBase {
            base: "recipe:service-000".into(),
            layer: Some(Layer {
                recipe: "service-000".into(),
                baked_from: versions.get(at % 3).map(|one| one.version.clone()),
                newest: newest.map(|one| one.version.clone()),
            }),
        }),
        channels: Vec::new(),
        regions: regions.iter().map(place).collect(),
        findings: Some(Findings { critical: at.is_multiple_of(9).into(), high: 2, medium: 10, low: 31 }),
        cost: Some(Cost { gb: 450.0, monthly_usd: 22.5 }),
        last_failure: None,
        under_way: Vec::new(),
        history: versions.iter().filter_map(released).collect(),
        versions,
        name,
    }
}

fn version(back: usize, regions: &[&str], now: DateTime<Utc>, random: &mut fastrand::Rng) -> Version {
    let baked = now - TimeDelta::days(back as i64 * 7 + 1);
    let mut id = || format!("ami-0{:016x}", random.u64(..));
    let image = |region: &&str| Image {
        region: (*region).into(),
        image: id(),
        state: State::Available,
        deprecated_at: Some(baked + TimeDelta::days(90)),
        disabled_at: None,
        deregistered_at: None,
        sharing: Some(Sharing { accounts: 12, ..Sharing::default() }),
    };
    let images = regions.iter().map(image).collect();
    let changed = (0..20).map(|at| Change {
        name: format!("library-{at:02}"),
        from: format!("1.{back}.{at}-1.amzn2023"),
        to: format!("1.{}.{at}-1.amzn2023", back + 1),
        manager: Manager::Rpm,
    });
    let before = now - TimeDelta::days((back as i64 + 1) * 7 + 1);
    let user = |at: usize| User {
        arn: format!("arn:aws:ec2:us-east-1:111122223333:instance/i-0{:016x}", (back * 100 + at) as u64),
        region: "us-east-1".into(),
    };
    Version {
        version: baked.format("%Y%m%dT%H%M%SZ").to_string(),
        stage: Stage::Released,
        released_at: Some(baked + TimeDelta::minutes(30)),
        recalled: None,
        pinned: None,
        adopted: false,
        images,
        decision: Some(Decision { action: "keep".into(), reason: "it is used by 4 instances".into() }),
        next_step: None,
        usage: Some(Usage::InUse),
        users: Some((0..4).map(user).collect()),
        shared_with: Some((0..12).map(|at| format!("4444555566{at:02}")).collect()),
        cost: Some(Cost { gb: 9.0, monthly_usd: 0.45 }),
        base: None,
        recipe_digest: Some("5f".repeat(32)),
        recipe_text: None,
        contents: Some(Contents {
            os: Some("Amazon Linux 2023.6".into()),
            packages: 412,
            digest: "a7".repeat(32),
            list: Some(Link(format!("contents/{back}.txt"))),
            cyclonedx: Some(Link(format!("contents/{back}.cdx.json"))),
            spdx: Some(Link(format!("contents/{back}.spdx.json"))),
        }),
        difference: Some(Difference {
            from: before.format("%Y%m%dT%H%M%SZ").to_string(),
            added: Vec::new(),
            removed: Vec::new(),
            changed: changed.collect(),
        }),
        findings: Some(Findings { critical: 0, high: 2, medium: 10, low: 31 }),
        test: Some(TestResult {
            outcome: TestOutcome::Passed,
            at: Some(baked + TimeDelta::minutes(12)),
            zone: Some("us-east-1b".into()),
            reason: None,
        }),
        logs: Logs::default(),
    }
}
