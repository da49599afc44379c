//! `expire`, asked to explain one image.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::{Look, Mode};
use kiln_core::expire::explain::explain as explanation;
use kiln_core::expire::forecast::last_decisions;
use kiln_core::expire::in_use::{UsageByRegion, UsageIndex};
use kiln_core::expire::{Observed, OneRecipe};
use kiln_core::inventory::Image;
use kiln_core::model::{ImageId, ImageRecord};
use kiln_core::plan::{Chain, Subject};
use kiln_core::recipe::Expire;

use crate::apply::{Report, act};
use crate::context::{Place, Refused};
use crate::observe::find_image::{Places, sought};
use crate::observe::inventory::inventory;
use crate::observe::recipes;
use crate::observe::usage::{by_others, usage};
use crate::ports::Cloud;

/// Says from what an image was made, who uses it, and what will become of it. Nothing is done.
///
/// # Errors
/// That it could not be found out, and why.
pub(crate) async fn explain<C: Cloud>(
    cloud: &C,
    place: &Place,
    image: &ImageId,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let read = recipes::wanted(cloud, place, None).await?;
    let places = Places::of(cloud, place, &read).await;
    let (found, record) = match sought(cloud, place, &places, image).await? {
        Ok(found) => found,
        Err(refused) => return Ok(act(cloud, vec![refused], Mode::DryRun, now).await),
    };
    let inventory = inventory(cloud, place, Some(&record.name.recipe), Look::Ended, now).await?;
    let mut report = Report::default();
    if let Some(observed) = inventory.recipes.get(&record.name.recipe) {
        let release = of_release(observed, &record);
        let mut usage = usage(cloud, place, &inventory, &release).await;
        by_others(cloud, &mut usage, &release).await;
        let uses = UsageIndex::of(&usage);
        let recipe = OneRecipe::of(observed, &place.home);
        // How much one run may remove says nothing of this image.
        let chains = recipe.decide(&uses, Some(usize::MAX), now);
        let rows = recipe.plan_rows(&chains, &inventory.sizes, &place.prices, now);
        let row = rows.into_iter().find(|(image, _)| image.address() == found.address());
        let decision = last_decisions(&chains).remove(&(&found.region, found.id.as_str())).cloned();
        if let (Some((_, row)), Some(decision)) = (row, decision) {
            let defaults = Expire::default();
            let kept = uses.keep_reasons(recipe.policy(&defaults), &found, now);
            let kept: Vec<_> = kept.into_iter().map(|keep| keep.reason).collect();
            let users = uses.users(&found);
            report.story = Some(explanation((&found, &record), &release, &decision, users, &kept, row));
        }
        report = report.and(act(cloud, unknown(&usage), Mode::DryRun, now).await);
    }
    report.only_asked = report.story.is_some();
    Ok(report)
}

/// What could not be found out in its Region stands in the answer like any other look-up that failed.
fn unknown(usage: &UsageByRegion) -> Vec<Chain> {
    let failed = usage.iter().filter_map(|(region, usage)| Some((region, usage.as_ref().err()?)));
    failed.map(|(region, error)| vec![Subject::region(region).unseen(error)]).collect()
}

/// All images of the same bake, wherever they are.
fn of_release<'a>(observed: &'a Observed, record: &ImageRecord) -> Vec<&'a Image> {
    let same = |image: &&Image| image.record().is_ok_and(|its| its.name == record.name);
    observed.all().filter(same).collect()
}
