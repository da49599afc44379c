//! `expire` with `explain`: explains one image.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::{Mode, Scope};
use kiln_core::expire::explain::explain as explanation;
use kiln_core::expire::forecast::last_decisions;
use kiln_core::expire::in_use::{UsageByRegion, UsageIndex};
use kiln_core::expire::{Observed, OneRecipe};
use kiln_core::inventory::Image;
use kiln_core::model::{ImageId, ImageRecord};
use kiln_core::plan::{Sequence, Subject};

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::find_image::{RegionScope, find_image};
use crate::observe::inventory::inventory;
use crate::observe::recipes;
use crate::observe::usage::{by_others, usage};
use crate::ports::Cloud;

/// Explains what an image was made from, who uses it, and what happens to it next. Changes nothing.
///
/// # Errors
/// Why it could not be explained.
pub(crate) async fn explain<C: Cloud>(
    cloud: &C,
    context: &Context,
    image: &ImageId,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let read = recipes::wanted(cloud, context, None).await?;
    let scope = RegionScope::of(cloud, context, &read).await;
    let (found, record) = match find_image(cloud, context, &scope, image).await? {
        Ok(found) => found,
        Err(rejected) => return Ok(apply(cloud, vec![rejected], Mode::DryRun, now).await),
    };
    let inventory = inventory(cloud, context, Some(&record.name.recipe), Scope::DeletedRecipe, now).await?;
    let mut report = Report::default();
    if let Some(observed) = inventory.recipes.get(&record.name.recipe) {
        let release = of_release(observed, &record);
        let mut usage = usage(cloud, context, &inventory, &release).await;
        by_others(cloud, &mut usage, &release).await;
        let uses = UsageIndex::of(&usage);
        let recipe = OneRecipe::of(observed, &context.home);
        // The limits on one run say nothing about this image.
        let sequences = recipe.decide(&uses, Some(usize::MAX), now);
        let rows = recipe.plan_rows(&sequences, &inventory.sizes, &context.prices, now);
        let row = rows.into_iter().find(|(image, _)| image.address() == found.address());
        let decision = last_decisions(&sequences).remove(&(&found.region, found.id.as_str())).cloned();
        if let (Some((_, row)), Some(decision)) = (row, decision) {
            let kept = uses.keep_reasons(recipe.policy(), &found, now).map(|keep| keep.reason);
            let kept: Vec<_> = kept.collect();
            let users = uses.users(&found);
            report.explanation = Some(explanation((&found, &record), &release, &decision, users, &kept, row));
        }
        report = report.and(apply(cloud, unknown(&usage), Mode::DryRun, now).await);
    }
    report.read_only = report.explanation.is_some();
    Ok(report)
}

/// The Regions whose usage could not be read, each as a failed decision in the answer.
fn unknown(usage: &UsageByRegion) -> Vec<Sequence> {
    let failed = usage.iter().filter_map(|(region, usage)| Some((region, usage.as_ref().err()?)));
    failed.map(|(region, error)| vec![Subject::region(region).retry_later(error)]).collect()
}

/// All images of the same bake, in every Region.
fn of_release<'a>(observed: &'a Observed, record: &ImageRecord) -> Vec<&'a Image> {
    let same = |image: &&Image| image.record().is_ok_and(|other| other.name == record.name);
    observed.all().filter(same).collect()
}
