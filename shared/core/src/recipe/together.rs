//! Checks recipes against each other: each may be valid by itself, and still not beside the others.

use super::types::{Base, Recipe};
use super::violation::{BadRecipe, Violation};
use super::{conflicts, cycles};

/// The recipes, with an error in place of each one that the others make invalid: it is baked from itself through them,
/// or names what another one names. Recipes that could not be parsed are left as they are.
pub fn checked(read: Vec<Result<Recipe, BadRecipe>>) -> Vec<Result<Recipe, BadRecipe>> {
    let valid: Vec<&Recipe> = read.iter().flatten().collect();
    let mut cycles = cycles::violations(&valid);
    let mut conflicts = conflicts::violations(&valid);
    read.into_iter()
        .map(|recipe| {
            let recipe = recipe?;
            let of_cycle = cycles.remove(&recipe.name).into_iter();
            let violations: Vec<Violation> =
                of_cycle.chain(conflicts.remove(&recipe.name).unwrap_or_default()).collect();
            match violations.is_empty() {
                true => Ok(recipe),
                false => Err(BadRecipe { name: recipe.name.to_string(), violations }),
            }
        })
        .collect()
}

impl Recipe {
    /// Whether other recipes can make this one invalid, so that they must be read to know whether it is valid.
    pub fn depends_on_others(&self) -> bool {
        let publish = &self.publish;
        self.base_recipe().is_some()
            || publish.parameter.is_some()
            || publish.launch_template.is_some()
            || matches!(self.bake.base, Base::Instance(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(name: &str, more: &str) -> Result<Recipe, BadRecipe> {
        Recipe::parse(name, &format!("name = \"{name}\"\n{more}"))
    }

    fn publishing(name: &str, publish: &str) -> Result<Recipe, BadRecipe> {
        let bake = "[bake]\nbase = \"ssm:/base\"\ninstance_type = \"t4g.small\"";
        recipe(name, &format!("{bake}\n[publish]\n{publish}\n"))
    }

    fn refused(read: Vec<Result<Recipe, BadRecipe>>) -> Vec<String> {
        checked(read).into_iter().filter_map(|recipe| Some(recipe.err()?.to_string())).collect()
    }

    #[test]
    fn two_recipes_that_name_one_parameter_or_template_are_both_refused_each_naming_the_other() {
        for (field, publish) in [
            ("publish.parameter: found /golden/web,", "parameter = \"/golden/web\""),
            ("publish.launch_template.name: found web-fleet,", "launch_template = { name = \"web-fleet\" }"),
        ] {
            let refused =
                refused(vec![publishing("a", publish), publishing("b", publish), publishing("c", "")]);
            assert_eq!(refused.len(), 2, "{refused:?}");
            assert!(refused[0].contains("recipe a has 1 mistake") && refused[0].contains(field));
            assert!(refused[0].contains("which recipe b names too"), "{}", refused[0]);
            assert!(refused[1].contains("which recipe a names too"), "{}", refused[1]);
        }
    }

    #[test]
    fn two_recipes_cannot_image_one_instance() {
        let of = |name| {
            let read =
                recipe(name, "[bake]\ninstance = \"i-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n");
            assert!(read.is_ok(), "{read:?}");
            read
        };
        assert_eq!(refused(vec![of("a"), of("b")]).len(), 2);
    }

    #[test]
    fn a_parameter_of_one_recipe_can_be_anothers_base_or_have_the_name_of_its_template() {
        let base = "[bake]\nbase = \"ssm:/golden/base\"\ninstance_type = \"t4g.small\"\n";
        let layer = recipe("web", &format!("{base}[publish]\nparameter = \"/golden/web\"\n"));
        let read = vec![
            publishing("base", "parameter = \"/golden/base\""),
            layer,
            publishing("other", "launch_template = { name = \"/golden/web\" }"),
        ];
        assert!(refused(read).is_empty());
    }

    #[test]
    fn all_that_others_make_wrong_with_a_recipe_is_told_at_once_and_one_that_cannot_be_read_claims_nothing() {
        let on = |name: &str, base: &str| {
            let bake = format!("[bake]\nbase = \"recipe:{base}\"\ninstance_type = \"t4g.small\"\n");
            recipe(name, &format!("{bake}[publish]\nparameter = \"/golden/web\"\n"))
        };
        let refused = refused(vec![on("a", "b"), on("b", "a")]);
        assert!(refused.iter().all(|one| one.contains("has 2 mistakes")), "{refused:?}");
        let unreadable = recipe("bad", "[publish]\nparameter = \"/golden/web\"\n");
        assert!(unreadable.is_err());
        let read = vec![publishing("web", "parameter = \"/golden/web\""), unreadable];
        assert!(checked(read)[0].is_ok());
    }
}
