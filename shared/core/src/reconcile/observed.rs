//! All that a sweep observes.

use std::collections::BTreeMap;

use crate::inventory::{Cloudly, Finding, Image, Instance, Snapshot, Subnet};
use crate::model::{ImageId, ImageName, InstanceId, RecipeName, Region};
use crate::orphans::Needs;
use crate::recipe::{BadRecipe, Recipe};
use crate::replicate::Grants;
use crate::verify::Console;

/// All that a sweep observes.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The home Region.
    pub home: Region,
    /// Each recipe that can be read.
    pub recipes: BTreeMap<RecipeName, Recipe>,
    /// Each that cannot.
    pub bad: Vec<BadRecipe>,
    /// Kiln's instances of the home Region.
    pub instances: Cloudly<Vec<Instance>>,
    /// Kiln's images, by Region.
    pub images: BTreeMap<Region, Cloudly<Vec<Image>>>,
    /// Kiln's snapshots, by Region.
    pub snapshots: BTreeMap<Region, Cloudly<Vec<Snapshot>>>,
    /// What a closer look told of those builders for which [`super::closer_looks`] asked.
    pub closer: BTreeMap<InstanceId, Cloudly<Closer>>,
    /// Kiln's instances of the further Regions: testers of replicas.
    pub further: BTreeMap<Region, Cloudly<Vec<Instance>>>,
    /// What the consoles of those testers say for which [`super::pipeline::consoles_wanted`] asked.
    pub consoles: BTreeMap<InstanceId, Cloudly<Console>>,
    /// Where testers can be launched, for the Regions and recipes for which [`super::pipeline::subnets_wanted`] asked.
    pub subnets: BTreeMap<(Region, RecipeName), Cloudly<Vec<Subnet>>>,
    /// Who may use those images for which [`super::pipeline::grants_wanted`] asked.
    pub granted: Grants,
    /// What was found in those images for which [`super::pipeline::findings_wanted`] asked.
    pub findings: BTreeMap<ImageId, Cloudly<Vec<Finding>>>,
    /// Who needs one of the snapshots for which [`super::suspects`] asked, by Region.
    pub needs: BTreeMap<Region, Cloudly<Needs>>,
}

/// What must be known of a builder without an image before it can be decided.
#[derive(Debug, Clone, Default)]
pub struct Closer {
    /// What stands on its console.
    pub console: String,
    /// The images that have the name of its bake, whosever they are.
    pub named: Vec<Image>,
}

impl Seen {
    /// The images of the home Region, where they could be seen.
    pub(crate) fn home_images(&self) -> Option<&[Image]> {
        self.images.get(&self.home)?.as_ref().ok().map(Vec::as_slice)
    }

    /// The home images of one name.
    pub(super) fn named(&self, name: &ImageName) -> Vec<Image> {
        let name = name.to_string();
        self.home_images().unwrap_or_default().iter().filter(|image| image.name == name).cloned().collect()
    }

    /// The instances of a Region that bear Kiln's tag, in any state, where they could be read.
    pub(super) fn instances_in(&self, region: &Region) -> Option<&[Instance]> {
        let found = if *region == self.home { &self.instances } else { self.further.get(region)? };
        found.as_ref().ok().map(Vec::as_slice)
    }
}
