//! Fixtures that let a test say in words what it is about: `image("web", 3).released().in_region("eu-west-1")`.

#![allow(missing_docs, reason = "the names of fixtures say what they build")]

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};

use crate::expire::in_use::UsageByRegion;
use crate::expire::inventory::ImagesByRegion;
use crate::inventory::{
    Architecture, Features, Image, ImageState, Instance, InstanceState, Platform, Protection, RegionUsage,
    Seal, SharedWith, StopReason,
};
use crate::model::record::CopySource;
use crate::model::{Anchor, Pin};
use crate::model::{
    ImageId, ImageName, ImageRecord, Origin, Region, SealKeys, SnapshotId, Stage, Tags, Version, tags,
};
use crate::recipe::Recipe;

/// The keys of seals in tests.
pub fn keys() -> SealKeys {
    SealKeys::new([7; 32])
}

/// Two o'clock on the n-th day after 1 January 2026.
pub fn day(n: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 2, 0, 0).unwrap() + TimeDelta::days(n)
}

pub fn region(code: &str) -> Region {
    code.parse().unwrap()
}

/// The name of the image that was baked on the n-th day.
pub fn name(recipe: &str, n: i64) -> ImageName {
    ImageName { recipe: recipe.parse().unwrap(), version: Version::at(day(n)).unwrap() }
}

/// A recipe that keeps the 2 newest releases and those younger than 10 days, with replicas in two Regions.
pub fn recipe(name: &str) -> Recipe {
    Recipe::parse(
        name,
        &format!(
            "name = \"{name}\"\ntags = {{ team = \"platform\" }}\n\
             [bake]\nbase = \"ami-ba5e\"\ninstance_type = \"t4g.small\"\nscript = \"dnf -y install nginx\"\ntimeout = \"45m\"\n\
             [replicate]\nregions = [\"eu-west-1\", \"ap-southeast-2\"]\n\
             [expire]\nkeep = 2\nolder_than = \"10d\"\nconfirm_after = \"0d\"\nquarantine = \"7d\"\n"
        ),
    )
    .unwrap()
}

/// An image that Kiln did not make.
pub fn foreign_image(id: &str) -> Image {
    Image {
        id: id.parse().unwrap(),
        region: region("us-east-1"),
        owner: "123456789012".into(),
        name: "al2023-ami".into(),
        state: ImageState::Available,
        state_reason: String::new(),
        created: Some(day(0)),
        last_launched: None,
        deprecated: None,
        architecture: Architecture("arm64".into()),
        root_on_ebs: true,
        protection: Protection::Off,
        source_instance: None,
        source_image: None,
        features: Features { ena: true, ..Features::default() },
        product_codes: vec![],
        watermarks: Vec::new(),
        scanned: None,
        snapshots: vec!["snap-f0".parse().unwrap()],
        gib: 8,
        devices: Box::default(),
        tags: Tags::new(),
        seal: Seal::Missing,
        description: None,
    }
}

/// Usage of one Region in which none of these images is shared with another account.
pub fn nobody_else(images: &[&Image]) -> RegionUsage {
    let unshared =
        |image: &&Image| (image.id.clone(), Ok(SharedWith { with: BTreeSet::new(), reports: Vec::new() }));
    RegionUsage { shared: images.iter().map(unshared).collect(), ..RegionUsage::default() }
}

/// The same usage, with none of the found images shared with another account.
pub fn alone(usage: &UsageByRegion, found: &ImagesByRegion) -> UsageByRegion {
    let mut usage = usage.clone();
    for (region, usage) in &mut usage {
        if let (Ok(usage), Some(Ok(images))) = (usage, found.get(region)) {
            usage.shared = nobody_else(&images.iter().collect::<Vec<_>>()).shared;
        }
    }
    usage
}

/// The id of the fixture image of the n-th day in a Region.
pub fn id_of(region: &str, n: i64) -> ImageId {
    let hash = region.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("ami-{hash:08x}{n:04x}").parse().unwrap()
}

/// The home Region, and two that a recipe copies its images to.
pub const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

/// The recipe `web` with a parameter that names its releases.
pub fn with_parameter() -> Recipe {
    let mut recipe = recipe("web");
    recipe.publish.parameter = Some("/golden/web".into());
    recipe
}

/// An image that Kiln captured on the n-th day, available in the home Region.
pub fn image(recipe: &str, n: i64) -> ImageFixture {
    ImageFixture {
        name: name(recipe, n),
        n,
        stage: Stage::Captured,
        state: ImageState::Available,
        copy: None,
        extra: Tags::new(),
        anchor: Anchor::default(),
    }
}

pub struct ImageFixture {
    name: ImageName,
    n: i64,
    stage: Stage,
    state: ImageState,
    copy: Option<(Region, u32)>,
    extra: Tags,
    anchor: Anchor,
}

impl ImageFixture {
    pub fn released(mut self) -> Self {
        self.stage = Stage::Released;
        self
    }

    pub fn published(self) -> Self {
        self.staged(Stage::Published)
    }

    pub fn staged(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }

    pub fn in_state(mut self, state: ImageState) -> Self {
        self.state = state;
        self
    }

    /// Makes it the member of its release in that Region: the home image, or its replica.
    pub fn at(self, code: &str) -> Self {
        if code == REGIONS[0] { self } else { self.in_region(code) }
    }

    /// Makes it the replica in that Region, from the first attempt to copy it.
    pub fn in_region(self, code: &str) -> Self {
        self.of_try(code, 1)
    }

    pub fn of_try(mut self, code: &str, attempt: u32) -> Self {
        self.copy = Some((region(code), attempt));
        self
    }

    /// Disabled by Kiln on that day.
    pub fn disabled_on(mut self, since: i64) -> Self {
        self.stage = Stage::Disabled;
        self.state = ImageState::Disabled;
        self.extra = self.extra.with(tags::DISABLED_AT, day(since).to_rfc3339());
        self
    }

    /// Rolled back to on that day, in place of all versions up to another.
    pub fn pinned_on(mut self, n: i64, over: Version) -> Self {
        self.anchor.pin = Some(Pin { at: day(n), over });
        self
    }

    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.extra = self.extra.with(key, value);
        self
    }

    pub fn build(self) -> Image {
        let home = "us-east-1";
        let code = self.copy.as_ref().map_or(home.to_owned(), |(region, _)| region.to_string());
        let id = match &self.copy {
            Some((region, attempt)) if *attempt > 1 => id_of(&format!("{region}#{attempt}"), self.n),
            _ => id_of(&code, self.n),
        };
        let copied = self.copy.as_ref().map(|(_, attempt)| CopySource {
            origin: Origin { region: region(home), image: id_of(home, self.n) },
            attempt: *attempt,
        });
        let source_image = copied.as_ref().map(|copied| copied.origin.clone());
        let record = ImageRecord {
            name: self.name.clone(),
            stage: self.stage,
            base: None,
            copied,
            copied_back: None,
            adopted: false,
            asked_again: None,
        };
        let snapshot: SnapshotId = format!("snap-{}", &id.as_str()[4..]).parse().unwrap();
        Image {
            name: self.name.to_string(),
            region: region(&code),
            state: self.state,
            created: Some(day(self.n)),
            source_instance: source_image.is_none().then(|| "i-0b1d".parse().unwrap()),
            source_image,
            snapshots: vec![snapshot],
            tags: self.extra.and(&record.write()),
            seal: Seal::Valid,
            ..foreign_image(id.as_str())
        }
        .anchored(self.anchor)
    }
}

/// The builder that `bake` launched on the n-th day. It shut itself down; its deadline is 45 minutes after its
/// launch.
pub fn builder(recipe: &str, n: i64) -> Instance {
    let name = name(recipe, n);
    Instance {
        id: "i-0b1d".parse().unwrap(),
        region: region("us-east-1"),
        state: InstanceState::Stopped,
        stop_reason: StopReason::Guest,
        image: Some("ami-ba5e".parse().unwrap()),
        platform: Platform::Linux,
        zone: Some("us-east-1a".into()),
        launched: Some(day(n)),
        token: String::new(),
        subnet: None,
        seal: Seal::Valid,
        tags: Tags::new()
            .with(tags::RECIPE, &name.recipe)
            .with(tags::VERSION, name.version)
            .with(tags::ROLE, "builder")
            .with(tags::BASE, "ami-ba5e")
            .with(tags::DEADLINE, (day(n) + TimeDelta::minutes(45)).to_rfc3339()),
    }
}

/// The tester that `verify` launched from an image on the n-th day. It shut itself down; its deadline is 15 minutes
/// after its launch.
pub fn tester(of: &Image, n: i64) -> Instance {
    let name = of.record().unwrap().name;
    Instance {
        id: "i-07e5".parse().unwrap(),
        region: of.region.clone(),
        image: Some(of.id.clone()),
        zone: Some("us-east-1b".into()),
        tags: Tags::new()
            .with(tags::RECIPE, &name.recipe)
            .with(tags::VERSION, name.version)
            .with(tags::ROLE, "tester")
            .with(tags::IMAGE, &of.id)
            .with(tags::DEADLINE, (day(n) + TimeDelta::minutes(15)).to_rfc3339()),
        ..builder(name.recipe.as_str(), n)
    }
}

/// A long-lived builder: a running instance that a person launched and tagged with the recipe.
pub fn long_lived(recipe: &str) -> Instance {
    Instance {
        id: "i-0a11".parse().unwrap(),
        state: InstanceState::Running,
        stop_reason: StopReason::Unknown,
        tags: Tags::new().with(tags::RECIPE, recipe),
        ..builder(recipe, 0)
    }
}

impl Instance {
    pub fn in_state(mut self, state: InstanceState) -> Self {
        self.state = state;
        self
    }

    pub fn stopped_by(mut self, cause: StopReason) -> Self {
        self.stop_reason = cause;
        self
    }

    pub fn until(mut self, deadline: DateTime<Utc>) -> Self {
        self.tags = self.tags.with(tags::DEADLINE, deadline.to_rfc3339());
        self
    }

    /// Tags it as `bake` does for the bake of the n-th day.
    pub fn marked(mut self, n: i64) -> Self {
        self.tags = self.tags.with(tags::VERSION, Version::at(day(n)).unwrap());
        self
    }
}
