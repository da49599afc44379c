//! What is promised of the catalogue: it names what is there, and whoever makes it changes nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::account::Account;
use super::invariants::Invariants;
use super::lambda::Function;

/// Where its document lies.
pub(super) const DOCUMENT: &str = "catalog/catalog.json";

/// What is wrong with the catalogue that was just made.
pub(super) fn broken_promises(account: &Account, invariants: &Invariants) -> Vec<String> {
    let mut broken = Vec::new();
    let calls = invariants.calls.get(&Function::Catalog).and_then(|all| all.last());
    let is_read = |call: &&&str| ["Describe", "Get", "List"].iter().any(|read| call.starts_with(read));
    for call in calls.into_iter().flatten().filter(|call| !is_read(call) && **call != "PutObject") {
        broken.push(format!("the catalogue is made with the call {call}"));
    }
    let strange = account
        .objects
        .keys()
        .find(|key| !["catalog/", "history/", "contents/"].iter().any(|folder| key.starts_with(folder)));
    broken.extend(strange.map(|key| format!("the catalogue put {key}")));
    let document = account.objects.get(DOCUMENT).and_then(|bytes| serde_json::from_slice(bytes).ok());
    let Some(document) = document else {
        broken.push("there is no catalogue".into());
        return broken;
    };
    let named = named(&document);
    let there: BTreeSet<String> = account
        .regions
        .values()
        .flat_map(|region| region.images.iter())
        .filter(|(_, history)| history.now().is_some())
        .map(|(id, _)| id.to_string())
        .collect();
    broken.extend(named.difference(&there).map(|id| format!("the catalogue names {id}, which is not there")));
    let images = account.regions.values().flat_map(|region| region.images.values());
    let has_own = images.filter_map(|history| history.now()).any(|image| image.record().is_ok());
    if named.is_empty() && has_own && document["gaps"].as_array().is_some_and(Vec::is_empty) {
        broken.push("the catalogue names no image, though there are some".into());
    }
    broken
}

/// The ids of all images that a document names.
fn named(document: &Value) -> BTreeSet<String> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let versions = list(document, "recipes").into_iter().flat_map(move |recipe| list(&recipe, "versions"));
    let images = versions.flat_map(move |version| list(&version, "images"));
    images.filter_map(|image| Some(image["image"].as_str()?.to_owned())).collect()
}
