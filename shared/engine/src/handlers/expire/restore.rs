//! `expire`, asked to bring back what it retired.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::Mode;
use kiln_core::expire::restore;
use kiln_core::inventory::{Cloudly, Wanted};
use kiln_core::model::{ImageId, ImageName, Tags, tags};
use kiln_core::plan::{Chain, Subject};
use kiln_core::recipe::{BadRecipe, Recipe};

use crate::apply::{Report, act};
use crate::context::{Place, Refused};
use crate::observe::find_image::{Places, sought};
use crate::observe::recipes;
use crate::ports::Cloud;

/// Brings back the release that an image or a replica belongs to.
///
/// # Errors
/// That nothing was done, and why.
pub async fn restore<C: Cloud>(
    cloud: &C,
    place: &Place,
    image: &ImageId,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let read = recipes::wanted(cloud, place, None).await?;
    let places = Places::of(cloud, place, &read).await;
    let chains = match sought(cloud, place, &places, image).await? {
        Ok((_, record)) => of_release(cloud, place, &read, &places, &record.name, now).await?,
        Err(refused) => vec![refused],
    };
    Ok(act(cloud, chains, Mode::Carry, now).await)
}

/// What brings a release back, whichever of its images are there. Where a Region could not be seen there may be more of them:
/// that is told, and fails the call unless the Region is closed to this role.
async fn of_release<C: Cloud>(
    cloud: &C,
    place: &Place,
    recipes: &[Result<Recipe, BadRecipe>],
    places: &Places,
    name: &ImageName,
    now: DateTime<Utc>,
) -> Cloudly<Vec<Chain>> {
    let tagged = Tags::new().with(tags::RECIPE, &name.recipe).with(tags::VERSION, name.version);
    let (members, unseen) = places.images(cloud, &Wanted::Tagged(tagged)).await?;
    let recipe = recipes.iter().flatten().find(|recipe| recipe.name == name.recipe);
    let unlisted = places.unlisted.iter().map(|error| (place.home.clone(), error.clone()));
    let told = unseen.into_iter().chain(unlisted);
    let told = told.map(|(region, error)| vec![Subject::region(&region).unseen_unless_closed(&error)]);
    let release = restore::decide(recipe, &members.iter().collect::<Vec<_>>(), &place.home, now);
    Ok([release].into_iter().chain(told).collect())
}
