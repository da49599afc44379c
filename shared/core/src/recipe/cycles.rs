//! Finds recipes that are baked from themselves, directly or through other recipes.

use std::collections::BTreeMap;

use crate::model::RecipeName;
use crate::recipe::types::Recipe;
use crate::recipe::violation::Violation;

/// The mistake of each recipe that is its own base, directly or through others. Such a recipe could never be baked,
/// because it would wait for its own release.
pub(super) fn violations(recipes: &[&Recipe]) -> BTreeMap<RecipeName, Violation> {
    let bases: BTreeMap<RecipeName, RecipeName> = recipes
        .iter()
        .filter_map(|recipe| Some((recipe.name.clone(), recipe.base_recipe()?.clone())))
        .collect();
    let violation = |name: &RecipeName| {
        let path = cycle(name, &bases)?;
        let problem = format!(
            "found a cycle: {path} (each is baked from the next); expected a chain that ends at a base that is not a recipe"
        );
        Some(Violation { field: "bake.base".into(), line: None, problem })
    };
    recipes.iter().filter_map(|recipe| Some((recipe.name.clone(), violation(&recipe.name)?))).collect()
}

/// The path from a recipe through its bases back to itself, if there is one.
fn cycle(from: &RecipeName, bases: &BTreeMap<RecipeName, RecipeName>) -> Option<String> {
    let mut path = vec![from];
    let mut current = from;
    // A path longer than the number of recipes runs in a cycle of which this recipe is not a part.
    while let Some(base) = bases.get(current).filter(|_| path.len() <= bases.len()) {
        path.push(base);
        if base == from {
            let names: Vec<&str> = path.iter().map(|name| name.as_str()).collect();
            return Some(names.join(" → "));
        }
        current = base;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recipe::violation::BadRecipe;

    fn recipe(name: &str, base: &str) -> Result<Recipe, BadRecipe> {
        let document =
            format!("name = \"{name}\"\n[bake]\nbase = \"{base}\"\ninstance_type = \"t4g.small\"\n");
        Recipe::parse(name, &document)
    }

    fn rejected(read: Vec<Result<Recipe, BadRecipe>>) -> Vec<String> {
        crate::recipe::together::checked(read)
            .into_iter()
            .filter_map(|recipe| Some(recipe.err()?.name))
            .collect()
    }

    #[test]
    fn recipes_of_a_cycle_are_rejected_and_recipes_based_on_them_are_not() {
        let read = || {
            vec![
                recipe("a", "recipe:b"),
                recipe("b", "recipe:c"),
                recipe("c", "recipe:a"),
                recipe("on-it", "recipe:a"),
                recipe("root", "ssm:/base"),
                recipe("layer", "recipe:root"),
                recipe("orphan", "recipe:nothing"),
            ]
        };
        assert_eq!(rejected(read()), ["a", "b", "c"]);
        let first = crate::recipe::together::checked(read()).remove(0).unwrap_err().to_string();
        assert!(first.contains("a → b → c → a"), "{first}");
    }

    proptest! {
        #[test]
        fn every_accepted_recipe_leads_to_a_plain_base_or_to_a_rejected_recipe(
            bases in proptest::collection::vec(0usize..7, 6),
        ) {
            let name = |at: usize| char::from(b'a' + u8::try_from(at).unwrap()).to_string();
            let read = bases.iter().enumerate().map(|(at, base)| match base {
                6 => recipe(&name(at), "ssm:/base"),
                base if *base == at => recipe(&name(at), "ssm:/base"),
                base => recipe(&name(at), &format!("recipe:{}", name(*base))),
            });
            let rejected = rejected(read.collect());
            for at in 0..bases.len() {
                let (mut here, mut steps) = (at, 0);
                while bases[here] != 6 && bases[here] != here && !rejected.contains(&name(here)) {
                    here = bases[here];
                    steps += 1;
                    prop_assert!(steps <= bases.len(), "{} is in a cycle", name(at));
                }
            }
        }
    }
}
