//! Kiln's own stacks: deployed, and brought to another release.

use std::path::Path;

use kiln_core::model::Region;

use crate::Done;
use crate::arguments::{Architecture, Deploy};
use crate::aws::Session;
use crate::deploy::{self, Wanted};
use crate::failure::Failure;
use crate::screen::Screen;

/// Brings the stacks to a release.
pub(super) async fn deploy(
    session: &Session,
    stack: &str,
    asked: &Deploy,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let regions = asked.regions.as_ref().map(|all| all.iter().map(ToString::to_string).collect());
    let wanted = Wanted {
        release: asked.release.clone(),
        regions,
        architecture: asked.architecture.map(Architecture::word).map(str::to_owned),
        parameters: asked.parameters.iter().cloned().collect(),
        tags: asked.tags.iter().cloned().collect(),
        remove_regions: asked.remove_regions,
        is_upgrade: false,
    };
    deploy::deploy(session, stack, &wanted, screen).await
}

/// Brings what is there to another release.
pub(super) async fn upgrade(
    session: &Session,
    stack: &str,
    (release, regions): (&Path, Option<&[Region]>),
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let regions = regions.map(|all| all.iter().map(ToString::to_string).collect());
    let wanted = Wanted { release: release.to_owned(), regions, is_upgrade: true, ..Wanted::default() };
    deploy::deploy(session, stack, &wanted, screen).await
}
