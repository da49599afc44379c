//! What is under way: bakes that wait, builders and testers, and images on their way to a release.

use std::collections::BTreeMap;

use kiln_catalog::model::{Phase, UnderWay};
use kiln_core::inventory::{ImageState, Instance, InstanceState};
use kiln_core::model::{Role, Stage, Version, tags};

use super::seen::{Seen, SeenRecipe};

/// What is under way of a recipe, newest first. A version is in one phase at a time: the last that shows.
pub(super) fn under_way(seen: &Seen<'_>, of: &SeenRecipe<'_>) -> Vec<UnderWay> {
    let mut found: BTreeMap<Version, UnderWay> = BTreeMap::new();
    let mut put = |version: Version, phase, since, deadline| {
        found.insert(version, UnderWay { version: version.to_string(), phase, since, deadline });
    };
    for waiting in seen.waiting.iter().filter(|one| one.name.recipe == *of.name && one.why.is_some()) {
        put(waiting.name.version, Phase::Waiting, waiting.name.version.time(), None);
    }
    let own = |role: Role| {
        let is_own = move |one: &&Instance| {
            one.tags.get(tags::RECIPE) == Some(of.name.as_str())
                && one.tags.get(tags::ROLE) == Some(role.word())
                && one.state != InstanceState::Terminated
        };
        let own = seen.instances.iter().filter(is_own);
        own.filter_map(|one| Some((one.tags.read::<Version>(tags::VERSION)?, one)))
    };
    for (version, builder) in own(Role::Builder) {
        let phase = match builder.state {
            InstanceState::Stopping | InstanceState::Stopped => Phase::Capturing,
            _ => Phase::Baking,
        };
        let since = builder.launched.unwrap_or(version.time());
        put(version, phase, since, builder.tags.time(tags::DEADLINE));
    }
    for release in &of.one.lineage.releases {
        let Some((home, record)) = release.home() else {
            continue;
        };
        let is_newer = of.one.lineage.newest.is_none_or(|newest| newest < release.version);
        let phase = match (&home.state, record.stage) {
            (ImageState::Pending, _) => Some(Phase::Capturing),
            (ImageState::Available, Stage::Verified) => Some(Phase::Publishing),
            (ImageState::Available, Stage::Published) => Some(Phase::Replicating),
            _ => None,
        };
        if let Some(phase) = phase.filter(|_| is_newer && !home.is_out()) {
            put(release.version, phase, home.created.unwrap_or(release.version.time()), None);
        }
    }
    for (version, tester) in own(Role::Tester) {
        let since = tester.launched.unwrap_or(version.time());
        put(version, Phase::Testing, since, tester.tags.time(tags::DEADLINE));
    }
    found.into_values().rev().collect()
}
