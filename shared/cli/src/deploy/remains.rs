//! What stays when Kiln's stacks are deleted: how much of it there is, and how to remove it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, Tag};

use super::recipes;
use super::stack::Stack;
use super::template::Template;
use crate::aws::{Session, more, refused};
use crate::failure::{Failure, Kind};
use crate::render::columns;

const RECIPE_TAG: &str = "kiln:recipe";
const ROLE_TAG: &str = "kiln:role";
const LOG_GROUP: &str = "AWS::Logs::LogGroup";
/// A call lists at most so many names.
const SOME: usize = 10;

/// The type and the name of each resource, by logical id.
type Resources = BTreeMap<String, (String, String)>;

/// What one stack leaves behind of its own resources, and what goes with it.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// What stays.
    pub stays: Resources,
    /// What goes.
    pub goes: Resources,
}

impl Kept {
    /// By the deletion policies of the template that is deployed, not of one that is at hand.
    pub async fn of(stack: &Stack) -> Result<Self, Failure> {
        let template = Template::read(&stack.template().await?).map_err(|error| {
            let what = format!("the template of {} cannot be read: {error}.", stack.title());
            Failure::new(Kind::Answer, what)
        })?;
        let stays = |id: &String| template.resources.get(id).is_some_and(|resource| resource.stays());
        let (stays, goes) = stack.resources().await?.into_iter().partition(|(id, _)| stays(id));
        Ok(Self { stays, goes })
    }
}

/// A builder or a tester.
pub(crate) struct Instance {
    /// Its Region.
    pub region: String,
    /// Its role.
    pub role: String,
    /// Its id.
    pub id: String,
}

/// The builders and testers that are not terminated.
///
/// # Errors
/// A Region cannot be read.
pub(crate) async fn at_work(session: &Session, regions: &[String]) -> Result<Vec<Instance>, Failure> {
    let mut found = Vec::new();
    for region in regions {
        let ec2 = aws_sdk_ec2::Client::new(&session.config_in(region));
        let mut next = None;
        loop {
            let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned);
            let sent = ec2.describe_instances().filters(tagged(ROLE_TAG)).filters(
                Filter::builder().name("instance-state-name").set_values(Some(states.into())).build(),
            );
            let page = sent.set_next_token(next).send().await;
            let page = page.map_err(|error| refused(session, "DescribeInstances", region, &error))?;
            let instances = page.reservations().iter().flat_map(|reservation| reservation.instances());
            found.extend(instances.map(|one| Instance {
                region: region.clone(),
                role: value_of(one.tags(), ROLE_TAG).unwrap_or("instance").to_owned(),
                id: one.instance_id().unwrap_or_default().to_owned(),
            }));
            next = more(page.next_token);
            if next.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

/// What stays, as text, and below each how to remove it.
///
/// # Errors
/// Something cannot be read.
pub(crate) async fn lines(
    session: &Session,
    name: &str,
    regions: &[String],
    kept: &[Kept],
) -> Result<Vec<String>, Failure> {
    let mut lines = vec!["What stays:".to_owned()];
    lines.extend(images(session, regions).await);
    lines.extend(of_recipes(session, name).await?);
    lines.extend(waiting(session, name).await?);
    lines.extend(log_groups(&session.home, kept));
    lines.extend(seal_keys(&session.home, kept));
    Ok(lines)
}

async fn images(session: &Session, regions: &[String]) -> Vec<String> {
    let (mut rows, mut unseen) = (Vec::new(), Vec::new());
    for region in regions {
        let (images, snapshots) = match counted(session, region).await {
            Ok(found) => found,
            // A recipe may name a Region that is not enabled: that holds nothing up.
            Err(failure) => {
                unseen.push(format!("  images in {region} cannot be seen: {}", failure.what));
                continue;
            }
        };
        let recipes: BTreeSet<&String> = images.keys().chain(snapshots.keys()).collect();
        let count = |of: &BTreeMap<String, usize>, recipe: &String| {
            of.get(recipe).copied().unwrap_or_default().to_string()
        };
        rows.extend(recipes.into_iter().map(|recipe| {
            vec![region.clone(), recipe.clone(), count(&images, recipe), count(&snapshots, recipe)]
        }));
    }
    if rows.is_empty() {
        unseen.insert(0, "  images and snapshots: there are none that can be seen".into());
        return unseen;
    }
    rows.insert(0, ["REGION", "RECIPE", "IMAGES", "SNAPSHOTS"].map(str::to_owned).into());
    let mut lines = vec!["  images and snapshots, with all that uses them:".to_owned()];
    lines.extend(columns(&rows).into_iter().map(|line| format!("    {line}")));
    lines.extend([
        "    To have Kiln remove the unused ones first: go no further, delete the recipe, and kiln retire <recipe>".to_owned(),
        format!("    To list those of a Region: aws ec2 describe-images --owners self --include-disabled --filters Name=tag-key,Values={RECIPE_TAG} --region <region>"),
        "    To remove one: aws ec2 deregister-image --delete-associated-snapshots --image-id <image> --region <region>".to_owned(),
    ]);
    lines.extend(unseen);
    lines
}

/// How many images and snapshots of each recipe are in a Region.
async fn counted(
    session: &Session,
    region: &str,
) -> Result<(BTreeMap<String, usize>, BTreeMap<String, usize>), Failure> {
    let ec2 = aws_sdk_ec2::Client::new(&session.config_in(region));
    let (mut images, mut snapshots, mut next) = (BTreeMap::new(), BTreeMap::new(), None);
    let note = |of: &mut BTreeMap<String, usize>, tags: &[Tag]| {
        if let Some(recipe) = value_of(tags, RECIPE_TAG) {
            *of.entry(recipe.to_owned()).or_default() += 1;
        }
    };
    loop {
        let sent = ec2.describe_images().owners("self").filters(tagged(RECIPE_TAG)).include_disabled(true);
        let page = sent.set_next_token(next).send().await;
        let page = page.map_err(|error| refused(session, "DescribeImages", region, &error))?;
        page.images().iter().for_each(|one| note(&mut images, one.tags()));
        next = more(page.next_token);
        if next.is_none() {
            break;
        }
    }
    loop {
        let sent = ec2.describe_snapshots().owner_ids("self").filters(tagged(RECIPE_TAG));
        let page = sent.set_next_token(next).send().await;
        let page = page.map_err(|error| refused(session, "DescribeSnapshots", region, &error))?;
        page.snapshots().iter().for_each(|one| note(&mut snapshots, one.tags()));
        next = more(page.next_token);
        if next.is_none() {
            return Ok((images, snapshots));
        }
    }
}

async fn of_recipes(session: &Session, stack: &str) -> Result<Vec<String>, Failure> {
    let found = recipes::all(session, stack).await?;
    if found.is_empty() {
        return Ok(vec!["  recipes: there are none".into()]);
    }
    let (home, path) = (&session.home, recipes::path(stack));
    let names: Vec<String> = found.keys().map(|name| format!("{path}/{name}")).collect();
    let listed = found.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut lines = vec![
        format!("  recipes in {home}: {listed}"),
        format!("    To remove them: aws ssm delete-parameters --region {home} --names {}", names.join(" ")),
    ];
    let named: BTreeSet<String> = found.values().filter_map(|text| recipes::named_by(text).1).collect();
    if !named.is_empty() {
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        lines.extend([
            format!(
                "  the parameters that name their releases, in each Region of theirs: {}",
                named.join(", ")
            ),
            format!(
                "    To remove them, once nothing reads them: aws ssm delete-parameters --names {} --region <region>",
                named.join(" ")
            ),
        ]);
    }
    Ok(lines)
}

/// The notes on bakes that found no room.
async fn waiting(session: &Session, stack: &str) -> Result<Vec<String>, Failure> {
    let names: Vec<String> =
        recipes::below(session, &format!("/{stack}/waiting")).await?.into_keys().collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let home = &session.home;
    let some = names.iter().take(SOME).map(String::as_str).collect::<Vec<_>>().join(" ");
    Ok(vec![
        format!("  notes on {} bakes that found no room for their builders, in {home}", names.len()),
        format!("    To remove them: aws ssm delete-parameters --region {home} --names {some}"),
    ])
}

fn log_groups(home: &str, kept: &[Kept]) -> Vec<String> {
    let of_kind = |of: fn(&Kept) -> &Resources| -> BTreeSet<&str> {
        let all = kept.iter().flat_map(|one| of(one).values());
        all.filter(|(kind, _)| kind == LOG_GROUP).map(|(_, name)| name.as_str()).collect()
    };
    let (stay, go) = (of_kind(|one| &one.stays), of_kind(|one| &one.goes));
    if !stay.is_empty() {
        let names = stay.into_iter().collect::<Vec<_>>().join(", ");
        return vec![
            format!("  log groups in {home}: {names}"),
            format!(
                "    To remove one: aws logs delete-log-group --region {home} --log-group-name <log group>"
            ),
        ];
    }
    match go.len() {
        0 => Vec::new(),
        count => vec![format!("  log groups: none. The {count} of Kiln's functions go with their stack")],
    }
}

/// The keys of the seals are deleted with their stack, and KMS waits 30 days until it does so.
fn seal_keys(home: &str, kept: &[Kept]) -> Vec<String> {
    let going = kept.iter().flat_map(|one| one.goes.values());
    let keys: BTreeSet<&str> =
        going.filter(|(kind, _)| kind == "AWS::KMS::Key").map(|(_, name)| name.as_str()).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let keys = keys.into_iter().collect::<Vec<_>>().join(", ");
    vec![
        format!(
            "  the key of the seals, for 30 days: {keys}. Without it, a Kiln that is deployed anew cannot tell that the images are Kiln's"
        ),
        format!("    To keep it: aws kms cancel-key-deletion --region {home} --key-id <key>"),
    ]
}

fn tagged(key: &str) -> Filter {
    Filter::builder().name("tag-key").values(key).build()
}

fn value_of<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value)
}
