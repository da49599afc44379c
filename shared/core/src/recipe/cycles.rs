//! Recipes that are baked from each other.

use std::collections::BTreeMap;

use crate::model::RecipeName;
use crate::recipe::types::Recipe;
use crate::recipe::violation::{BadRecipe, Violation};

/// Recipes as they were read, where each one that is baked from itself, over others or not, is refused: its bake would
/// wait for its own release.
pub fn without_cycles(read: Vec<Result<Recipe, BadRecipe>>) -> Vec<Result<Recipe, BadRecipe>> {
    let bases: BTreeMap<RecipeName, RecipeName> = read
        .iter()
        .flatten()
        .filter_map(|recipe| Some((recipe.name.clone(), recipe.base_recipe()?.clone())))
        .collect();
    read.into_iter()
        .map(|recipe| {
            let recipe = recipe?;
            match cycle(&recipe.name, &bases) {
                None => Ok(recipe),
                Some(way) => Err(BadRecipe {
                    name: recipe.name.to_string(),
                    violations: vec![Violation {
                        field: "bake.base".into(),
                        line: None,
                        problem: format!(
                            "found a cycle: {way}; expected recipes that end at a base that is no recipe"
                        ),
                    }],
                }),
            }
        })
        .collect()
}

/// The way from a recipe over its bases back to itself.
fn cycle(from: &RecipeName, bases: &BTreeMap<RecipeName, RecipeName>) -> Option<String> {
    let mut way = vec![from];
    let mut at = from;
    // Whoever goes on for longer than there are recipes goes round in a cycle of others.
    while let Some(base) = bases.get(at).filter(|_| way.len() <= bases.len()) {
        way.push(base);
        if base == from {
            let names: Vec<&str> = way.iter().map(|name| name.as_str()).collect();
            return Some(names.join(" is baked from "));
        }
        at = base;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recipe(name: &str, base: &str) -> Result<Recipe, BadRecipe> {
        let document =
            format!("name = \"{name}\"\n[bake]\nbase = \"{base}\"\ninstance_type = \"t4g.small\"\n");
        Recipe::parse(name, &document)
    }

    fn refused(read: Vec<Result<Recipe, BadRecipe>>) -> Vec<String> {
        without_cycles(read).into_iter().filter_map(|recipe| Some(recipe.err()?.name)).collect()
    }

    #[test]
    fn a_cycle_is_refused_with_its_way_and_what_stands_on_it_is_not() {
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
        assert_eq!(refused(read()), ["a", "b", "c"]);
        let first = without_cycles(read()).remove(0).unwrap_err().to_string();
        assert!(first.contains("a is baked from b is baked from c is baked from a"), "{first}");
    }

    proptest! {
        #[test]
        fn whoever_is_not_refused_comes_to_an_end_or_to_one_that_is(
            bases in proptest::collection::vec(0usize..7, 6),
        ) {
            let name = |at: usize| char::from(b'a' + u8::try_from(at).unwrap()).to_string();
            let read = bases.iter().enumerate().map(|(at, base)| match base {
                6 => recipe(&name(at), "ssm:/base"),
                base if *base == at => recipe(&name(at), "ssm:/base"),
                base => recipe(&name(at), &format!("recipe:{}", name(*base))),
            });
            let refused = refused(read.collect());
            for at in 0..bases.len() {
                let (mut here, mut steps) = (at, 0);
                while bases[here] != 6 && bases[here] != here && !refused.contains(&name(here)) {
                    here = bases[here];
                    steps += 1;
                    prop_assert!(steps <= bases.len(), "{} goes round", name(at));
                }
            }
        }
    }
}
