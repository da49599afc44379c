//! `publish` with `recall` and `reinstate`: a bad release is taken back, or brought back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use futures::future::{join, join4};
use kiln_core::events::inbound::Mode;
use kiln_core::events::outbound::UsedBy;
use kiln_core::inventory::{Image, ImageQuery, Permissions, Result};
use kiln_core::model::{ImageId, ImageName, Region, Tags, tags};
use kiln_core::plan::reason::RecallReason;
use kiln_core::plan::{Action, Subject, anchored};
use kiln_core::recall::users::{self, Usage};
use kiln_core::recall::{self, Observed};
use kiln_core::recipe::Recipe;
use kiln_core::release::{Drift, Pointers};
use kiln_core::replicate::PermissionsByImage;

use crate::apply::{Report, apply};
use crate::bounded::{CALLS, bounded};
use crate::context::{Context, HandlerError};
use crate::handlers::channels::{follow, would_follow};
use crate::observe::usage::{by_region, references};
use crate::observe::{images, recipes};
use crate::ports::Cloud;

/// How somebody asks for a recall.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Why; `None` for what the image itself says.
    pub why: Option<&'a str>,
    /// Whether what was baked from it is recalled as well.
    pub layers: bool,
    /// Whether it is carried out.
    pub mode: Mode,
}

/// What was read of one release.
struct Read {
    recipe: Recipe,
    images: BTreeMap<Region, Result<Vec<Image>>>,
    pointers: BTreeMap<Region, Pointers>,
    permissions: PermissionsByImage,
}

impl Read {
    async fn of<C: Cloud>(
        cloud: &C,
        context: &Context,
        name: &ImageName,
    ) -> std::result::Result<Self, HandlerError> {
        let recipe = recipes::existing(cloud, context, &name.recipe).await?;
        let ((mut images, pointers), enabled) =
            join(images::releases(cloud, context, &recipe), cloud.enabled_regions(&context.home)).await;
        // What a Region that left the recipe still holds could come back with it.
        let wanted = ImageQuery::Tagged(Tags::new().with(tags::RECIPE, &recipe.name));
        let left: Vec<Region> = enabled?.into_iter().filter(|region| !images.contains_key(region)).collect();
        let reads = left.into_iter().map(async |region| {
            let found = cloud.images(&region, &wanted).await;
            (region, found)
        });
        images.extend(bounded(CALLS, reads).await);
        let members = recall::members(&images, &context.home, name);
        let members: Vec<&Image> = members.iter().map(|(image, _)| *image).collect();
        let permissions = images::permissions_by_image(cloud, &members).await;
        Ok(Self { recipe, images, pointers, permissions })
    }

    fn observed<'a>(&'a self, context: &'a Context, users: &'a [UsedBy], now: DateTime<Utc>) -> Observed<'a> {
        Observed {
            recipe: &self.recipe,
            home: &context.home,
            images: &self.images,
            pointers: &self.pointers,
            permissions: &self.permissions,
            users,
            now,
        }
    }
}

/// Recalls a release, and what was baked from it if that is asked for too.
///
/// # Errors
/// Why nothing was done.
pub(crate) async fn recall<C: Cloud>(
    cloud: &C,
    context: &Context,
    name: &ImageName,
    asked: Asked<'_>,
    now: DateTime<Utc>,
) -> std::result::Result<Report, HandlerError> {
    let mut report = Report::default();
    let (mut seen, mut left) = (BTreeSet::from([name.clone()]), VecDeque::from([name.clone()]));
    while let Some(name) = left.pop_front() {
        let read = Read::of(cloud, context, &name).await?;
        let members = recall::members(&read.images, &context.home, &name);
        let at_home = members.iter().map(|(image, _)| *image).filter(|image| image.region == context.home);
        let at_home: Vec<&Image> = at_home.collect();
        if asked.mode.is_repair() && recall::unfinished(at_home.iter().copied()).next().is_none() {
            let done =
                Subject::name(&name, &context.home).decide(Action::Keep, RecallReason::NothingUnfinished);
            return Ok(apply(cloud, vec![vec![done]], asked.mode, now).await);
        }
        let of_image = || at_home.first().map(|image| recall::why(image)).unwrap_or_default();
        let why = asked.why.map_or_else(of_image, str::to_owned);
        let users = used_by(cloud, &members.iter().map(|(image, _)| *image).collect::<Vec<_>>(), &read).await;
        let observed = read.observed(context, &users, now);
        let begin = vec![recall::begin(&observed, name.version, &why)];
        let begun = apply(cloud, begin.clone(), asked.mode, now).await;
        if begun.failed() {
            return Ok(report.and(begun));
        }
        report = report.and(begun);
        let withdraw = recall::withdraw(&observed, name.version, &why);
        let after = (asked.mode == Mode::DryRun)
            .then(|| anchored::after(&read.images, &[begin.as_slice(), withdraw.as_slice()].concat()));
        let withdrawn = apply(cloud, withdraw, asked.mode, now).await;
        let conclude = recall::conclude(&observed, name.version, &why, !withdrawn.failed());
        report = report.and(withdrawn).and(apply(cloud, conclude, asked.mode, now).await);
        report = report.and(match after {
            Some(after) => would_follow(cloud, context, &read.recipe, &after, now).await,
            None => follow(cloud, context, &read.recipe, Drift::Repair, Mode::Apply, now).await,
        });
        report.used_by.extend(users);
        if asked.layers && !at_home.is_empty() {
            let bases = at_home.iter().map(|image| image.id.clone()).collect();
            let layers = cloud.images(&context.home, &ImageQuery::BakedFrom(bases)).await?;
            let layers = layers.iter().filter(|image| !image.is_out());
            let names = layers.filter_map(|image| Some(image.record_for_home(&context.home).ok()?.name));
            left.extend(names.filter(|name| seen.insert(name.clone())).collect::<Vec<_>>());
        }
    }
    report.read_only = asked.mode == Mode::DryRun;
    Ok(report)
}

/// Takes the recall of a release back.
///
/// # Errors
/// Why nothing was done.
pub(crate) async fn reinstate<C: Cloud>(
    cloud: &C,
    context: &Context,
    name: &ImageName,
    mode: Mode,
    now: DateTime<Utc>,
) -> std::result::Result<Report, HandlerError> {
    let read = Read::of(cloud, context, name).await?;
    let sequences = recall::reinstate(&read.observed(context, &[], now), name.version);
    let after = anchored::after(&read.images, &sequences);
    let report = apply(cloud, sequences, mode, now).await;
    match mode {
        Mode::DryRun => Ok(report.and(would_follow(cloud, context, &read.recipe, &after, now).await)),
        _ => Ok(report.and(follow(cloud, context, &read.recipe, Drift::Repair, Mode::Apply, now).await)),
    }
}

/// Who uses these images, in every Region. What cannot be read stops nothing: a bad image goes all the same.
async fn used_by<C: Cloud>(cloud: &C, images: &[&Image], read: &Read) -> Vec<UsedBy> {
    let reads = by_region(images).into_iter().map(async |(region, images)| {
        let usage = usage(cloud, region, &images, read).await;
        users::of(&images, &usage)
    });
    bounded(CALLS, reads).await.into_iter().flatten().collect()
}

async fn usage<C: Cloud>(cloud: &C, region: &Region, images: &[&Image], read: &Read) -> Usage {
    let ids: Vec<ImageId> = images.iter().map(|image| image.id.clone()).collect();
    let (instances, references, launchers, reports) = join4(
        cloud.instances_of(region, &ids),
        references(cloud, region, &ids),
        cloud.launchers(region),
        cloud.usage_reports(region, &ids),
    )
    .await;
    let granted = |image: &&Image| {
        let permissions: &Permissions =
            read.permissions.get(&(image.region.clone(), image.id.clone()))?.as_ref().ok()?;
        Some((image.id.clone(), permissions.launch.clone()))
    };
    Usage {
        references: [told(instances), told(references).0].concat(),
        launchers: told(launchers),
        reports: told(reports),
        shared: images.iter().filter_map(granted).collect(),
    }
}

/// What was read, or nothing; the log tells why.
fn told<T: Default>(read: Result<T>) -> T {
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "part of who uses the image could not be read, so the answer lacks it");
        T::default()
    })
}
