//! Where testers are launched, and as which instance types, in each Region.

use super::instance_types::{field_of, in_order};
use super::network::{ANY, Network, RegionTests};
use super::types::Recipe;
use crate::model::Region;

impl Recipe {
    /// Where testers are launched in a Region.
    pub fn tester_network(&self, region: &Region, is_home: bool) -> &Network {
        match self.tests_in(region, is_home) {
            Some(own) => &own.network,
            None if is_home => &self.verify.network,
            None => &ANY,
        }
    }

    /// Every type that a tester may have in a Region, the preferred one first: those of the Region, or of `[verify]`, or of
    /// the builder.
    pub fn tester_types(&self, region: &Region, is_home: bool) -> Vec<&str> {
        let verify = &self.verify;
        match self.own_types(region, is_home) {
            [] => match verify.instance_type.as_ref() {
                None => self.bake.types().collect(),
                preferred => in_order(preferred, &verify.instance_types),
            },
            own => in_order(None, own),
        }
    }

    /// The field that names a type of testers in a Region.
    pub fn tester_type_field(&self, name: &str, region: &Region, is_home: bool) -> String {
        match self.own_types(region, is_home) {
            [] if self.verify.instance_type.is_some() => {
                field_of("verify", name, &self.verify.instance_types)
            }
            [] => self.builder_type_field(name),
            own => field_of(&format!("verify.regions.{region}"), name, own),
        }
    }

    /// The field that names a type of builders.
    pub fn builder_type_field(&self, name: &str) -> String {
        field_of("bake", name, &self.bake.instance_types)
    }

    /// Whether testers in a Region have types that no other instance of the recipe has.
    pub fn has_own_tester_types(&self, region: &Region, is_home: bool) -> bool {
        !self.own_types(region, is_home).is_empty() || (is_home && self.verify.instance_type.is_some())
    }

    fn own_types(&self, region: &Region, is_home: bool) -> &[String] {
        self.tests_in(region, is_home).map_or(&[], |own| &own.instance_types)
    }

    /// What the recipe says of the tests in a further Region.
    fn tests_in(&self, region: &Region, is_home: bool) -> Option<&RegionTests> {
        self.verify.regions.get(region).filter(|_| !is_home)
    }
}

#[cfg(test)]
mod tests {
    use crate::recipe::{BadRecipe, Recipe};

    fn parsed(bake: &str, verify: &str) -> Result<Recipe, BadRecipe> {
        let document = format!(
            "name = \"web\"\n[bake]\nbase = \"ami-0123456789abcdef0\"\n{bake}\n[verify]\n{verify}\n\
             [replicate]\nregions = [\"eu-west-1\", \"eu-west-3\"]\n"
        );
        Recipe::parse("web", &document)
    }

    /// The types of testers at home, in a Region with types of its own, and in another Region.
    fn types(bake: &str, verify: &str) -> [Vec<String>; 3] {
        let recipe = parsed(bake, verify).unwrap();
        [("us-east-1", true), ("eu-west-1", false), ("eu-west-3", false)].map(|(region, is_home)| {
            let types = recipe.tester_types(&region.parse().unwrap(), is_home);
            types.into_iter().map(str::to_owned).collect()
        })
    }

    const BAKE: &str = "instance_types = [\"t4g.small\", \"m7g.medium\"]";

    #[test]
    fn testers_have_the_types_of_their_region_or_else_of_verify_or_else_of_the_builder() {
        let builders = ["t4g.small".to_owned(), "m7g.medium".to_owned()];
        assert_eq!(types(BAKE, ""), [0; 3].map(|_| builders.to_vec()));
        let listed = "instance_types = [\"c7g.large\", \"t4g.small\"]";
        let own = vec!["c7g.large".to_owned(), "t4g.small".to_owned()];
        assert_eq!(types(BAKE, listed), [0; 3].map(|_| own.clone()));
        let both = "instance_type = \"t4g.small\"\ninstance_types = [\"c7g.large\", \"t4g.small\"]";
        assert_eq!(types(BAKE, both)[0], ["t4g.small", "c7g.large"], "the preferred one, and none twice");
        let region = format!("{listed}\n[verify.regions.eu-west-1]\ninstance_types = [\"m6g.large\"]");
        assert_eq!(types(BAKE, &region), [own.clone(), vec!["m6g.large".to_owned()], own]);
    }

    #[test]
    fn a_type_is_told_with_the_field_that_names_it() {
        let region = "[verify.regions.eu-west-1]\ninstance_types = [\"m6g.large\"]";
        let field = |verify: &str, name: &str, code: &str, is_home| {
            parsed(BAKE, verify).unwrap().tester_type_field(name, &code.parse().unwrap(), is_home)
        };
        assert_eq!(field("", "m7g.medium", "us-east-1", true), "bake.instance_types");
        let one = "instance_type = \"c7g.large\"";
        assert_eq!(field(one, "c7g.large", "us-east-1", true), "verify.instance_type");
        let listed = "instance_types = [\"c7g.large\"]";
        assert_eq!(field(listed, "c7g.large", "eu-west-3", false), "verify.instance_types");
        assert_eq!(field(region, "m6g.large", "eu-west-1", false), "verify.regions.eu-west-1.instance_types");
    }

    #[test]
    fn every_mistake_about_the_types_of_testers_is_told_with_its_field() {
        let told = |verify: &str, field: &str| {
            let all = parsed(BAKE, verify).unwrap_err().violations;
            assert!(all.iter().any(|one| one.field == field), "{verify}: {all:?}");
        };
        told("instance_type = \"big\"", "verify.instance_type");
        told("instance_types = \"t4g.small\"", "verify.instance_types");
        told("instance_types = [\"big\"]", "verify.instance_types");
        told("instance_types = [\"t4g.small\", \"t4g.small\"]", "verify.instance_types[1]");
        let region = "[verify.regions.eu-west-1]\n";
        told(&format!("{region}instance_types = [\"big\"]"), "verify.regions.eu-west-1.instance_types");
        told(&format!("{region}instance_type = \"t4g.small\""), "verify.regions.eu-west-1.instance_type");
    }
}
