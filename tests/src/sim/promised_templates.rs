//! The promises on launch templates that follow releases: what they name, and which of their versions keeps an image.

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{Image, ImageState, InstanceState, NewTemplateVersion};
use kiln_core::model::{ImageId, RecipeName, Region, Stage, tags};

use super::account::Account;
use super::ec2::Ec2;
use super::excuses::Excuse;
use super::faults::MOST_LAG;
use super::history::History;
use super::invariants::{Invariants, Promised, PromisedTemplate};
use super::lambda::{Function, Invocation, UsageReads};
use super::members::{home_of, is_whole, member};
use super::releases::{changed_by_hand, is_published, shall_be_named};
use super::templates::Template;

impl Template {
    /// Whether a version of it keeps an image from expiry: any of somebody's own template; of one that follows
    /// releases the latest, the default one, and each that a person wrote.
    fn keeps(&self, image: &ImageId) -> bool {
        let mut naming = self.numbered().filter(|(_, version)| version.image.as_ref() == Some(image));
        naming.any(|(number, version)| {
            self.recipe.is_none() || !version.is_kilns || number == self.default || number == self.latest()
        })
    }
}

impl PromisedTemplate {
    /// The image that instances get from the template: by its default version, or by its latest.
    fn names<'a>(&self, template: &'a Template) -> Option<&'a ImageId> {
        template.image(if self.default { template.default } else { template.latest() })
    }
}

impl Invariants {
    /// Kiln makes a version of a launch template.
    pub(super) fn template_version_made(
        &mut self,
        account: &Account,
        by: &Invocation,
        new: &NewTemplateVersion,
        now: DateTime<Utc>,
    ) {
        let templates = account.regions.get(&new.region).map(|ec2| &ec2.templates);
        let history = templates.and_then(|all| all.get(&new.template));
        let template = history.and_then(History::now);
        if template.is_none_or(|template| template.recipe.is_none()) {
            self.broken_promise(format!("{now}: {}, which follows no recipe, got a version", new.template));
        }
        let is_made = |template: &Template| {
            let latest = template.versions.last();
            latest.is_some_and(|latest| latest.is_kilns && latest.image.as_ref() == Some(&new.image))
        };
        let was_made = || history.and_then(|history| history.at(by.began - MOST_LAG)).is_some_and(is_made);
        if template.is_some_and(is_made) && !was_made() {
            self.excuses.count(Excuse::TwoVersionsAtOnce);
        } else if template.is_some_and(is_made) {
            self.broken_promise(format!(
                "{now}: {} in {} got two versions for {}, one after the other",
                new.template, new.region, new.image
            ));
        }
        self.template_is_to_name(account, by, &new.region, (&new.template, Some(&new.image)), now);
    }

    /// Kiln makes another version of a launch template the default one.
    pub(super) fn template_default_set(
        &mut self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        (id, number): (&str, i64),
        now: DateTime<Utc>,
    ) {
        let templates = account.regions.get(region).map(|ec2| &ec2.templates);
        let image = templates.and_then(|all| all.get(id)?.now()?.image(number));
        self.template_is_to_name(account, by, region, (id, image), now);
    }

    fn template_is_to_name(
        &mut self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        (id, image): (&str, Option<&ImageId>),
        now: DateTime<Utc>,
    ) {
        self.changes += 1;
        // What publishes moves a template only because a person rolls back, to whatever he says.
        let is_asked = by.function == Function::Publish;
        let may = match image {
            None => Err("it names no image".into()),
            Some(image) => self.may_be_named(account, by, region, image).and_then(|()| match is_asked {
                true => Ok(()),
                false => self
                    .was_not_rolled_back_from(account, by, region, image, now)
                    .and_then(|()| self.goes_forward(account, by, region, (id, image))),
            }),
        };
        if let Err(why) = may {
            let function = by.function;
            self.broken_promise(format!("{now}: {function:?} let {id} in {region} name {image:?}: {why}"));
        }
    }

    /// Kiln never goes back to an older release by itself while the one that is named can be launched.
    fn goes_forward(
        &self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        (id, image): (&str, &ImageId),
    ) -> Result<(), String> {
        let Some(ec2) = account.regions.get(region) else { return Ok(()) };
        let record = |id: &ImageId| ec2.images.get(id)?.now()?.record().ok();
        let Some(new) = record(image) else { return Ok(()) };
        let promised = self.recipes.get(&new.name.recipe).and_then(|promised| promised.template.as_ref());
        let Some((template, promised)) = ec2.templates.get(id).and_then(History::now).zip(promised) else {
            return Ok(());
        };
        let Some(named) = promised.names(template) else { return Ok(()) };
        let launchable = ec2.images.get(named).and_then(History::now).is_some_and(is_published);
        let Some(before) = record(named).filter(|its| launchable && its.name.recipe == new.name.recipe)
        else {
            return Ok(());
        };
        let origin = home_of(account, &by.home, named, &before);
        let home = account.regions.get(&by.home).and_then(|ec2| ec2.images.get(&origin)?.now());
        let is_release = home.is_some_and(|image| image.tags.get(tags::STAGE) == Some("released"));
        // Where somebody took one of its images, all Regions go back together.
        let is_whole = self.is_whole(account, &by.home, region, &before.name, by.began - MOST_LAG);
        if !is_release || !is_whole || before.name.version <= new.name.version {
            return Ok(());
        }
        // There is no compare-and-swap: of two invocations at once the later one writes over what it did not see.
        let then = ec2.templates.get(id).and_then(|history| history.at(by.began));
        let was_named = then.and_then(|then| promised.names(then)) == Some(named);
        match self.releases.rollbacks.get(&new.name.recipe) {
            Some(back) if before.name.version <= back.over => Ok(()),
            _ if !was_named => {
                self.excuses.count(Excuse::TwoVersionsAtOnce);
                Ok(())
            }
            _ => Err(format!("it went back from {}, and nobody had rolled back", before.name)),
        }
    }

    /// Checks that no launch template or group names an image that is to be removed, in a way that counts as use.
    pub(super) fn unnamed_by_template(
        &self,
        ec2: &Ec2,
        image: &Image,
        reads: UsageReads,
    ) -> Result<(), String> {
        let (Some(templates), Some(launchers)) = (reads.templates, reads.launchers) else {
            return Err("a look-up of its use was not made".into());
        };
        let keeps = |template: &Template| template.keeps(&image.id);
        for history in ec2.templates.values().filter(|history| history.now().is_some_and(keeps)) {
            match history.at(templates - MOST_LAG).filter(|then| keeps(then)) {
                Some(template) => return Err(format!("{} named it", template.id)),
                None => self.excuses.count(Excuse::NamedJustBefore),
            }
        }
        for (group, history) in &ec2.groups {
            let names = |at: Option<DateTime<Utc>>| launches(ec2, history, &image.id, at);
            if names(None) && names(Some(launchers - MOST_LAG)) {
                return Err(format!("the group {group} launches from it"));
            }
            if names(None) {
                self.excuses.count(Excuse::NamedJustBefore);
            }
        }
        Ok(())
    }
}

/// Whether a group launches from a version that names this image, now or at a moment.
fn launches(
    ec2: &Ec2,
    group: &History<kiln_core::inventory::usage::PinnedVersion>,
    image: &ImageId,
    at: Option<DateTime<Utc>>,
) -> bool {
    let pinned = at.map_or_else(|| group.now(), |at| group.at(at));
    let named = pinned.and_then(|pinned| ec2.templates.get(&pinned.template)?.now()?.image(pinned.number));
    named == Some(image)
}

/// Every promise on launch templates that is broken at the end.
pub fn broken_promises(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    now: DateTime<Utc>,
) -> Vec<String> {
    let mut broken = Vec::new();
    for (recipe, promised) in &invariants.recipes {
        if let Some(template) = &promised.template {
            broken.extend(named(account, invariants, home, (recipe, promised), template));
            broken.extend(kept(account, invariants, home, (recipe, promised), template, now));
        }
    }
    broken
}

/// The template of every required Region names what the parameter shall name.
fn named(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    (recipe, promised): (&RecipeName, &Promised),
    template: &PromisedTemplate,
) -> Vec<String> {
    if !promised.all_regions {
        return Vec::new();
    }
    if !invariants.is_one_launchable_everywhere(account, home, recipe, promised) {
        invariants.excuses.count(Excuse::NothingToName);
        return Vec::new();
    }
    let Some((shall, of)) = shall_be_named(account, invariants, home, recipe) else { return Vec::new() };
    let mut broken = Vec::new();
    for region in promised.required.iter().chain([home]) {
        let images = member(account, home, &of, region, DateTime::<Utc>::MAX_UTC);
        let Some(wanted) = images.filter_map(History::now).find(|image| is_published(image)) else {
            continue;
        };
        let ec2 = &account.regions[region];
        let named = ec2.template_named(&template.name).and_then(|history| template.names(history.now()?));
        if named != Some(&wanted.id) {
            let name = &template.name;
            broken.push(format!(
                "launch template {name} in {region} names {named:?}, not {} of {shall}",
                wanted.id
            ));
        }
    }
    broken
}

/// A version that Kiln made and that nothing names any more keeps no image: a release that only such versions name has
/// begun to go.
fn kept(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    (recipe, promised): (&RecipeName, &Promised),
    template: &PromisedTemplate,
    now: DateTime<Utc>,
) -> Vec<String> {
    if promised.is_blind {
        return Vec::new();
    }
    let homes: Vec<&Image> = account
        .images()
        .filter(|image| image.region == *home && image.state == ImageState::Available)
        .filter(|image| {
            image.record().is_ok_and(|its| {
                its.name.recipe == *recipe && its.copied.is_none() && its.stage == Stage::Released
            })
        })
        .collect();
    let version = |image: &Image| image.record().ok().map(|its| its.name.version);
    let mut broken = Vec::new();
    for image in &homes {
        let Ok(record) = image.record() else { continue };
        let newer = homes.iter().filter(|other| version(other) > version(image));
        let newer = newer.filter(|other| is_whole(account, home, &promised.required, other, now)).count();
        let was_changed = changed_by_hand(invariants, image, &record)
            || invariants
                .bakes
                .get(&record.name)
                .is_some_and(|bake| !bake.replicas_changed_by_hand.is_empty());
        let pinned = image.anchor().pin.is_some();
        if newer < promised.newest || was_changed || pinned || image.unused_since().is_some() {
            continue;
        }
        let regions = account.regions.keys();
        let members: Vec<&Image> = regions
            .flat_map(|region| member(account, home, &image.id, region, DateTime::<Utc>::MAX_UTC))
            .filter_map(History::now)
            .collect();
        let is_old = |one: &&Image| {
            one.created.is_some_and(|created| created + promised.younger_than + TimeDelta::hours(3) < now)
        };
        let is_mentioned = |one: &&Image| {
            let history = account.regions[&one.region].template_named(&template.name);
            let template = history.and_then(History::now);
            template.is_some_and(|its| its.versions.iter().any(|of| of.image.as_ref() == Some(&one.id)))
        };
        let is_unused = |one: &&Image| is_unused(account, one);
        let is_kept =
            members.iter().all(is_old) && members.iter().any(is_mentioned) && members.iter().all(is_unused);
        if is_kept && !invariants.is_blocked(recipe) {
            broken.push(format!(
                "{} ({}) is kept, though only old versions of {} name it",
                image.id, record.name, template.name
            ));
        }
    }
    broken
}

/// Whether nothing uses an image, or might: then Kiln lets it go once its recipe does.
pub(super) fn is_unused(account: &Account, image: &Image) -> bool {
    let ec2 = &account.regions[&image.region];
    let runs = ec2.machines.values().filter_map(History::now).any(|machine| {
        machine.instance.image.as_ref() == Some(&image.id)
            && machine.instance.state != InstanceState::Terminated
    });
    let named = ec2.templates.values().filter_map(History::now).any(|template| template.keeps(&image.id))
        || ec2.groups.values().any(|group| launches(ec2, group, &image.id, None))
        || ec2.parameters_shown.values().any(|history| history.now() == Some(&image.id));
    let shared = ec2.other_accounts.ever_shared.contains(&image.id);
    let based = account.images().any(|other| other.tags.get(tags::BASE) == Some(image.id.as_str()));
    !runs && !named && !shared && !based && !image.tags.has(tags::HOLD)
}
