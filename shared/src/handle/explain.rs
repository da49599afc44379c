//! `expire`, asked for the story of one image.

use chrono::{DateTime, Utc};

use super::evidence::{by_others, usage};
use super::expire::{Read, decided, rows_of};
use super::restore::{Places, sought};
use super::survey::{Family, survey};
use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::{Cloud, Image};
use crate::decide::family::{Kin, Rules, seen};
use crate::decide::plan::last_of;
use crate::decide::story::{Story, tell};
use crate::decide::used::{UsageByRegion, Uses};
use crate::decide::{Reason, Subject};
use crate::domain::{ImageId, ImageRecord};
use crate::events::inbound::{Look, Mode};
use crate::recipe::Expire;

/// From what an image was made, who uses it, and what will become of it. Nothing is done.
///
/// # Errors
/// That it could not be found out, and why.
pub(super) async fn explain<C: Cloud>(
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

type Decided = (crate::decide::Decision, crate::decide::plan::Row, Vec<Reason>);

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
fn unknown(usage: &UsageByRegion) -> Vec<crate::decide::Chain> {
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
