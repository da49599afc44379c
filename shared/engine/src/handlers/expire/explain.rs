//! `expire`, asked for the story of one image.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::{Look, Mode};
use kiln_core::expire::explain::{Story, tell};
use kiln_core::expire::forecast::last_of;
use kiln_core::expire::in_use::{UsageByRegion, Uses};
use kiln_core::expire::lineage::{Kin, Rules, seen};
use kiln_core::inventory::Image;
use kiln_core::model::{ImageId, ImageRecord};
use kiln_core::plan::{Reason, Subject};
use kiln_core::recipe::Expire;

use crate::apply::{Report, act};
use crate::context::{Place, Refused};
use crate::handlers::expire::one_recipe::{Read, decided, rows_of};
use crate::observe::find_image::{Places, sought};
use crate::observe::inventory::{Family, survey};
use crate::observe::recipes;
use crate::observe::usage::{by_others, usage};
use crate::ports::Cloud;

/// From what an image was made, who uses it, and what will become of it. Nothing is done.
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
        Ok(sought) => sought,
        Err(refused) => return Ok(act(cloud, vec![refused], Mode::DryRun, now).await),
    };
    let survey = survey(cloud, place, Some(&record.name.recipe), Look::Ended, now).await?;
    let mut report = Report::default();
    if let Some(family) = survey.families.get(&record.name.recipe) {
        let release = of_release(family, &record);
        let mut usage = usage(cloud, place, &survey, &release).await;
        by_others(cloud, &mut usage, &release).await;
        let uses = Uses::of(&usage);
        // How much goes in one run is no part of an image's own story.
        let chains = decided(&Read::of(family, place), place, &uses, Some(usize::MAX), now);
        let row = rows_of(family, &chains, &survey, place, now)
            .into_iter()
            .find(|((region, id), _)| *region == found.region && id == found.id.as_str());
        let decision = last_of(&chains).remove(&(&found.region, found.id.as_str())).cloned();
        if let (Some((_, row)), Some(decision)) = (row, decision) {
            let kept = uses.all(rules(family, place, &Expire::default()), &found, now);
            let members: Vec<Image> = release.iter().map(|image| (*image).clone()).collect();
            report.story = Some(story(&found, &record, &members, (decision, row, kept), &uses));
        }
        report = report.and(act(cloud, unknown(&usage), Mode::DryRun, now).await);
    }
    report.only_asked = report.story.is_some();
    Ok(report)
}

type Decided = (kiln_core::plan::Decision, kiln_core::expire::forecast::Row, Vec<Reason>);

fn story(
    found: &Image,
    record: &ImageRecord,
    members: &[Image],
    (decision, row, kept): Decided,
    uses: &Uses<'_>,
) -> Story {
    tell((found, record), members, &decision, uses.users(found), &kept, row)
}

/// What could not be found out of its Region is told as any other look-up that failed.
fn unknown(usage: &UsageByRegion) -> Vec<kiln_core::plan::Chain> {
    let failed = usage.iter().filter_map(|(region, usage)| Some((region, usage.as_ref().err()?)));
    failed.map(|(region, error)| vec![Subject::region(region).unseen(error)]).collect()
}

/// All images of the same bake, wherever they are.
fn of_release<'a>(family: &'a Family, record: &ImageRecord) -> Vec<&'a Image> {
    let same = |image: &&Image| image.record().is_ok_and(|its| its.name == record.name);
    seen(&family.found).chain(&family.strays).filter(same).collect()
}

fn rules<'a>(family: &'a Family, place: &Place, usual: &'a Expire) -> Rules<'a> {
    let newest = Kin::of(&family.found, &place.home).newest;
    match &family.recipe {
        Some(recipe) => Rules::of(recipe, newest),
        None => Rules { expire: usual, recipe: None, newest },
    }
}
