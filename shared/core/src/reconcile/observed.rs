//! Everything that one sweep, a run of `reconcile`, observes.

use std::collections::BTreeMap;

use crate::channel::ChannelPointers;
use crate::inventory::{Finding, Image, Instance, Result, Snapshot, Waiting};
use crate::model::{ImageId, ImageName, InstanceId, RecipeName, Region};
use crate::orphans::SnapshotReferences;
use crate::recipe::{BadRecipe, FoundNetwork, Recipe};
use crate::release::Pointers;
use crate::replicate::PermissionsByImage;
use crate::verify::Console;

/// Everything that one sweep observes.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The home Region.
    pub home: Region,
    /// The valid recipes.
    pub recipes: BTreeMap<RecipeName, Recipe>,
    /// The invalid recipes.
    pub bad: Vec<BadRecipe>,
    /// The instances with Kiln's tags in the home Region.
    pub instances: Result<Vec<Instance>>,
    /// The images with Kiln's tags, by Region.
    pub images: BTreeMap<Region, Result<Vec<Image>>>,
    /// The snapshots with Kiln's tags, by Region.
    pub snapshots: BTreeMap<Region, Result<Vec<Snapshot>>>,
    /// Details of the builders that [`super::builders_to_inspect`] returned.
    pub closer: BTreeMap<InstanceId, Result<BuilderDetail>>,
    /// The instances with Kiln's tags in the other Regions: testers of replicas.
    pub further: BTreeMap<Region, Result<Vec<Instance>>>,
    /// The consoles of the testers that [`super::pipeline::testers_to_read`] returned.
    pub consoles: BTreeMap<InstanceId, Result<Console>>,
    /// Where testers can be launched, for the Regions and recipes of the images that
    /// [`super::pipeline::images_needing_network`] returned.
    pub networks: BTreeMap<(Region, RecipeName), Result<FoundNetwork>>,
    /// Who may use the images that [`super::pipeline::images_needing_permissions`] returned.
    pub permissions: PermissionsByImage,
    /// Amazon Inspector's findings in the images that [`super::pipeline::images_needing_findings`] returned.
    pub findings: BTreeMap<ImageId, Result<Vec<Finding>>>,
    /// What the parameters and launch templates of each Region name, by recipe.
    pub pointers: BTreeMap<RecipeName, BTreeMap<Region, Pointers>>,
    /// What the channels of each recipe name; of recipes with channels alone.
    pub channels: BTreeMap<RecipeName, ChannelPointers>,
    /// The bakes that found no room for their builders.
    pub waiting: Result<Vec<Waiting>>,
    /// What uses the snapshots that [`super::candidates`] returned, by Region.
    pub needs: BTreeMap<Region, Result<SnapshotReferences>>,
}

/// What must be read of a builder without an image before its capture can be decided.
#[derive(Debug, Clone)]
pub struct BuilderDetail {
    /// What its console shows.
    pub console: Console,
    /// The images with the name of its bake, including those without Kiln's tags.
    pub named: Vec<Image>,
}

impl Observed {
    /// The images in the home Region; `None` if they could not be read.
    pub(crate) fn home_images(&self) -> Option<&[Image]> {
        self.images.get(&self.home)?.as_ref().ok().map(Vec::as_slice)
    }

    /// The home images with that name.
    pub(super) fn named(&self, name: &ImageName) -> Vec<Image> {
        let images = self.home_images().unwrap_or_default().iter();
        images.filter(|image| name.is(&image.name)).cloned().collect()
    }

    /// The instances with Kiln's tags in a Region, in any state; `None` if they could not be read.
    pub(super) fn instances_in(&self, region: &Region) -> Option<&[Instance]> {
        let found = if *region == self.home { &self.instances } else { self.further.get(region)? };
        found.as_ref().ok().map(Vec::as_slice)
    }
}
