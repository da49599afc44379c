//! Removes Kiln and keeps the images: the further Regions' stacks, home's and, if wanted, the buckets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::bucket::{Bucket, STORE};
use super::changes::{Change, What, listed};
use super::plan::told;
use super::remains::{self, Kept};
use super::stack::Stack;
use super::{artifacts, recipes, regions};
use crate::Done;
use crate::aws::Session;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// The name of the home stack whose former bucket could be guessed.
const FIRST: &str = "kiln";

/// Deletes the stacks once somebody agrees, and the buckets once somebody does to that as well.
///
/// Images, their snapshots, recipes and release parameters stay. While a builder or a tester is at work nothing is deleted:
/// nobody would terminate it.
///
/// # Errors
/// What was not deleted, and why.
pub(crate) async fn uninstall(
    session: &Session,
    name: &str,
    remove_buckets: bool,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let of = |name: &str| Stack::of(session, name, &session.home, &BTreeMap::new());
    let (home, of_bucket) = (of(name), of(&artifacts::stack_name(name)));
    of_bucket.leave_to_reviewers().await?;
    let stacks = stacks(session, name, &home, screen).await?;
    let account = session.account().await?;
    // Only its stack knows which bucket it is.
    let store = Bucket::of_stack(&home, &account, STORE).await?;
    let mut done = Vec::new();
    let mut stays = Vec::new();
    if stacks.is_empty() {
        let at = &session.home;
        screen.say([format!(
            "Kiln is not deployed to {at}: there is no stack {name}, and no Region forwards to it"
        )]);
    } else {
        if let Some(store) = &store {
            screen
                .say([format!("The bucket of stack {name}, {}, is asked for after the stacks.", store.name)]);
        }
        stays = delete(session, name, &stacks, screen, &mut done).await?;
    }
    let bucket = artifacts::find(&of_bucket, &account).await?;
    // Stacks of other names shared it.
    let former = if name == FIRST { artifacts::former(session, &account).await } else { None };
    let buckets = Buckets { bucket: bucket.map(|bucket| (of_bucket, bucket)), former, store };
    let gone = buckets.delete(name, remove_buckets, screen).await?;
    Ok(Done::well(json!({ "stacks": done, "stays": stays, "buckets_deleted": gone })))
}

/// The stacks, in the order in which they go: a Region's rules forward to what the home stack has.
async fn stacks(
    session: &Session,
    name: &str,
    home: &Stack,
    screen: &mut Screen<'_>,
) -> Result<Vec<Stack>, Failure> {
    let found = regions::with_a_stack(session, name, &[]).await;
    screen.say(found.unseen());
    let mut there = Vec::new();
    for stack in found.stacks.into_iter().chain([home.clone()]) {
        stack.leave_to_reviewers().await?;
        if stack.can_be_deleted().await? {
            there.push(stack);
        }
    }
    Ok(there)
}

/// Shows what goes and what stays, asks, and deletes the stacks; answers what stays.
async fn delete(
    session: &Session,
    name: &str,
    stacks: &[Stack],
    screen: &mut Screen<'_>,
    done: &mut Vec<Value>,
) -> Result<Vec<String>, Failure> {
    let mut regions = vec![session.home.clone()];
    regions.extend(stacks.iter().map(|stack| stack.region.clone()).filter(|region| *region != session.home));
    let busy = remains::at_work(session, &regions).await?;
    if !busy.is_empty() {
        let listed = busy.iter().map(|one| format!("\n  - {} {} in {}", one.role, one.id, one.region));
        let what = format!(
            "Kiln is at work, and nobody would terminate these once it is gone:{}\nNothing was deleted.",
            listed.collect::<String>()
        );
        return Err(Failure::new(Kind::NotDone, what).advise(
            "Delete the recipes, wait until these are terminated or terminate them, then try again.",
        ));
    }
    let mut kept = Vec::new();
    for stack in stacks {
        let one = Kept::of(stack).await?;
        show(stack, &one, screen);
        kept.push(one);
    }
    // Replicas may be where recipes name a Region that has no stack.
    let named = recipes::all(session, name).await?;
    let named: BTreeSet<String> = named.values().flat_map(|text| recipes::named_by(text).0).collect();
    let others = named.into_iter().filter(|region| !regions.contains(region)).collect::<Vec<_>>();
    regions.extend(others);
    let stays = remains::lines(session, name, &regions, &kept).await?;
    screen.say(&stays);
    let titles: Vec<String> = stacks.iter().map(Stack::title).collect();
    screen.confirm(&format!("Delete {}?", titles.join(", "))).await?;
    for stack in stacks {
        screen.say([format!("deleting {}", stack.title())]);
        stack.delete().await?;
        screen.say(["  deleted"]);
        done.push(told(stack, "deleted", &[]));
    }
    Ok(stays)
}

fn show(stack: &Stack, kept: &Kept, screen: &mut Screen<'_>) {
    let names: Vec<&str> = kept.stays.keys().map(String::as_str).collect();
    let stays = match names.len() {
        0 => String::new(),
        count => format!(", and {count} stay: {}", names.join(", ")),
    };
    let count = kept.goes.len();
    screen.say([format!("{} will be DELETED: {count} {}{stays}", stack.title(), What::Removed.words())]);
    screen.say(listed(&kept.goes.iter().map(Change::removed).collect::<Vec<_>>()));
}

/// The buckets that are left.
struct Buckets {
    /// The one that Kiln was deployed from, with its stack.
    bucket: Option<(Stack, Bucket)>,
    /// That of former versions.
    former: Option<Bucket>,
    /// The home stack's own.
    store: Option<Bucket>,
}

impl Buckets {
    fn all(&self) -> impl Iterator<Item = &Bucket> {
        let bucket = self.bucket.as_ref().map(|(_, bucket)| bucket);
        bucket.into_iter().chain(&self.former).chain(&self.store)
    }

    /// Deletes them with all their versions, once that is wanted; answers the names of those that are gone.
    async fn delete(
        self,
        name: &str,
        is_wanted: bool,
        screen: &mut Screen<'_>,
    ) -> Result<Vec<String>, Failure> {
        let names: Vec<String> = self.all().map(|one| one.name.clone()).collect();
        if names.is_empty() {
            return Ok(names);
        }
        let listed = names.join(" and ");
        let what = "the functions that were deployed, the folders of recipes, and logs; no image";
        screen.say([format!("Bucket {listed} is left, with {what}.")]);
        // A yes to everything is no yes to the buckets, unless there is somebody to ask.
        let question = format!("Delete bucket {listed} with all its versions?");
        if !is_wanted && !screen.is_agreed_by_a_person(&question).await {
            let stack = if name == FIRST { String::new() } else { format!(" --stack {name}") };
            screen
                .say([format!("Bucket {listed} stays. To delete it: kiln{stack} uninstall --remove-bucket")]);
            if let Some(store) = &self.store {
                let store = &store.name;
                screen.say([format!(
                    "Without its stack, {store} is found by that name alone: empty and delete it by hand"
                )]);
            }
            return Ok(Vec::new());
        }
        for one in self.all() {
            one.check().await?;
            one.empty().await?;
        }
        if let Some((stack, _)) = &self.bucket {
            stack.delete().await?;
        }
        for one in self.former.iter().chain(&self.store) {
            one.delete().await?;
        }
        screen.say(["  deleted"]);
        Ok(names)
    }
}
