//! Deploys Kiln: the bucket for what is deployed, the home stack, then a stack in each further Region.
//!
//! A [`release`] is a folder of templates and zips. [`shares`] tells which stack gets which parameter, [`stack`] and [`look`]
//! bring one stack to its template by a change set, whose [`changes`] are shown, and [`plan`] asks once for all of them.
//! [`former`] sees to what a former deployment left. [`uninstall`] deletes the stacks, and [`remains`] tells what stays.

mod artifacts;
pub(crate) mod bucket;
mod changes;
mod former;
mod look;
mod plan;
pub(crate) mod recipes;
mod regions;
mod release;
mod remains;
mod shares;
pub(crate) mod stack;
mod template;
mod uninstall;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};

use bucket::Bucket;
use plan::Plan;
use release::{Release, digest_of};
use shares::{Given, shared_out};
use stack::{Body, MOST_BODY, Stack};
use template::Template;

use crate::Done;
use crate::aws::Session;
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::screen::Screen;

pub(crate) use uninstall::uninstall;

/// How long it is tried to take back what was not carried out.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked of a deployment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// The folder of the release.
    pub release: PathBuf,
    /// The further Regions; `None` for those that are there.
    pub regions: Option<Vec<String>>,
    /// The architecture of the functions; `None` for that which is there.
    pub architecture: Option<String>,
    /// Parameters of the templates.
    pub parameters: Given,
    /// Tags of the stacks and all that they make.
    pub tags: BTreeMap<String, String>,
    /// Whether stacks go from Regions that are no longer among `regions`.
    pub remove_regions: bool,
    /// Whether Kiln must be there already.
    pub is_upgrade: bool,
}

/// Deploys a release; run again, it changes only what changed.
///
/// What would be changed is shown and asked first. A Region that was deployed to before and is no longer wanted is told, and
/// its stack is deleted on demand.
///
/// # Errors
/// What failed, and what to do. Change sets that were not carried out are taken back, also if somebody presses Ctrl-C.
pub(crate) async fn deploy(
    session: &Session,
    name: &str,
    wanted: &Wanted,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let mut plan = Plan::default();
    let ended = tokio::select! {
        ended = carried_out(session, name, wanted, &mut plan, screen) => ended,
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Kind::Interrupted, interrupt::told())),
    };
    if ended.is_err() {
        // Whoever presses Ctrl-C again waits for nothing more.
        let is_done = tokio::select! {
            () = plan.drop_proposals(screen) => true,
            _ = tokio::signal::ctrl_c() => false,
            () = tokio::time::sleep(PATIENCE) => false,
        };
        if !is_done {
            screen.say(["Change sets may be left. They do nothing."]);
        }
    }
    ended
}

/// The stacks of one deployment.
struct Stacks {
    home: Stack,
    artifacts: Stack,
    further: Vec<Stack>,
}

/// Shows what would be changed, asks, and does it.
async fn carried_out(
    session: &Session,
    name: &str,
    wanted: &Wanted,
    plan: &mut Plan,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let home = Stack::of(session, name, &session.home, &wanted.tags);
    if wanted.is_upgrade {
        home.must_be_there().await?;
    }
    home.leave_to_reviewers().await?;
    let is_new = !home.is_there().await?;
    let before = home.parameters().await?;
    let architecture = wanted.architecture.as_deref().or(before.get("Architecture").map(String::as_str));
    let release = Release::open(&wanted.release, architecture)?;
    let regions = regions_of(session, name, wanted).await?;
    let region_text = release.region_template()?;
    let region_template = read(&region_text, "region.yaml")?;
    let mut given = wanted.parameters.clone();
    given.entry("Architecture".into()).or_insert_with(|| release.architecture().into());
    let shares = shared_out(&given, &session.home, &regions, &region_template.parameters)
        .map_err(|problem| Failure::new(Kind::Parameter, format!("Nothing was changed: {problem}.")))?;
    let stacks = Stacks {
        artifacts: Stack::of(session, &artifacts::stack_name(name), &session.home, &wanted.tags),
        further: regions
            .iter()
            .map(|region| Stack::of(session, &regions::stack_name(name), region, &wanted.tags))
            .collect(),
        home,
    };
    let account = session.account().await?;
    let at_home = &shares[&session.home];
    let key = at_home.get("KmsKey").or(before.get("KmsKey").filter(|key| !key.is_empty()));
    let bucket_template = release.artifacts_template()?;
    let key = key.map(String::as_str);
    let bucket = artifacts::ensure(&stacks.artifacts, &bucket_template, key, &account, plan, screen).await?;

    screen.say([format!("packaging the functions of {}", wanted.release.display())]);
    let packaged = release.package(&bucket, screen).await?;
    tell_of_neighbours(session, name, &regions, screen).await;
    let mut keys = packaged.keys;
    let (body, known) =
        home_body(session, packaged.text, &stacks.home, at_home, (&bucket, &mut keys), screen).await?;

    plan.bring(&stacks.home, &body, at_home, &known, screen).await?;
    for stack in &stacks.further {
        let mut given = shares[&stack.region].clone();
        given.insert("HomeRegion".into(), session.home.clone());
        // The bus has the home stack's name.
        given.insert("BusName".into(), name.into());
        let (body, known) = (Body::Text(region_text.clone()), &region_template.parameters);
        plan.bring(stack, &body, &given, known, screen).await?;
    }
    leave(session, name, &regions, wanted.remove_regions, plan, screen).await?;
    plan.ask(screen).await?;
    plan.carry_out(screen).await?;
    let old = bucket.forget(&keys, Utc::now()).await?;
    if old > 0 {
        let name = &bucket.name;
        screen.say([format!("deleted {old} old files from bucket {name}: they are no longer deployed")]);
    }
    tell_of_the_former_bucket(session, &account, screen).await;
    ended(&stacks, plan.done(), is_new, screen).await
}

fn read(text: &str, name: &str) -> Result<Template, Failure> {
    Template::read(text).map_err(|error| {
        Failure::new(Kind::Release, format!("{name} of the release cannot be read: {error}."))
            .advise("Download the release anew.")
    })
}

/// The further Regions: those that are wanted, or those that are there.
async fn regions_of(session: &Session, name: &str, wanted: &Wanted) -> Result<Vec<String>, Failure> {
    let Some(given) = &wanted.regions else {
        let found = regions::with_a_stack(session, name, &[]).await;
        if let Some(unseen) = found.unseen() {
            return Err(Failure::new(found.kind(), unseen).advise(
                "Name the further Regions: --regions eu-west-1 ap-southeast-2, or --regions alone for none.",
            ));
        }
        return Ok(found.stacks.into_iter().map(|stack| stack.region).collect());
    };
    let (mut regions, mut seen) = (given.clone(), BTreeSet::new());
    regions.retain(|region| seen.insert(region.clone()));
    if regions.contains(&session.home) {
        let home = &session.home;
        let what = format!("{home} is the home Region and cannot be a further Region as well.");
        return Err(Failure::new(Kind::Parameter, what));
    }
    Ok(regions)
}

/// The home Region's template as the call takes it, in itself or, where it is too long for that, by way of the bucket, where
/// its key is noted; and the names of its parameters. What a former deployment left is seen to.
async fn home_body(
    session: &Session,
    text: String,
    home: &Stack,
    given: &Given,
    (bucket, keys): (&Bucket, &mut BTreeSet<String>),
    screen: &mut Screen<'_>,
) -> Result<(Body, Vec<String>), Failure> {
    let template = read(&text, "the home Region's template")?;
    Plan::clear(home, screen).await?;
    former::import_logs(session, &template, home, screen).await?;
    let text = former::without_taken_recipes(session, text, &template, home, given, screen).await?;
    let key = format!("template/{}.yaml", digest_of(text.as_bytes()));
    keys.insert(key.clone());
    if text.len() <= MOST_BODY {
        return Ok((Body::Text(text), template.parameters));
    }
    bucket.put_once(&key, text.into_bytes()).await?;
    Ok((Body::Url(bucket.url(&key).await?), template.parameters))
}

/// Tells which other stacks of Kiln hear the same events.
async fn tell_of_neighbours(session: &Session, name: &str, regions: &[String], screen: &mut Screen<'_>) {
    for region in [&session.home].into_iter().chain(regions) {
        for other in regions::neighbours(session, region, name).await {
            let told = "recipes of both must have different names";
            screen.say([format!("  stack {other} is in {region} too: {told}")]);
        }
    }
}

/// Tells which Regions were deployed to before and are no longer named, and has their stacks deleted if that is wanted.
async fn leave(
    session: &Session,
    name: &str,
    regions: &[String],
    is_wanted: bool,
    plan: &mut Plan,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let found = regions::with_a_stack(session, name, regions).await;
    screen.say(found.unseen());
    if found.stacks.is_empty() {
        return Ok(());
    }
    let recipes = recipes::all(session, name).await?;
    for stack in found.stacks {
        let (title, region) = (stack.title(), stack.region.clone());
        let names = |text: &str| recipes::named_by(text).0.contains(&region);
        let naming: Vec<&str> =
            recipes.iter().filter(|(_, text)| names(text)).map(|(name, _)| name.as_str()).collect();
        if !naming.is_empty() {
            screen.say([format!(
                "{region} is not one of --regions, but recipes name it: {}. Without its stack, only the next sweep finds out that a replica there is ready",
                naming.join(", ")
            )]);
        }
        if is_wanted {
            plan.remove(stack);
        } else {
            screen.say([format!(
                "{title} stays, though {region} is no longer one of --regions. To delete it, and keep the images there: the same with --remove-regions"
            )]);
        }
    }
    Ok(())
}

async fn tell_of_the_former_bucket(session: &Session, account: &str, screen: &mut Screen<'_>) {
    if let Some(former) = artifacts::former(session, account).await {
        let name = &former.name;
        screen.say([format!(
            "bucket {name}, from which a former version of Kiln was deployed, is no longer needed. To delete it: aws s3 rb --force s3://{name}"
        )]);
    }
}

/// What stands after a deployment.
async fn ended(
    stacks: &Stacks,
    done: Vec<Value>,
    is_new: bool,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let outputs = stacks.home.outputs().await?;
    let mut regions = BTreeMap::new();
    for stack in &stacks.further {
        regions.insert(stack.region.clone(), stack.outputs().await?);
    }
    // What a person needs of them: the others are names of what the stack itself has.
    const TOLD: [&str; 4] = ["OperatorPolicy", "RecipePath", "Store", "ViewerPolicy"];
    let told = outputs.iter().filter(|(key, _)| TOLD.contains(&key.as_str()));
    screen.say(told.map(|(key, value)| format!("{key} = {value}")));
    if is_new {
        screen.say(["Kiln is there. Next: kiln recipes push FOLDER, then kiln bake RECIPE --watch"]);
    }
    Ok(Done::well(json!({ "stacks": done, "outputs": outputs, "regions": regions })))
}
