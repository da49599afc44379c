//! One version of the document: an image and its replicas.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kiln_catalog::model::{
    Base, Contents, Cost, Decision, Entry, Event, Findings, Image, Link, Logs, NextStep, Pin, Recall,
    Sharing, Stage, State, Step, TestOutcome, TestResult, Usage, User, Version,
};
use kiln_core::expire::forecast::{PlanRow, last_decisions};
use kiln_core::expire::in_use::UsageByRegion;
use kiln_core::expire::lineage::Release;
use kiln_core::inventory::{self, Finding, Grantee, ImageState, Severity};
use kiln_core::model::{
    AnchoredEnd, ContentsSummary, ImageName, ImageRecord, Program, Region, Role, record, tags,
};
use kiln_core::plan;
use kiln_core::publish::sharing::known_launchers;
use kiln_core::recall::users;
use kiln_core::recipe::Recipe;
use kiln_core::release::rollback::is_pinned;

use super::contents::{baked_by_path, bill_paths};
use super::seen::{Known, Seen, SeenRecipe};

/// Who uses images, by Region.
pub(super) struct Users(BTreeMap<Region, users::Usage>);

impl Users {
    pub(super) fn of(usage: &UsageByRegion) -> Self {
        let known = usage.iter().filter_map(|(region, usage)| Some((region, usage.as_ref().ok()?)));
        let of_region = |usage: &inventory::RegionUsage| {
            let shared = || usage.shared.iter().filter_map(|(id, shared)| Some((id, shared.as_ref().ok()?)));
            users::Usage {
                references: usage.uses.clone(),
                launchers: inventory::LaunchSources::default(),
                reports: shared().flat_map(|(_, shared)| shared.reports.clone()).collect(),
                shared: shared().map(|(id, shared)| (id.clone(), shared.with.clone())).collect(),
            }
        };
        Self(known.map(|(region, usage)| (region.clone(), of_region(usage))).collect())
    }

    fn users(&self, image: &inventory::Image) -> Vec<User> {
        let found = self.0.get(&image.region).map(|usage| users::of(&[image], usage)).unwrap_or_default();
        found.into_iter().map(|one| User { arn: one.arn, region: one.region.to_string() }).collect()
    }

    /// Who may launch an image beside its own account: as EC2 says, where that was read; else as its mark tells.
    fn granted(&self, recipe: Option<&Recipe>, image: &inventory::Image) -> Option<BTreeSet<Grantee>> {
        let read = self.0.get(&image.region).and_then(|usage| usage.shared.get(&image.id));
        read.cloned().or_else(|| known_launchers(recipe?, image))
    }

    fn sharing(&self, recipe: Option<&Recipe>, image: &inventory::Image) -> Option<Sharing> {
        let mut sharing = Sharing::default();
        for grantee in self.granted(recipe, image)? {
            match grantee {
                Grantee::Account(_) => sharing.accounts += 1,
                Grantee::Organization(_) => sharing.organizations += 1,
                Grantee::Unit(_) => sharing.organizational_units += 1,
                Grantee::Everyone => sharing.everyone = true,
            }
        }
        Some(sharing)
    }
}

/// What these images cost; `None` if nothing was planned about any of them.
pub(super) fn cost<'a>(rows: impl IntoIterator<Item = &'a PlanRow>) -> Option<Cost> {
    let add = |sum: Option<Cost>, row: &PlanRow| {
        let before = sum.unwrap_or(Cost { gb: 0.0, monthly_usd: 0.0 });
        Some(Cost { gb: before.gb + row.gb, monthly_usd: before.monthly_usd + row.monthly_usd })
    };
    let rounded = |number: f64| (number * 10_000.0).round() / 10_000.0;
    let sum = rows.into_iter().fold(None, add)?;
    Some(Cost { gb: rounded(sum.gb), monthly_usd: rounded(sum.monthly_usd) })
}

/// One version with images.
pub(super) fn version(
    seen: &Seen<'_>,
    of: &SeenRecipe<'_>,
    release: &Release<'_>,
    known: &Known<'_>,
    users: &Users,
    history: &[Entry],
) -> Version {
    // The home image stands last.
    let Some((first, record)) = release.members.last() else { return history_only(release.version) };
    let text = release.version.to_string();
    let rows: Vec<&PlanRow> =
        release.images().filter_map(|image| of.rows.get(&(image.region.clone(), image.id.clone()))).collect();
    let usage = usage(&rows);
    let recipe = of.one.observed.recipe.as_ref();
    let baked_by = of.listed.get(&release.version).and_then(|listed| listed.recipe.as_ref());
    let mut images: Vec<&inventory::Image> = release.images().collect();
    images.extend(removed(of, release));
    images.sort_by_key(|image| (image.region != *seen.home, image.region.clone(), image.id.clone()));
    Version {
        version: text.clone(),
        stage: stage(record.stage),
        released_at: first.tags.time(tags::RELEASED_AT),
        recalled: recall(first, &text, history, seen.now),
        pinned: is_pinned(first, of.one.lineage.newest).then(|| pin(first, &text, history)),
        adopted: first.tags.has(tags::ADOPTED),
        decision: decision(of, release),
        next_step: next_step(&rows),
        usage,
        users: usage.map(|_| release.images().flat_map(|image| users.users(image)).collect()),
        shared_with: shared_with(recipe, release, users),
        cost: cost(rows.iter().copied()),
        base: base(first, known),
        recipe_digest: baked_by.map(|digest| digest.hex().to_owned()),
        recipe_text: baked_by.map(|_| Link(baked_by_path(&record.name))),
        contents: contents(of, first, record),
        difference: of.listed.get(&release.version).and_then(|listed| listed.difference.clone()),
        findings: of.findings.get(&release.version).map(|found| findings(found)),
        test: test(seen, first, record, &text, history),
        logs: logs(seen, of, record),
        images: images.into_iter().map(|one| image(recipe, one, users)).collect(),
    }
}

/// Who may launch one of its images. Unknown of one, it is unknown.
fn shared_with(recipe: Option<&Recipe>, release: &Release<'_>, users: &Users) -> Option<Vec<String>> {
    let granted: Option<Vec<BTreeSet<Grantee>>> =
        release.images().map(|image| users.granted(recipe, image)).collect();
    let all: BTreeSet<Grantee> = granted?.into_iter().flatten().collect();
    Some(all.iter().map(ToString::to_string).collect())
}

/// How many findings there are of each severity. One that Kiln does not know counts as the highest.
pub(super) fn findings(found: &[Finding]) -> Findings {
    let mut counted = Findings::default();
    for one in found {
        match one.severity {
            Severity::Critical | Severity::Unknown => counted.critical += 1,
            Severity::High => counted.high += 1,
            Severity::Medium => counted.medium += 1,
            Severity::Low | Severity::Informational => counted.low += 1,
        }
    }
    counted
}

/// Its images in Regions that the recipe no longer names.
fn removed<'a>(of: &SeenRecipe<'a>, release: &Release<'_>) -> impl Iterator<Item = &'a inventory::Image> {
    let version = release.version;
    let is_of = move |image: &&inventory::Image| {
        image.state != ImageState::Deregistered
            && image.record().is_ok_and(|record| record.name.version == version)
    };
    of.one.observed.removed.iter().filter(is_of)
}

/// A version of which the history alone tells.
pub(super) fn history_only(version: impl ToString) -> Version {
    Version {
        version: version.to_string(),
        stage: Stage::Deregistered,
        released_at: None,
        recalled: None,
        pinned: None,
        adopted: false,
        images: Vec::new(),
        decision: None,
        next_step: None,
        usage: None,
        users: None,
        shared_with: None,
        cost: None,
        base: None,
        recipe_digest: None,
        recipe_text: None,
        contents: None,
        difference: None,
        findings: None,
        test: None,
        logs: Logs::default(),
    }
}

pub(super) fn stage(stage: record::Stage) -> Stage {
    match stage {
        record::Stage::Captured => Stage::Captured,
        record::Stage::Verified => Stage::Verified,
        record::Stage::Published => Stage::Published,
        record::Stage::Released => Stage::Released,
        record::Stage::Rejected => Stage::Rejected,
        record::Stage::Unchanged => Stage::Unchanged,
        record::Stage::Recalled => Stage::Recalled,
        record::Stage::Disabled => Stage::Disabled,
    }
}

fn image(recipe: Option<&Recipe>, of: &inventory::Image, users: &Users) -> Image {
    Image {
        region: of.region.to_string(),
        image: of.id.to_string(),
        state: match of.state {
            ImageState::Pending => State::Pending,
            ImageState::Available => State::Available,
            ImageState::Disabled => State::Disabled,
            ImageState::Failed => State::Failed,
            ImageState::Deregistered => State::Deregistered,
            ImageState::Unknown(_) => State::Unknown,
        },
        deprecated_at: of.deprecated,
        disabled_at: of.disabled_at(),
        deregistered_at: None,
        sharing: users.sharing(recipe, of),
    }
}

/// What happened to a version, newest first.
fn of_kind<'a>(history: &'a [Entry], version: &str, event: Event) -> Option<&'a Entry> {
    history.iter().find(|entry| entry.event == event && entry.version == version)
}

fn recall(home: &inventory::Image, version: &str, history: &[Entry], now: DateTime<Utc>) -> Option<Recall> {
    if home.anchor().end != Some(AnchoredEnd::Recalled) {
        return None;
    }
    let told = of_kind(history, version, Event::Recalled);
    let reason = home.tags.get(tags::RECALLED).filter(|reason| *reason != "no").map(str::to_owned);
    Some(Recall {
        reason: reason.or_else(|| told?.reason.clone()).unwrap_or_else(|| "its reason is lost".into()),
        // Until it is told, it is being done.
        at: home.tags.time(tags::RECALLED_AT).or_else(|| Some(told?.at)).unwrap_or(now),
        who: None,
    })
}

fn pin(home: &inventory::Image, version: &str, history: &[Entry]) -> Pin {
    let told = of_kind(history, version, Event::RolledBack);
    Pin { from: told.and_then(|told| told.from.clone()), at: home.anchor().pin.map(|pin| pin.at) }
}

/// Why its home image stays or goes; of a version without one, its first replica.
fn decision(of: &SeenRecipe<'_>, release: &Release<'_>) -> Option<Decision> {
    let decided = last_decisions(&of.decided);
    let of_image = |image: &inventory::Image| decided.get(&(&image.region, image.id.as_str())).copied();
    let found = release.members.iter().rev().find_map(|(image, _)| of_image(image))?;
    Some(Decision { action: found.action.word().into(), reason: found.reason.to_string() })
}

/// The step that comes first of those of its images.
fn next_step(rows: &[&PlanRow]) -> Option<NextStep> {
    let next = rows.iter().filter_map(|row| Some((row.next_step_at.as_deref(), row.next_step?)));
    let (at, step) = next.min_by_key(|(at, _)| (at.is_none(), at.unwrap_or_default().to_owned()))?;
    let at = at.and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    let step = match step {
        plan::Step::Deprecate => Step::Deprecate,
        plan::Step::Disable => Step::Disable,
        plan::Step::Deregister => Step::Deregister,
    };
    Some(NextStep { step, at: at.map(|at| at.to_utc()) })
}

/// One image in use is a version in use. It is unused only if all that was looked for was found so.
fn usage(rows: &[&PlanRow]) -> Option<Usage> {
    let has = |usage| rows.iter().any(|row| row.usage == Some(usage));
    match () {
        () if has(plan::Usage::InUse) => Some(Usage::InUse),
        () if has(plan::Usage::Unknown) => Some(Usage::Unknown),
        () if has(plan::Usage::Unused) => Some(Usage::Unused),
        () => None,
    }
}

fn base(home: &inventory::Image, known: &Known<'_>) -> Option<Base> {
    let image = home.tags.get(tags::BASE)?;
    let of = known.get(image);
    Some(Base {
        image: image.to_owned(),
        name: home.tags.get(tags::BASE_NAME).map(str::to_owned),
        recipe: of.map(|(recipe, _)| recipe.to_string()),
        version: of.map(|(_, version)| version.to_string()),
    })
}

fn contents(of: &SeenRecipe<'_>, home: &inventory::Image, record: &ImageRecord) -> Option<Contents> {
    let summary: ContentsSummary = home.tags.read(tags::CONTENTS)?;
    let listed = of.listed.get(&record.name.version);
    let [list, cyclonedx, spdx] = bill_paths(&record.name).map(Link);
    Some(Contents {
        os: listed.and_then(|listed| listed.os.clone()),
        packages: summary.packages,
        digest: summary.digest.hex().to_owned(),
        list: listed.is_some().then_some(list),
        cyclonedx: listed.is_some().then_some(cyclonedx),
        spdx: listed.is_some().then_some(spdx),
    })
}

/// What its stage says of its test. A running tester says more.
fn test(
    seen: &Seen<'_>,
    home: &inventory::Image,
    record: &ImageRecord,
    version: &str,
    history: &[Entry],
) -> Option<TestResult> {
    use record::Stage as At;
    let of_tester = |tester: &&inventory::Instance| {
        tester.tags.get(tags::ROLE) == Some(Role::Tester.word())
            && tester.tags.get(tags::IMAGE) == Some(home.id.as_str())
            && tester.state != inventory::InstanceState::Terminated
    };
    let tester = seen.instances.iter().find(of_tester);
    let rejected = of_kind(history, version, Event::Rejected);
    let outcome = match record.stage {
        At::Verified | At::Published | At::Released | At::Unchanged | At::Recalled => TestOutcome::Passed,
        At::Rejected => TestOutcome::Failed,
        At::Captured if tester.is_some() => TestOutcome::Running,
        At::Captured | At::Disabled => return None,
    };
    let failed = rejected.filter(|_| outcome == TestOutcome::Failed);
    Some(TestResult {
        outcome,
        at: failed.map(|entry| entry.at),
        zone: tester.and_then(|tester| tester.zone.clone()),
        reason: failed.and_then(|entry| entry.reason.clone()),
    })
}

/// Where its logs lie, if its recipe keeps any now.
fn logs(seen: &Seen<'_>, of: &SeenRecipe<'_>, record: &ImageRecord) -> Logs {
    let name: &ImageName = &record.name;
    let keep_log = of.one.observed.recipe.as_ref().and_then(|recipe| recipe.bake.keep_log);
    let program = Program { keep_log, ..Program::default() };
    let log = |role| Some(Link(format!("{}{}", seen.store, program.log_key(role, name, seen.home)?)));
    Logs { bake: log(Role::Builder), test: log(Role::Tester) }
}
