//! What happened to a recipe: as it was kept, and as the tags of its images still tell it.

use std::collections::BTreeSet;

use kiln_catalog::model::{Entry, Event, Failure, Link, Version};
use kiln_core::events::inbound::Past;
use kiln_core::model::{AnchoredEnd, tags};

use super::seen::SeenRecipe;
use super::version::history_only;

/// What happened, newest first.
pub(super) fn entries(of: &SeenRecipe<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = of.history.iter().filter_map(entry).collect();
    let kept: BTreeSet<(String, &str)> =
        entries.iter().map(|entry| (entry.version.clone(), entry.event.words())).collect();
    let told = |entry: &Entry| kept.contains(&(entry.version.clone(), entry.event.words()));
    let by_tags: Vec<Entry> = by_tags(of).filter(|entry| !told(entry)).collect();
    entries.extend(by_tags);
    entries.sort_by(|one, other| (other.at, &other.version).cmp(&(one.at, &one.version)));
    entries
}

/// One event that was kept.
fn entry(past: &Past) -> Option<Entry> {
    let event = match past.kind.as_str() {
        "Image Released" => Event::Released,
        "Image Rolled Back" => Event::RolledBack,
        "Image Promoted" => Event::Promoted,
        "Image Recalled" => Event::Recalled,
        "Image Reinstated" => Event::Reinstated,
        "Image Rejected" => Event::Rejected,
        "Image Unchanged" => Event::Unchanged,
        "Bake Failed" => Event::Failed,
        "Bake Refused" => Event::Refused,
        _ => return None,
    };
    let in_images = past.detail.get("images").and_then(|images| images.as_object());
    let regions: Vec<String> = match in_images {
        Some(images) => images.keys().cloned().collect(),
        None => past.text("region").map(str::to_owned).into_iter().collect(),
    };
    Some(Entry {
        at: past.time,
        event,
        version: past.text("version")?.to_owned(),
        from: past.text("from").map(str::to_owned),
        who: None,
        reason: past.text("reason").or_else(|| past.text("channel")).map(str::to_owned),
        regions,
    })
}

/// What the images themselves tell, so that a lost history costs only the past of images that are gone.
fn by_tags(of: &SeenRecipe<'_>) -> impl Iterator<Item = Entry> {
    of.one.lineage.releases.iter().flat_map(|release| {
        let Some((image, _)) = release.home() else { return Vec::new() };
        let entry = |at, event, reason: Option<&str>| Entry {
            at,
            event,
            version: release.version.to_string(),
            from: None,
            who: None,
            reason: reason.map(str::to_owned),
            regions: Vec::new(),
        };
        let time = |key, event| Some(entry(image.tags.time(key)?, event, None));
        let is_recalled = image.anchor().end == Some(AnchoredEnd::Recalled);
        let recalled = || {
            let at = image.tags.time(tags::RECALLED_AT)?;
            Some(entry(at, Event::Recalled, image.tags.get(tags::RECALLED)))
        };
        [
            time(tags::RELEASED_AT, Event::Released),
            image.anchor().pin.map(|pin| entry(pin.at, Event::RolledBack, None)),
            recalled().filter(|_| is_recalled),
            time(tags::UNUSED_SINCE, Event::Deprecated),
            time(tags::DISABLED_AT, Event::Disabled),
            time(tags::RESTORED_AT, Event::Restored),
        ]
        .into_iter()
        .flatten()
        .collect()
    })
}

/// The releases that are gone, of which the history alone tells.
pub(super) fn gone(of: &SeenRecipe<'_>) -> Vec<Version> {
    let left: BTreeSet<String> =
        of.one.lineage.releases.iter().map(|release| release.version.to_string()).collect();
    let released = of.history.iter().filter(|past| past.kind == "Image Released");
    let mut seen = BTreeSet::new();
    let gone = released.filter_map(|past| {
        let version = past.text("version").filter(|version| !left.contains(*version))?;
        seen.insert(version).then(|| Version { released_at: Some(past.time), ..history_only(version) })
    });
    gone.collect()
}

/// The last bake or test that failed.
pub(super) fn last_failure(of: &SeenRecipe<'_>) -> Option<Failure> {
    let failures = of.history.iter().filter(|past| past.is_failure());
    let last = failures.max_by_key(|past| past.time)?;
    Some(Failure {
        event: last.kind.clone(),
        version: last.text("version")?.to_owned(),
        at: last.time,
        reason: last.text("reason").unwrap_or("it told no reason").to_owned(),
        log: last.text("log").map(|log| Link(log.to_owned())),
    })
}
