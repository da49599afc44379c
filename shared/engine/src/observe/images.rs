//! Reads that several functions share: images, permissions, pointers and consoles.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join;
use kiln_core::channel::ChannelPointers;
use kiln_core::inventory::{Image, ImageQuery, ImageState, Instance, Permissions, Result, log_verdict};
use kiln_core::model::contents::Listing;
use kiln_core::model::script_outcome::tail;
use kiln_core::model::{ImageId, ImageName, RecipeName, Region, Role, ScriptOutcome, Stage, Tags, tags};
use kiln_core::recipe::Recipe;
use kiln_core::release::Pointers;
use kiln_core::replicate::PermissionsByImage;
use kiln_core::verify::Console;

use crate::apply::Report;
use crate::bounded::{CALLS, NESTED, bounded};
use crate::context::Context;
use crate::ports::Cloud;

/// The images of a recipe in all its Regions.
pub(crate) async fn recipe_images<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &Recipe,
) -> BTreeMap<Region, Result<Vec<Image>>> {
    let wanted = ImageQuery::Tagged(Tags::new().with(tags::RECIPE, &recipe.name));
    let reads = recipe
        .regions(&context.home)
        .map(async |region| (region.clone(), cloud.images(region, &wanted).await));
    bounded(CALLS, reads).await.into_iter().collect()
}

/// The images of a recipe in all its Regions, and what each of them names, as far as that can be found out.
pub(crate) async fn releases<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &Recipe,
) -> (BTreeMap<Region, Result<Vec<Image>>>, BTreeMap<Region, Pointers>) {
    let one = [recipe];
    let (images, mut named) =
        join(recipe_images(cloud, context, recipe), pointers(cloud, &context.home, &one)).await;
    read_accounts(cloud, &context.home, &one, &mut named).await;
    let mut named = named.remove(&recipe.name).unwrap_or_default();
    look_up_named(cloud, recipe, &images, &mut named).await;
    (images, named)
}

/// Who may launch each of these images, and who may create volumes from its snapshots.
pub(crate) async fn permissions_by_image<C: Cloud>(cloud: &C, images: &[&Image]) -> PermissionsByImage {
    let reads = images
        .iter()
        .map(async |image| ((image.region.clone(), image.id.clone()), permissions(cloud, image).await));
    bounded(NESTED, reads).await.into_iter().collect()
}

/// Who may launch an image, and who may create volumes from its snapshots. Nobody may launch a disabled one.
pub(crate) async fn permissions<C: Cloud>(cloud: &C, image: &Image) -> Result<Permissions> {
    let volumes = image.snapshots.iter().map(async |snapshot| {
        Ok((snapshot.clone(), cloud.volume_permissions(&image.region, snapshot).await?))
    });
    let launch = async {
        match image.state {
            ImageState::Disabled => Ok(BTreeSet::new()),
            _ => cloud.launch_permissions(&image.region, &image.id).await,
        }
    };
    let (launch, volumes): (_, Vec<Result<_>>) = join(launch, bounded(CALLS, volumes)).await;
    Ok(Permissions { launch: launch?, volumes: volumes.into_iter().collect::<Result<_>>()? })
}

/// What the parameters and launch templates of these recipes name in each Region.
pub(crate) async fn pointers<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&Recipe],
) -> BTreeMap<RecipeName, BTreeMap<Region, Pointers>> {
    let names = recipes.iter().map(|recipe| recipe.name.clone());
    names.zip(pointers_of_each(cloud, home, recipes).await).collect()
}

/// What the channels of these recipes name; nothing of recipes without channels.
pub(crate) async fn channel_pointers<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&Recipe],
) -> BTreeMap<RecipeName, ChannelPointers> {
    let channels = || recipes.iter().flat_map(|recipe| recipe.channels.iter().map(move |one| (*recipe, one)));
    let views: Vec<Recipe> = channels().map(|(recipe, channel)| recipe.of_channel(channel)).collect();
    let read = pointers_of_each(cloud, home, &views.iter().collect::<Vec<_>>()).await;
    let mut pointers: BTreeMap<RecipeName, ChannelPointers> = BTreeMap::new();
    for ((recipe, channel), of_channel) in channels().zip(read) {
        pointers.entry(recipe.name.clone()).or_default().insert(channel.name.clone(), of_channel);
    }
    pointers
}

/// What is named for each of these, in their order. The parameters of a Region are read together, in as few calls as
/// possible.
async fn pointers_of_each<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&Recipe],
) -> Vec<BTreeMap<Region, Pointers>> {
    let mut names: BTreeMap<&Region, Vec<String>> = BTreeMap::new();
    let mut templates = Vec::new();
    for recipe in recipes {
        for region in recipe.regions(home) {
            if let Some(parameter) = &recipe.publish.parameter {
                names.entry(region).or_default().push(parameter.clone());
            }
            if let Some(template) = &recipe.publish.launch_template {
                templates.push((*recipe, region, template));
            }
        }
    }
    let parameters = names.into_iter().map(async |(region, mut names)| {
        names.sort();
        names.dedup();
        (region, cloud.parameters(region, &names).await)
    });
    let templates = templates.into_iter().map(async |(recipe, region, template)| {
        ((&recipe.name, region), cloud.template(region, &template.name).await)
    });
    let (parameters, templates): (Vec<_>, Vec<_>) =
        join(bounded(CALLS, parameters), bounded(CALLS, templates)).await;
    let parameters: BTreeMap<&Region, Result<BTreeMap<String, String>>> = parameters.into_iter().collect();
    let mut templates: BTreeMap<_, _> = templates.into_iter().collect();
    let of = |recipe: &Recipe, region: &Region, template| {
        let parameter =
            recipe.publish.parameter.as_ref().and_then(|name| {
                Some(parameters.get(region)?.clone().map(|values| values.get(name).cloned()))
            });
        Pointers { parameter, template, ..Pointers::default() }
    };
    let mut pointers = Vec::new();
    for recipe in recipes {
        let in_regions = recipe
            .regions(home)
            .map(|region| (region.clone(), of(recipe, region, templates.remove(&(&recipe.name, region)))));
        pointers.push(in_regions.collect());
    }
    pointers
}

/// Looks at each image that a channel names and that is none of the recipe's.
pub(crate) async fn look_up_in_channels<C: Cloud>(
    cloud: &C,
    recipe: &Recipe,
    images: &BTreeMap<Region, Result<Vec<Image>>>,
    pointers: &mut ChannelPointers,
) {
    for channel in &recipe.channels {
        if let Some(pointers) = pointers.get_mut(&channel.name) {
            look_up_named(cloud, &recipe.of_channel(channel), images, pointers).await;
        }
    }
}

/// Reads what the parameters of these recipes name in other accounts, into what each Region names. Those of an account and
/// a Region are read together.
pub(crate) async fn read_accounts<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&Recipe],
    pointers: &mut BTreeMap<RecipeName, BTreeMap<Region, Pointers>>,
) {
    let mut names: BTreeMap<(&str, &Region), BTreeSet<String>> = BTreeMap::new();
    for recipe in recipes {
        for account in &recipe.publish.parameter_accounts {
            for region in recipe.regions(home) {
                names.entry((account, region)).or_default().extend(recipe.publish.parameter.clone());
            }
        }
    }
    let reads = names.into_iter().map(async |((account, region), names)| {
        let names: Vec<String> = names.into_iter().collect();
        ((account, region), cloud.parameters_in(account, region, &names).await)
    });
    let read: BTreeMap<_, _> = bounded(CALLS, reads).await.into_iter().collect();
    for recipe in recipes {
        let (Some(parameter), Some(of_recipe)) = (&recipe.publish.parameter, pointers.get_mut(&recipe.name))
        else {
            continue;
        };
        for (region, of_region) in of_recipe {
            let accounts = recipe.publish.parameter_accounts.iter();
            of_region.accounts.extend(accounts.filter_map(|account| {
                let values = read.get(&(account.as_str(), region))?.clone();
                Some((account.clone(), values.map(|values| values.get(parameter).cloned())))
            }));
        }
    }
}

/// Looks at each image that a Region names and that is none of the recipe's: somebody's own, or one that somebody took
/// away. Where it cannot be looked at, what the Region names counts as not read.
pub(crate) async fn look_up_named<C: Cloud>(
    cloud: &C,
    recipe: &Recipe,
    images: &BTreeMap<Region, Result<Vec<Image>>>,
    pointers: &mut BTreeMap<Region, Pointers>,
) {
    let unknown = pointers.iter_mut().filter_map(|(region, pointers)| {
        let (named, known) = (pointers.named(recipe)?, images.get(region)?.as_ref().ok()?);
        (!known.iter().any(|image| image.id == named)).then_some((region, named, pointers))
    });
    let reads = unknown.map(async |(region, named, pointers)| {
        let found = match (cloud.images(region, &ImageQuery::Id(named)).await, &recipe.publish.parameter) {
            (Ok(found), _) => found,
            (Err(error), Some(_)) => {
                pointers.parameter = Some(Err(error));
                return;
            }
            (Err(error), None) => {
                pointers.template = Some(Err(error));
                return;
            }
        };
        let named = found.first().filter(|image| image.state == ImageState::Available);
        pointers.is_foreign = named.is_some();
        let is_own =
            |image: &Image| image.name.parse().is_ok_and(|name: ImageName| name.recipe == recipe.name);
        pointers.is_spoiled = named.is_some_and(is_own);
    });
    bounded(CALLS, reads).await;
}

/// The result on the console of a builder or tester, and the console's last lines. Of a Windows whose console shows none, it is
/// that of its log.
pub(crate) async fn console<C: Cloud>(
    cloud: &C,
    instance: &Instance,
    role: Role,
    name: &ImageName,
) -> Result<Console> {
    let console = cloud.console(&instance.region, &instance.id);
    let (output, words) = join(console, cloud.verdict_words(role, name)).await;
    let (output, words) = (output?, words?);
    let console = Console {
        verdict: ScriptOutcome::read(&output, &words),
        tail: tail(&output, &words),
        listing: Listing::read(&output, &words),
    };
    let Some(key) = log_verdict::log_to_read(instance, role, name, &console.verdict) else {
        return Ok(console);
    };
    // Without a log it is as if there were no verdict, which the deadline ends.
    let log = cloud.object(&key).await.unwrap_or_else(|error| {
        tracing::info!(%error, "the console shows no verdict, and the log could not be read");
        None
    });
    let log = String::from_utf8_lossy(&log.unwrap_or_default()).into_owned();
    Ok(match log_verdict::read(&log, instance, &words) {
        ScriptOutcome::Silent => console,
        verdict => Console { verdict, tail: tail(&log, &words), ..console },
    })
}

/// Marks the images that the report says were published. EC2 might not show that yet if they were read again so soon.
pub(crate) fn as_published(images: &mut BTreeMap<Region, Result<Vec<Image>>>, report: &Report) {
    let published = |region: &Region, image: &ImageId| {
        report.entries.iter().any(|entry| {
            entry.did("publish")
                && entry.region == *region
                && entry.resource.as_deref() == Some(image.as_str())
        })
    };
    for image in images.values_mut().filter_map(|found| found.as_mut().ok()).flatten() {
        if published(&image.region, &image.id) {
            image.tags = std::mem::take(&mut image.tags).with(tags::STAGE, Stage::Published);
        }
    }
}
