//! `verify`: tests an image before it is used, and adopts images that somebody else made.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::events::inbound::{Mode, VerifyCall};
use kiln_core::inventory::{Image, ImageQuery, ImageState, Instance, InstanceState};
use kiln_core::model::record::RecordError;
use kiln_core::model::{ImageId, ImageRecord, InstanceId, RecipeName, Region, Role, Tags, tags};
use kiln_core::plan::reason::{AdoptReason, VerifyReason};
use kiln_core::plan::{Action, Reason, Sequence, Subject, anchored};
use kiln_core::recipe::{FoundNetwork, Recipe};
use kiln_core::verify::adopt::HandedOver;
use kiln_core::verify::{
    Observed, adopt, decide, image_under_test, network as tester_network, orphan, retest, testers_of,
    untested, wants_console, wants_network, wants_releases, wants_test,
};

use crate::apply::{Report, apply};
use crate::bounded::{CALLS, bounded};
use crate::context::{Context, HandlerError};
use crate::observe::event_resource::{self, Halt, asked, keep, sequence};
use crate::observe::{images, network, recipes};
use crate::ports::Cloud;

/// Tests the image that an event names, or the one that the instance it names has tested, as it is now.
///
/// # Errors
/// Why nothing was done.
pub async fn verify<C: Cloud>(
    cloud: &C,
    context: &Context,
    call: &VerifyCall,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let decided = match call {
        VerifyCall::Stopped(region, instance) => of_tester(cloud, context, region, instance, now).await,
        VerifyCall::Image(region, image) => of_image(cloud, context, region, image, now).await,
        VerifyCall::Retest(image, region) => {
            let region = region.as_ref().unwrap_or(&context.home);
            asked(test_again(cloud, context, region, image, now).await)
        }
        VerifyCall::Adopt(image, recipe) => asked(adopt_by_call(cloud, context, image, recipe, now).await),
    };
    Ok(apply(cloud, vec![sequence(decided)?], mode, now).await)
}

async fn of_tester<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    id: &InstanceId,
    now: DateTime<Utc>,
) -> Result<Sequence, Halt> {
    let tester = event_resource::instance(cloud, region, id).await?;
    let under_test = match image_under_test(&tester) {
        Ok(image) => image,
        Err(_) if !tester.tags.has(tags::RECIPE) => {
            return keep(Subject::instance(&tester), Reason::NotManaged(RecordError::NotManaged));
        }
        Err(reason) => return keep(Subject::instance(&tester), reason),
    };
    let image = cloud.images(region, &ImageQuery::Id(under_test)).await?.pop();
    match image.and_then(|image| Some((image.record_for_home(&context.home).ok()?, image))) {
        Some((record, image)) => {
            let recipe = recipes::find(cloud, context, &record.name.recipe).await?;
            Ok(test(cloud, recipe.as_ref(), image, record, Testers::Among(vec![tester]), Why::Due, now)
                .await?)
        }
        None => Ok(vec![orphan(&tester)]),
    }
}

async fn of_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    id: &ImageId,
    now: DateTime<Utc>,
) -> Result<Sequence, Halt> {
    let image = event_resource::image(cloud, region, id).await?;
    if let Some(recipe) = adopt::adoption_target(&image, &context.home) {
        return adopt_image(cloud, context, image, &recipe, HandedOver::ByTag, now).await;
    }
    let record = event_resource::record(&image, &context.home)?;
    let recipe = event_resource::recipe(cloud, context, &image, &record.name.recipe).await?;
    match wants_test(&recipe, &image, &record) {
        Ok(()) => Ok(test(cloud, Some(&recipe), image, record, Testers::Unknown, Why::Due, now).await?),
        Err(reason) => Ok(vec![untested(&image, &record, reason)]),
    }
}

/// Tests a rejected image again, because somebody asked for it.
async fn test_again<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    id: &ImageId,
    now: DateTime<Utc>,
) -> Result<Sequence, Halt> {
    let image = event_resource::image(cloud, region, id).await?;
    let record = event_resource::record(&image, &context.home)?;
    let recipe = event_resource::recipe(cloud, context, &image, &record.name.recipe).await?;
    let record = match retest(&image, &record, now) {
        Ok(record) => record,
        Err(reason) => return keep(Subject::image(&image), reason),
    };
    let mut sequence = anchored::begin_again(&image, &record, &VerifyReason::AskedAgain.into());
    sequence.extend(test(cloud, Some(&recipe), image, record, Testers::Unknown, Why::Asked, now).await?);
    Ok(sequence)
}

/// Adopts an image that somebody else made, and tests it like any other.
async fn adopt_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    image: Image,
    recipe: &RecipeName,
    by: HandedOver,
    now: DateTime<Utc>,
) -> Result<Sequence, Halt> {
    let recipe = event_resource::recipe(cloud, context, &image, recipe).await?;
    let of_recipe = ImageQuery::Tagged(Tags::new().with(tags::RECIPE, &recipe.name));
    let others = cloud.images(&context.home, &of_recipe).await?;
    let decision = adopt::decide(&image, &recipe, &others, by, now);
    let Action::Adopt { tags, .. } = &decision.action else {
        return Ok(adopt::not_adopted(decision, &image, by));
    };
    let image = adopt::adopted(&image, tags);
    let mut sequence = vec![decision];
    if let Ok(record) = image.record() {
        sequence.extend(test(cloud, Some(&recipe), image, record, Testers::Unknown, Why::Due, now).await?);
    }
    Ok(sequence)
}

/// Adopts an image that somebody hands over by a call, whatever its name.
async fn adopt_by_call<C: Cloud>(
    cloud: &C,
    context: &Context,
    id: &ImageId,
    recipe: &RecipeName,
    now: DateTime<Utc>,
) -> Result<Sequence, Halt> {
    let image = event_resource::image(cloud, &context.home, id).await?;
    if image.state != ImageState::Available {
        return keep(Subject::image(&image), Reason::ImageNotAvailable(image.state.clone()));
    }
    if !adopt::is_adoptable(&image, &context.home) {
        return keep(Subject::image(&image), AdoptReason::NotAdoptable);
    }
    adopt_image(cloud, context, image, recipe, HandedOver::ByCall, now).await
}

/// The testers of an image.
enum Testers {
    /// These: the one that stopped.
    Among(Vec<Instance>),
    /// They must be read from EC2.
    Unknown,
}

/// Why an image is tested.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It has not been tested yet.
    Due,
    /// Somebody asked for another test.
    Asked,
}

async fn test<C: Cloud>(
    cloud: &C,
    recipe: Option<&Recipe>,
    image: Image,
    record: ImageRecord,
    testers: Testers,
    why: Why,
    now: DateTime<Utc>,
) -> Result<Sequence, HandlerError> {
    let testers = match testers {
        Testers::Among(testers) => testers,
        Testers::Unknown => {
            let instances = cloud.instances(&image.region).await?;
            testers_of(&image.id, &instances).cloned().collect()
        }
    };
    let stopped = testers.iter().filter(|tester| wants_console(tester, now));
    let consoles = stopped.map(async |tester| {
        (tester.id.clone(), images::console(cloud, tester, Role::Tester, &record.name).await)
    });
    let consoles: BTreeMap<_, _> = bounded(CALLS, consoles).await.into_iter().collect();
    let network = match recipe.filter(|recipe| wants_network(recipe, &image, &record, &testers)) {
        Some(recipe) => network::find(cloud, &image.region, tester_network(recipe, &image)).await,
        None => Ok(FoundNetwork::default()),
    };
    let compared = recipe.filter(|recipe| wants_releases(recipe, &image, &record, &testers));
    let (releases, builder) = match (compared, &image.source_instance) {
        (Some(recipe), Some(builder)) => {
            let of_recipe = ImageQuery::Tagged(Tags::new().with(tags::RECIPE, &recipe.name));
            let (releases, builder) =
                join(cloud.images(&image.region, &of_recipe), cloud.instance(&image.region, builder)).await;
            (releases?, builder?.filter(|builder| builder.state != InstanceState::Terminated))
        }
        _ => (Vec::new(), None),
    };
    let builder = builder.map(|builder| builder.id);
    let asked = (why == Why::Asked).then_some(now);
    Ok(decide(recipe, &Observed { image, record, testers, consoles, network, builder, releases, asked }, now))
}
