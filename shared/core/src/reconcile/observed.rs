//! All that a sweep observes.

use std::collections::BTreeMap;

use crate::inventory::{Finding, Image, Instance, Result, Snapshot, Subnet};
use crate::model::{ImageId, ImageName, InstanceId, RecipeName, Region};
use crate::orphans::SnapshotReferences;
use crate::recipe::{BadRecipe, Recipe};
use crate::replicate::PermissionsByImage;
use crate::verify::Console;

/// All that a sweep observes.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The home Region.
    pub home: Region,
    /// Each recipe that can be read.
    pub recipes: BTreeMap<RecipeName, Recipe>,
    /// Each that cannot.
    pub bad: Vec<BadRecipe>,
    /// Kiln's instances of the home Region.
    pub instances: Result<Vec<Instance>>,
    /// Kiln's images, by Region.
    pub images: BTreeMap<Region, Result<Vec<Image>>>,
    /// Kiln's snapshots, by Region.
    pub snapshots: BTreeMap<Region, Result<Vec<Snapshot>>>,
    /// What a closer look told of those builders for which [`super::builders_to_inspect`] asked.
    pub closer: BTreeMap<InstanceId, Result<BuilderDetail>>,
    /// Kiln's instances of the further Regions: testers of replicas.
    pub further: BTreeMap<Region, Result<Vec<Instance>>>,
    /// What the consoles of those testers say for which [`super::pipeline::consoles_wanted`] asked.
    pub consoles: BTreeMap<InstanceId, Result<Console>>,
    /// Where testers can be launched, for the Regions and recipes for which [`super::pipeline::subnets_wanted`] asked.
    pub subnets: BTreeMap<(Region, RecipeName), Result<Vec<Subnet>>>,
    /// Who may use those images for which [`super::pipeline::grants_wanted`] asked.
    pub permissions: PermissionsByImage,
    /// What was found in those images for which [`super::pipeline::findings_wanted`] asked.
    pub findings: BTreeMap<ImageId, Result<Vec<Finding>>>,
    /// Who needs one of the snapshots for which [`super::candidates`] asked, by Region.
    pub needs: BTreeMap<Region, Result<SnapshotReferences>>,
}

/// What must be known of a builder without an image before it can be decided.
#[derive(Debug, Clone, Default)]
pub struct BuilderDetail {
    /// What stands on its console.
    pub console: String,
    /// The images that have the name of its bake, whosever they are.
    pub named: Vec<Image>,
}

impl Observed {
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
