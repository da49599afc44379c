//! What a seal binds on each resource, how a resource that was read is checked, and which tags a write must contain.
//!
//! A tag that only restrains, such as `kiln:hold`, needs no seal. Every other tag of Kiln's has one:
//! - `kiln:seal` on an image binds its stage to its id, recipe and version. The call that creates an image does not know
//!   its id yet, so there the seal binds the builder, or the origin of a replica, which EC2 itself records.
//! - A *value with a seal* (`kiln:released-at` and others) is bound to the resource that it stands on.
//! - The *anchor* in an image's description is bound to the image. No tag changes it, so it tells whether a tag was set
//!   back together with its seal.
//! - A *mark* of `expire` is written on up to a thousand images with one call, so one seal serves all of them: it is bound to
//!   a recipe and a Region, and to all versions up to one. Copied to a newer image, it does not count.
//! - An instance that Kiln launched has its seal in its client token: see `sealed_instances.rs`.

use crate::inventory::anchored;
use crate::inventory::image::{Image, MadeFrom, Snapshot};
use crate::inventory::request::{NewImage, NewReplica};
use crate::model::anchor::time_text;
use crate::model::seal::{Seal, SealKeys};
use crate::model::{Anchor, Stage, Tags, Version, tags};
use crate::model::{ImageId, ImageRecord, InstanceId, RecipeName, Region, SnapshotId};

/// The images that one mark may stand on: those of a recipe, in one Region, up to a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkRange {
    /// The recipe.
    pub recipe: RecipeName,
    /// The newest version that was marked with it.
    pub up_to: Version,
}

/// The tags whose value has a seal of its own.
const SEALED_VALUES: [&str; 8] = [
    tags::PUBLISHED_AS,
    tags::RELEASED_AT,
    tags::RELEASED_IN,
    tags::RECOPY,
    tags::ORPHANED_SINCE,
    tags::CONTENTS,
    tags::CHANNELS,
    tags::CHANNELS_LEFT,
];

/// The marks of `expire`. Their value is followed by the newest version that they count for, and by a seal.
const MARKS: [&str; 4] = [tags::UNUSED_SINCE, tags::DISABLED_AT, tags::FLEET_SIZE, tags::RECIPE_RETIRED_AT];

/// Whether a tag is a mark of `expire`, which may be written on several images with one call.
pub fn is_mark(key: &str) -> bool {
    MARKS.contains(&key)
}

/// The value of a mark that was cleared. It permits nothing, so it needs no seal.
const CLEARED: &str = "no";

/// What a seal binds, part by part.
type Parts<'a> = Vec<&'a str>;

/// The tags of a record as text.
struct Recorded<'a> {
    recipe: &'a str,
    version: &'a str,
    base: &'a str,
    origin: &'a str,
    attempt: &'a str,
    copied_back: Option<&'a str>,
    adopted: bool,
}

impl<'a> Recorded<'a> {
    fn of(tags: &'a Tags) -> Option<Self> {
        Some(Self {
            recipe: tags.get(tags::RECIPE)?,
            version: tags.get(tags::VERSION)?,
            base: tags.get(tags::BASE).unwrap_or_default(),
            origin: tags.get(tags::ORIGIN).unwrap_or_default(),
            attempt: tags.get(tags::ATTEMPT).unwrap_or_default(),
            copied_back: tags.get(tags::COPIED_BACK),
            adopted: tags.has(tags::ADOPTED),
        })
    }

    /// An image at a stage, once its id is known; after somebody asked for it anew, with the time of that.
    fn image(&self, region: &'a Region, id: &'a ImageId, stage: Stage, asked: Option<&'a str>) -> Parts<'a> {
        let adopted = if self.adopted { "adopted" } else { "" };
        let of = ["image", region.as_str(), id.as_str(), stage.word(), adopted];
        let made = [self.base, self.origin, self.attempt];
        [of.as_slice(), &self.name(), &made, &self.back(), asked.as_slice()].concat()
    }

    /// An image and its snapshots, in the call that creates them from an instance.
    fn created(&self, region: &'a Region, from: &'a InstanceId) -> Parts<'a> {
        [["created", region.as_str(), from.as_str()].as_slice(), &self.name(), &[self.base]].concat()
    }

    /// A replica and its snapshots, in the call that copies them; or what is copied back.
    fn copied(&self, region: &'a Region) -> Parts<'a> {
        let of = ["copied", region.as_str(), self.origin, self.attempt];
        [of.as_slice(), &self.name(), &[self.base], &self.back()].concat()
    }

    fn back(&self) -> Parts<'a> {
        self.copied_back.map_or(Vec::new(), |from| vec!["copied back", from])
    }

    /// A snapshot of an image that was handed over.
    fn handed_over(&self, region: &'a Region, id: &'a SnapshotId) -> Parts<'a> {
        [["snapshot", region.as_str(), id.as_str()].as_slice(), &self.name()].concat()
    }

    fn name(&self) -> [&'a str; 2] {
        [self.recipe, self.version]
    }
}

fn value_parts<'a>(region: &'a Region, resource: &'a str, key: &'a str, value: &'a str) -> [&'a str; 5] {
    ["value", region.as_str(), resource, key, value]
}

fn mark_parts<'a>(
    region: &'a Region,
    (recipe, up_to): (&'a str, &'a str),
    key: &'a str,
    value: &'a str,
) -> [&'a str; 6] {
    ["mark", region.as_str(), recipe, up_to, key, value]
}

/// The seal that `kiln:seal` holds.
pub(super) fn seal_of(tags: &Tags) -> Option<&str> {
    tags.get(tags::SEAL)
}

impl SealKeys {
    /// Checks an image that was read, and leaves only those of its tags that count. A tag whose own seal is wrong is
    /// removed. A stage `disabled` without the mark of `expire` is replaced by the stage that the seal is for, and a
    /// stage that was set back by the one that the anchor says.
    pub fn open_image(&self, image: &mut Image) {
        image.seal = Seal::Missing;
        if !image.tags.has(tags::RECIPE) {
            return;
        }
        let (region, id) = (image.region.clone(), image.id.clone());
        if let Some(description) = &mut image.description {
            **description = self.opened_description(&region, &id, &description.own);
        }
        let opened = self.open_values(&region, id.as_str(), std::mem::take(&mut image.tags));
        image.tags = match image.anchor().asked_again {
            Some(asked) => anchored::since(asked, &opened),
            None => opened,
        };
        let (seal, stage) = self.sealed_stage(image);
        image.seal = seal;
        let written = image.tags.read::<Stage>(tags::STAGE).filter(|_| seal == Seal::Valid);
        let counts = stage.or(written).map(|stage| image.anchor().stage(stage));
        if let (Some(counts), Some(written)) = (counts, written)
            && counts != written
        {
            image.tags = std::mem::take(&mut image.tags).with(tags::STAGE, counts);
            if let Some(description) = &mut image.description {
                description.set_back = (description.anchor != Anchor::default()).then_some(written);
            }
        }
    }

    /// The state of an image's seal, and the stage to assume instead of the one in its tag.
    fn sealed_stage(&self, image: &Image) -> (Seal, Option<Stage>) {
        let (Ok(record), Some(recorded)) = (ImageRecord::read(&image.tags), Recorded::of(&image.tags)) else {
            return (Seal::Missing, None);
        };
        let Some(seal) = seal_of(&image.tags) else { return (Seal::Missing, None) };
        let sealed_at = |stage: Stage, asked: Option<&str>| {
            self.is_seal_of(seal, &recorded.image(&image.region, &image.id, stage, asked))
                || asked.is_none() && stage == Stage::Captured && self.is_created(seal, &recorded, image)
        };
        let possible = match record.stage {
            Stage::Disabled => &Stage::ALL[..],
            _ => std::slice::from_ref(&record.stage),
        };
        let anchor = image.anchor();
        let [asked, asked_before] = [anchor.asked_again, anchor.asked_before].map(|at| at.map(time_text));
        let now = possible.iter().copied().find(|stage| sealed_at(*stage, asked.as_deref()));
        // Sealed before somebody asked for the image anew: it begins again.
        let of_before = |stage: &Stage| {
            sealed_at(*stage, None) || asked_before.is_some() && sealed_at(*stage, asked_before.as_deref())
        };
        let before = || asked.is_some() && possible.iter().any(of_before);
        let Some(sealed) = now.or_else(|| before().then_some(Stage::Captured)) else {
            return (Seal::Wrong, None);
        };
        let is_disabled = record.stage == Stage::Disabled
            && image.tags.has(tags::DISABLED_AT)
            && image.disabled_at().is_some();
        (Seal::Valid, (!is_disabled && sealed != record.stage).then_some(sealed))
    }

    fn is_created(&self, seal: &str, recorded: &Recorded<'_>, image: &Image) -> bool {
        match &image.source_instance {
            Some(instance) => self.is_seal_of(seal, &recorded.created(&image.region, instance)),
            None => self.is_seal_of(seal, &recorded.copied(&image.region)),
        }
    }

    /// Checks a snapshot that was read, and leaves only those of its tags that count.
    pub fn open_snapshot(&self, snapshot: &mut Snapshot) {
        snapshot.seal = Seal::Missing;
        let (region, id) = (snapshot.region.clone(), snapshot.id.clone());
        snapshot.tags = self.open_values(&region, id.as_str(), std::mem::take(&mut snapshot.tags));
        let (Some(recorded), Some(seal)) = (Recorded::of(&snapshot.tags), seal_of(&snapshot.tags)) else {
            return;
        };
        let created = match snapshot.made_for.as_ref().map(|made| &made.from) {
            Some(MadeFrom::Instance(instance)) => self.is_seal_of(seal, &recorded.created(&region, instance)),
            Some(MadeFrom::Image(source)) => {
                let from = recorded.copied_back.unwrap_or(recorded.origin);
                from.ends_with(&format!("/{source}")) && self.is_seal_of(seal, &recorded.copied(&region))
            }
            None => false,
        };
        let valid = created || self.is_seal_of(seal, &recorded.handed_over(&region, &id));
        snapshot.seal = if valid { Seal::Valid } else { Seal::Wrong };
    }

    /// The tags of a new image and of its snapshots.
    pub fn tags_of_image(&self, new: &NewImage) -> Tags {
        let seal =
            Recorded::of(&new.tags).map(|recorded| self.seal(&recorded.created(&new.region, &new.instance)));
        sealed(&new.tags, seal)
    }

    /// The tags of a new replica and of its snapshots.
    pub fn tags_of_replica(&self, new: &NewReplica) -> Tags {
        let seal = Recorded::of(&new.tags).map(|recorded| self.seal(&recorded.copied(&new.region)));
        sealed(&new.tags, seal)
    }

    /// The tags that set the stage of an image, with other tags of it.
    pub fn tags_of_record(
        &self,
        region: &Region,
        image: &ImageId,
        record: &ImageRecord,
        more: &Tags,
    ) -> Tags {
        let mut all = record.write();
        if record.adopted {
            all = all.with(tags::ADOPTED, "");
        }
        let asked = record.asked_again.map(time_text);
        let seal = Recorded::of(&all)
            .map(|recorded| self.seal(&recorded.image(region, image, record.stage, asked.as_deref())));
        let more = self.sealed_values(region, image.as_str(), more);
        sealed(&more.with(tags::STAGE, record.stage), seal)
    }

    /// These tags, each that needs a seal of its own with one for this resource.
    pub fn sealed_values(&self, region: &Region, resource: &str, given: &Tags) -> Tags {
        let one = |(key, value): (&str, &str)| {
            let needs_seal = SEALED_VALUES.contains(&key) && value != CLEARED;
            let seal = || self.seal(&value_parts(region, resource, key, value));
            (key.to_owned(), if needs_seal { format!("{value} {}", seal()) } else { value.to_owned() })
        };
        given.iter().map(one).collect()
    }

    /// The tags of a snapshot: those of one that is handed over get a seal.
    pub fn tags_of_snapshot(&self, region: &Region, snapshot: &SnapshotId, given: &Tags) -> Tags {
        let seal = Recorded::of(given).map(|recorded| self.seal(&recorded.handed_over(region, snapshot)));
        sealed(&self.sealed_values(region, snapshot.as_str(), given), seal)
    }

    /// These tags, each mark among them with a seal for the images of a range.
    pub fn sealed_marks(&self, region: &Region, range: &MarkRange, given: &Tags) -> Tags {
        let up_to = range.up_to.to_string();
        let one = |(key, value): (&str, &str)| {
            let needs_seal = MARKS.contains(&key) && value != CLEARED;
            let seal = || self.seal(&mark_parts(region, (range.recipe.as_str(), &up_to), key, value));
            (
                key.to_owned(),
                if needs_seal { format!("{value} {up_to} {}", seal()) } else { value.to_owned() },
            )
        };
        given.iter().map(one).collect()
    }

    /// Removes what needs a seal of its own and has no right one, and the seals from the other values.
    fn open_values(&self, region: &Region, resource: &str, given: Tags) -> Tags {
        if !given.iter().any(|(key, _)| SEALED_VALUES.contains(&key) || MARKS.contains(&key)) {
            return given;
        }
        let recipe = given.get(tags::RECIPE).unwrap_or_default().to_owned();
        let version: Option<Version> = given.read(tags::VERSION);
        let is_mark_for = |rest: &str, key: &str, seal: &str| {
            let (value, up_to) = rest.rsplit_once(' ')?;
            let in_range = version? <= up_to.parse().ok()?;
            let sealed = self.is_seal_of(seal, &mark_parts(region, (&recipe, up_to), key, value));
            (in_range && sealed).then(|| value.to_owned())
        };
        let one = |(key, value): (&str, &str)| {
            let (is_value, is_mark) = (SEALED_VALUES.contains(&key), MARKS.contains(&key));
            if value == CLEARED || !(is_value || is_mark) {
                return Some((key.to_owned(), value.to_owned()));
            }
            let (rest, seal) = value.rsplit_once(' ')?;
            let opened = match is_mark {
                true => is_mark_for(rest, key, seal)?,
                false if self.is_seal_of(seal, &value_parts(region, resource, key, rest)) => rest.to_owned(),
                false => return None,
            };
            Some((key.to_owned(), opened))
        };
        given.iter().filter_map(one).collect()
    }
}

#[cfg(test)]
#[path = "sealed_tests.rs"]
mod tests;

pub(super) fn sealed(given: &Tags, seal: Option<String>) -> Tags {
    match seal {
        Some(seal) => given.clone().with(tags::SEAL, seal),
        None => given.clone(),
    }
}
