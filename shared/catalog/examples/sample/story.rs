//! An account that could be: a platform team with two bases, and what is layered on them. Each recipe is in a state of
//! its own that a page must show.

use chrono::{DateTime, TimeDelta, Utc};
use kiln_catalog::contents::Packages;
use kiln_catalog::model::*;
use kiln_catalog::{Bill, SCHEMA, difference};

use crate::installed::System;
use crate::twists::twist;

/// A file that a link of the catalogue leads to.
pub type File = (String, Vec<u8>);

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];
/// The account.
pub const ACCOUNT: &str = "111122223333";

/// A time, from its text.
pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_default()
}

/// When the catalogue is made.
pub fn now() -> DateTime<Utc> {
    time("2026-11-27T18:30:00Z")
}

/// A recipe in a few words.
struct Sketch {
    name: &'static str,
    description: &'static str,
    system: System,
    base: &'static str,
    layer: Option<&'static str>,
    own: &'static [&'static str],
    /// How many days ago each of its releases was baked, newest first.
    days: &'static [i64],
    gb: f64,
}

const SKETCHES: [Sketch; 8] = [
    Sketch {
        name: "base-al2023",
        description: "Hardened Amazon Linux 2023: CIS level 1, the agent, our certificates. What all else is layered on.",
        system: System::Amazon,
        base: "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        layer: None,
        own: &["amazon-cloudwatch-agent=1.300049.1-1.amzn2023"],
        days: &[1, 8, 15, 22, 29, 60],
        gb: 2.1,
    },
    Sketch {
        name: "base-debian12",
        description: "Debian 12 for what has no package on Amazon Linux.",
        system: System::Debian,
        base: "owner 136693071363, name debian-12-arm64-*",
        layer: None,
        own: &["unattended-upgrades=2.9.1+nmu3"],
        days: &[3, 10, 17],
        gb: 1.6,
    },
    Sketch {
        name: "bastion",
        description: "The one way in. Sessions are recorded.",
        system: System::Debian,
        base: "recipe:base-debian12",
        layer: Some("base-debian12"),
        own: &["tlog=13-1+b1", "fail2ban=1.0.2-2"],
        days: &[3, 10, 17],
        gb: 1.8,
    },
    Sketch {
        name: "build-agent",
        description: "Runners of the pipelines: Docker, the toolchains, warm caches.",
        system: System::Debian,
        base: "recipe:base-debian12",
        layer: Some("base-debian12"),
        own: &["docker-ce=5:27.3.1-1", "git=1:2.39.5-0+deb12u1", "nodejs=18.19.0+dfsg-6"],
        days: &[10, 24, 38],
        gb: 14.5,
    },
    Sketch {
        name: "edge",
        description: "HAProxy at the border of each Region.",
        system: System::Amazon,
        base: "recipe:base-al2023",
        layer: Some("base-al2023"),
        own: &["haproxy=2.8.10-1.amzn2023"],
        days: &[8, 15, 22, 36],
        gb: 2.3,
    },
    Sketch {
        name: "gpu-train",
        description: "CUDA 12 and the drivers, for training.",
        system: System::Amazon,
        base: "recipe:base-al2023",
        layer: Some("base-al2023"),
        own: &["nvidia-driver=3:560.35.03-1", "cuda-toolkit=12.6.2-1"],
        days: &[],
        gb: 38.0,
    },
    Sketch {
        name: "web",
        description: "nginx and the shop's runtime. Launch it by its parameter.",
        system: System::Amazon,
        base: "recipe:base-al2023",
        layer: Some("base-al2023"),
        own: &["nginx=1:1.24.0-1.amzn2023.0.4", "nodejs20=20.18.0-1.amzn2023"],
        days: &[1, 8, 15, 22, 29, 101],
        gb: 2.4,
    },
    Sketch {
        name: "worker",
        description: "Consumers of the queues.",
        system: System::Amazon,
        base: "recipe:base-al2023",
        layer: Some("base-al2023"),
        own: &["redis6=6.2.14-1.amzn2023.0.4", "java-21-amazon-corretto=1:21.0.5.11-1.amzn2023"],
        days: &[1, 8, 15, 46],
        gb: 3.1,
    },
];

/// The catalogue, and the files that its links lead to.
pub fn catalog() -> (Catalog, Vec<File>) {
    let mut files = Vec::new();
    let mut recipes: Vec<Recipe> = SKETCHES.iter().map(|sketch| recipe(sketch, &mut files)).collect();
    for recipe in &mut recipes {
        twist(recipe);
    }
    let gaps = vec![Gap {
        what: "usage of base-debian12 in other accounts".into(),
        reason: "the usage report requested at 2026-11-27T03:00:04Z is not ready".into(),
    }];
    let catalog = Catalog {
        schema: SCHEMA,
        made_at: now(),
        kiln: "0.1.0".into(),
        account: ACCOUNT.into(),
        home: REGIONS[0].into(),
        gaps,
        recipes,
    };
    (catalog, files)
}

/// The version of so many days ago.
pub fn named(days: i64) -> String {
    (time("2026-11-27T02:00:00Z") - TimeDelta::days(days)).format("%Y%m%dT%H%M%SZ").to_string()
}

fn recipe(sketch: &Sketch, files: &mut Vec<File>) -> Recipe {
    let name = sketch.name;
    let text = format!("recipes/{name}.toml");
    files.push((text.clone(), format!("name = \"{name}\"\n[bake]\nbase = \"{}\"\n", sketch.base).into()));
    let count = sketch.days.len();
    let packages: Vec<Packages> =
        (0..count).map(|at| sketch.system.packages(count - at - 1, sketch.own)).collect();
    let versions: Vec<Version> = (0..count).map(|at| version(sketch, at, &packages, files)).collect();
    let newest = versions.first();
    let gb = versions.iter().filter_map(|one| one.cost).map(|one| one.gb).sum();
    let released = versions.iter().filter_map(|one| Some((one, one.released_at?)));
    let history = released.map(|(one, at)| entry(at, Event::Released, &one.version)).collect();
    let base_days =
        sketch.layer.and_then(|layer| SKETCHES.iter().find(|one| one.name == layer)?.days.first());
    Recipe {
        name: name.into(),
        description: Some(sketch.description.into()),
        text: Some(Link(text)),
        newest: newest.map(|one| Newest { version: one.version.clone(), released_at: one.released_at }),
        base: Some(RecipeBase {
            base: sketch.base.into(),
            layer: sketch.layer.map(|layer| Layer {
                recipe: layer.into(),
                baked_from: newest.and_then(|one| one.base.as_ref()?.version.clone()),
                newest: base_days.map(|days| named(*days)),
            }),
        }),
        channels: Vec::new(),
        regions: REGIONS.iter().map(|region| place(name, region, newest)).collect(),
        findings: newest.and_then(|one| one.findings),
        cost: Some(cost(gb)),
        last_failure: None,
        under_way: Vec::new(),
        versions,
        history,
    }
}

fn place(name: &str, region: &str, newest: Option<&Version>) -> Place {
    let image = newest.and_then(|one| one.images.iter().find(|image| image.region == region));
    Place {
        region: region.into(),
        required: true,
        parameter: Some(format!("/golden/{name}/latest")),
        launch_template: None,
        image: image.map(|image| image.image.clone()),
        version: newest.map(|one| one.version.clone()),
    }
}

/// Something that happened in every Region.
pub fn entry(at: DateTime<Utc>, event: Event, version: &str) -> Entry {
    Entry {
        at,
        event,
        version: version.into(),
        from: None,
        who: None,
        reason: None,
        regions: REGIONS.map(str::to_owned).into(),
    }
}

/// What so much costs, rounded as Kiln does.
pub fn cost(gb: f64) -> Cost {
    let rounded = |number: f64| (number * 10_000.0).round() / 10_000.0;
    Cost { gb: rounded(gb), monthly_usd: rounded(gb * 0.05) }
}

/// An id that looks like one, always the same for the same words.
pub fn id(kind: &str, words: &str) -> String {
    let hash = words.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{kind}-0{hash:016x}")
}

fn version(sketch: &Sketch, at: usize, packages: &[Packages], files: &mut Vec<File>) -> Version {
    let (name, days) = (sketch.name, sketch.days[at]);
    let version = named(days);
    let baked = time("2026-11-27T02:00:00Z") - TimeDelta::days(days);
    let image = |region: &&str| Image {
        region: (*region).into(),
        image: id("ami", &format!("{name}{version}{region}")),
        state: State::Available,
        deprecated_at: Some(baked + TimeDelta::days(90)),
        disabled_at: None,
        deregistered_at: None,
        sharing: Some(Sharing { accounts: 3, organizations: 1, ..Sharing::default() }),
    };
    let layer = sketch.layer.and_then(|layer| SKETCHES.iter().find(|one| one.name == layer));
    let layered = layer.and_then(|layer| {
        let from = named(*layer.days.iter().find(|base| **base >= days)?);
        Some((layer.name, from))
    });
    let base = match &layered {
        Some((recipe, from)) => Base {
            image: id("ami", &format!("{recipe}{from}us-east-1")),
            name: Some(format!("{recipe}-{from}")),
            recipe: Some((*recipe).into()),
            version: Some(from.clone()),
        },
        None => Base {
            image: id("ami", &format!("base of {version}")),
            name: Some("al2023-ami-2023.6.20261110.0-kernel-6.1-arm64".into()),
            recipe: None,
            version: None,
        },
    };
    let gb = sketch.gb * REGIONS.len() as f64;
    Version {
        version: version.clone(),
        stage: Stage::Released,
        released_at: Some(baked + TimeDelta::minutes(27)),
        recalled: None,
        pinned: None,
        adopted: false,
        images: REGIONS.iter().map(image).collect(),
        decision: Some(Decision {
            action: "keep".into(),
            reason: format!("it is number {} of the 5 newest releases that the recipe keeps", at + 1),
        }),
        next_step: None,
        usage: None,
        users: None,
        shared_with: Some(
            ["444455556666", "555566667777", "666677778888"]
                .map(str::to_owned)
                .into_iter()
                .chain(["arn:aws:organizations::111122223333:organization/o-1a2b3c4d5e".to_owned()])
                .collect(),
        ),
        cost: Some(cost(gb)),
        base: Some(base),
        recipe_digest: Some(
            ["a", "b", "c", "d"]
                .map(|part| id("", &format!("{name}{part}{}", at / 3))[2..].to_owned())
                .concat(),
        ),
        recipe_text: Some(Link(format!("recipes/{name}.toml"))),
        contents: Some(contents(sketch, &version, &packages[at], baked, files)),
        difference: packages
            .get(at + 1)
            .map(|before| difference(&named(sketch.days[at + 1]), before, &packages[at])),
        findings: Some(Findings { critical: 0, high: 0, medium: at as u32 * 2, low: 4 + at as u32 }),
        test: Some(TestResult {
            outcome: TestOutcome::Passed,
            at: Some(baked + TimeDelta::minutes(14)),
            zone: Some("us-east-1b".into()),
            reason: None,
        }),
        logs: Logs {
            bake: Some(Link(format!(
                "s3://kiln-store-1a2b3c4d5e6f/logs/90d/{name}/{version}/builder-us-east-1.log"
            ))),
            test: None,
        },
    }
}

fn contents(
    sketch: &Sketch,
    version: &str,
    packages: &Packages,
    at: DateTime<Utc>,
    files: &mut Vec<File>,
) -> Contents {
    let path = |end: &str| format!("contents/{}/{version}.{end}", sketch.name);
    let os = sketch.system.os();
    let bill = Bill { recipe: sketch.name, version, os: &os, listed_at: at, kiln: "0.1.0", packages };
    let list: String = packages.iter().map(|one| format!("{}\t{}\n", one.name, one.version)).collect();
    files.push((path("txt"), list.into_bytes()));
    files.push((path("cdx.json"), bill.cyclonedx().unwrap_or_default()));
    files.push((path("spdx.json"), bill.spdx().unwrap_or_default()));
    Contents {
        os: Some(sketch.system.name().into()),
        packages: packages.len() as u32,
        digest: packages.digest(),
        list: Some(Link(path("txt"))),
        cyclonedx: Some(Link(path("cdx.json"))),
        spdx: Some(Link(path("spdx.json"))),
    }
}
