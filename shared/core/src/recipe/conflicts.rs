//! Finds what two recipes say about the same thing, which only one of them can be right about.

use std::collections::BTreeMap;

use crate::model::RecipeName;
use crate::recipe::types::{Base, Recipe};
use crate::recipe::violation::Violation;

/// What only one recipe may name: its field, and its name or id.
type Claim = (&'static str, String);

/// The mistakes of each recipe that names something that another recipe names too. Both are mistaken, because nothing
/// says which of them is meant: each would move the parameter or the launch template away from the other's release, or
/// stop the other's instance.
pub(super) fn violations(recipes: &[&Recipe]) -> BTreeMap<RecipeName, Vec<Violation>> {
    let mut claims: BTreeMap<Claim, Vec<&RecipeName>> = BTreeMap::new();
    for recipe in recipes {
        for claim in of(recipe) {
            claims.entry(claim).or_default().push(&recipe.name);
        }
    }
    let mut found: BTreeMap<RecipeName, Vec<Violation>> = BTreeMap::new();
    for ((field, named), by) in claims.iter().filter(|(_, by)| by.len() > 1) {
        for recipe in by {
            let others: Vec<&str> =
                by.iter().filter(|other| *other != recipe).map(|other| other.as_str()).collect();
            let others = others.join(", ");
            let problem = format!(
                "found {named}, which recipe {others} names too; expected one recipe for each, so change either"
            );
            let violation = Violation { field: (*field).to_owned(), line: None, problem };
            found.entry((*recipe).clone()).or_default().push(violation);
        }
    }
    found
}

/// What a recipe claims for itself alone.
fn of(recipe: &Recipe) -> Vec<Claim> {
    let parameter = recipe.publish.parameter.clone().map(|name| ("publish.parameter", name));
    let template = recipe.publish.launch_template.as_ref();
    let template = template.map(|template| ("publish.launch_template.name", template.name.clone()));
    let instance = match &recipe.bake.base {
        Base::Instance(instance) => Some(("bake.instance", instance.to_string())),
        _ => None,
    };
    let channels = recipe.channels.iter().map(|channel| ("publish.parameter", channel.parameter.clone()));
    [parameter, template, instance].into_iter().flatten().chain(channels).collect()
}
