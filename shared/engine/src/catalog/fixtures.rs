//! A recipe and its images, as the tests of the catalogue have them.

#![allow(missing_docs, reason = "the names of fixtures say what they build")]

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use kiln_core::inventory::{Architecture, Features, Image, ImageState, Protection, Seal};
use kiln_core::model::{ImageName, ImageRecord, RecipeName, Region, Stage, Tags, Version, tags};
use kiln_core::recipe::Recipe;

pub fn day(n: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 2, 0, 0).unwrap() + TimeDelta::days(n)
}

pub fn version(n: i64) -> Version {
    Version::at(day(n)).unwrap()
}

pub fn home() -> Region {
    "us-east-1".parse().unwrap()
}

pub fn web() -> RecipeName {
    "web".parse().unwrap()
}

/// A recipe that keeps the newest release and those younger than 10 days.
pub fn recipe() -> Recipe {
    let document = "name = \"web\"\n[bake]\nbase = \"ami-ba5e\"\ninstance_type = \"t4g.small\"\n\
                    [expire]\nkeep = 1\nolder_than = \"10d\"\nconfirm_after = \"2d\"\nquarantine = \"7d\"\n";
    Recipe::parse("web", document).unwrap()
}

/// The home image that was baked on the n-th day.
pub fn image(n: i64, stage: Stage, more: &[(&str, &str)]) -> Image {
    let name = ImageName { recipe: web(), version: version(n) };
    let record = ImageRecord {
        name: name.clone(),
        stage,
        base: None,
        copied: None,
        copied_back: None,
        adopted: false,
        asked_again: None,
    };
    let more = more.iter().fold(Tags::new(), |tags, (key, value)| tags.with(key, value));
    Image {
        id: format!("ami-{n:08x}").parse().unwrap(),
        region: home(),
        owner: "123456789012".into(),
        name: name.to_string(),
        state: ImageState::Available,
        state_reason: String::new(),
        created: Some(day(n)),
        last_launched: None,
        deprecated: None,
        architecture: Architecture("arm64".into()),
        root_on_ebs: true,
        protection: Protection::Off,
        source_instance: Some("i-0b1d".parse().unwrap()),
        source_image: None,
        features: Features::default(),
        product_codes: vec![],
        scanned: None,
        snapshots: vec![format!("snap-{n:08x}").parse().unwrap()],
        gib: 8,
        watermarks: Default::default(),
        devices: Box::default(),
        tags: more.and(&record.write()),
        seal: Seal::Valid,
        description: None,
    }
}

pub fn released(n: i64) -> Image {
    image(n, Stage::Released, &[(tags::RELEASED_AT, &day(n).to_rfc3339())])
}
