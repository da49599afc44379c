//! What a stack allows its recipes, whatever they say: a recipe beyond its bounds is invalid, and nothing is done with
//! it.
//!
//! Whoever may write a recipe decides what runs on builders and who gets the images. The bounds belong to whoever
//! deploys the stack. The roles of the functions have the same bounds wherever IAM knows them.

use wildmatch::WildMatch;

use super::instance_types::{field_of, in_order};
use super::types::{Base, Recipe, Verify};
use super::violation::Violations;

/// The parameters of AWS, from which a base may always come.
const PUBLIC_PARAMETERS: &str = "/aws/service/*";

/// The bounds of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The accounts, and the ARNs of the organizations and organizational units, that images may be shared with.
    pub share_targets: Patterns,
    /// Whether images may be public.
    pub public_images: bool,
    /// The parameters that a base may come from, beside AWS's own.
    pub base_parameters: Patterns,
    /// The instance types of builders and testers.
    pub instance_types: Patterns,
    /// The objects that builders may fetch, as ARNs.
    pub fetch_from: Patterns,
    /// The instance profiles of builders and testers.
    pub profiles: Patterns,
}

impl Bounds {
    /// No bounds at all.
    pub fn none() -> Self {
        let any = || Patterns::of("*");
        Self {
            share_targets: any(),
            public_images: true,
            base_parameters: any(),
            instance_types: any(),
            fetch_from: any(),
            profiles: any(),
        }
    }

    /// The recipe, if it keeps within the bounds; otherwise all that does not.
    pub(super) fn check(&self, recipe: Recipe) -> Result<Recipe, Violations> {
        let mut violations = Violations::default();
        let mut within = |field: &str, value: &str, allowed: &Patterns, parameter: &str| {
            if !allowed.allow(value) {
                let expected = format!(
                    "what the stack allows: {allowed}; change the recipe, or the stack's parameter {parameter}"
                );
                violations.add(field, value, expected);
            }
        };
        for (field, name) in types(&recipe) {
            within(&field, name, &self.instance_types, "InstanceTypes");
        }
        let profiles = [("bake.profile", &recipe.bake.profile), ("verify.profile", &recipe.verify.profile)];
        for (field, profile) in profiles {
            if let Some(profile) = profile {
                within(field, profile, &self.profiles, "InstanceProfiles");
            }
        }
        for object in &recipe.bake.fetch {
            // The partition is part of the ARN, and the recipe does not know it.
            let arns = ["aws", "aws-cn", "aws-us-gov"]
                .map(|partition| format!("arn:{partition}:s3:::{}/{}", object.bucket, object.key));
            let arn = arns.iter().find(|arn| self.fetch_from.allow(arn)).unwrap_or(&arns[0]);
            within("bake.fetch", arn, &self.fetch_from, "FetchFrom");
        }
        if let Base::Parameter(name) = &recipe.bake.base
            && !Patterns::of(PUBLIC_PARAMETERS).allow(name)
        {
            within("bake.base", name, &self.base_parameters, "BaseParameters");
        }
        let share = &recipe.publish.share;
        let channels = recipe.channels.iter().map(|one| (format!("channels.{}.share", one.name), &one.share));
        for (path, share) in std::iter::once(("publish.share".to_owned(), share)).chain(channels) {
            let lists = [
                ("accounts", &share.accounts),
                ("organizations", &share.organizations),
                ("organizational_units", &share.organizational_units),
            ];
            for (list, targets) in lists {
                for target in targets {
                    within(&format!("{path}.{list}"), target, &self.share_targets, "ShareTargets");
                }
            }
        }
        if share.public && !self.public_images {
            let expected = "false: the stack allows no public images; its parameter PublicImages would";
            violations.add("publish.share.public", "true", expected);
        }
        if violations.0.is_empty() { Ok(recipe) } else { Err(violations) }
    }
}

/// Every instance type of a recipe, with the field that names it.
fn types(recipe: &Recipe) -> Vec<(String, &str)> {
    let Verify { instance_type, instance_types, regions, .. } = &recipe.verify;
    let of_builders = recipe.bake.types().map(|name| (recipe.builder_type_field(name), name));
    let of_testers = in_order(instance_type.as_ref(), instance_types).into_iter();
    let of_testers = of_testers.map(|name| (field_of("verify", name, instance_types), name));
    let of_regions = regions.iter().flat_map(|(region, tests)| {
        let named = tests.instance_types.iter();
        named.map(move |name| (format!("verify.regions.{region}.instance_types"), name.as_str()))
    });
    of_builders.chain(of_testers).chain(of_regions).collect()
}

/// A list of texts in which `*` and `?` are wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// The patterns of a list, with commas or spaces between them.
    pub fn of(list: &str) -> Self {
        let patterns = list.split([',', ' ']).map(str::trim).filter(|pattern| !pattern.is_empty());
        Self(patterns.map(str::to_owned).collect())
    }

    /// Whether any of them matches.
    fn allow(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| WildMatch::new(pattern).matches(text))
    }
}

impl std::fmt::Display for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("none"),
            patterns => f.write_str(&patterns.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORGANIZATION: &str = "arn:aws:organizations::111111111111:organization/o-abcdefghij";

    fn bounds() -> Bounds {
        Bounds {
            share_targets: Patterns::of(&format!("111111111111,{ORGANIZATION}")),
            public_images: false,
            base_parameters: Patterns::of("/golden/*"),
            instance_types: Patterns::of("t4g.*, m7g.large"),
            fetch_from: Patterns::of("arn:aws:s3:::artefacts/agents/*"),
            profiles: Patterns::of("golden-*"),
        }
    }

    /// What a recipe of these lines is refused for, each with its field.
    fn refused(base: &str, instance_type: &str, more: &str) -> Vec<String> {
        let document =
            format!("name = \"web\"\n[bake]\nbase = {base:?}\ninstance_type = {instance_type:?}\n{more}");
        match Recipe::parse_within("web", &document, &bounds()) {
            Ok(_) => Vec::new(),
            Err(bad) => bad.violations.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_keeps_within_the_bounds_is_a_recipe() {
        let share = format!(
            "[verify]\ninstance_type = \"m7g.large\"\n[publish]\nshare = {{ accounts = [\"111111111111\"], organizations = [{ORGANIZATION:?}] }}\n"
        );
        assert!(refused("ssm:/golden/base/latest", "t4g.small", &share).is_empty());
        assert!(refused("ssm:/aws/service/debian/release/12/latest/arm64", "t4g.large", "").is_empty());
        assert!(refused("ami-0123456789abcdef0", "t4g.small", "").is_empty());
    }

    #[test]
    fn whatever_passes_them_is_refused_at_once_with_its_line_and_the_parameter_of_the_stack() {
        let more =
            "[verify]\ninstance_type = \"c7g.metal\"\n[publish]\nshare = { accounts = [\"222222222222\"] }\n";
        let found = refused("ssm:/prod/db/password", "x2gd.16xlarge", more);
        assert_eq!(
            found,
            [
                "line 4: bake.instance_type: found x2gd.16xlarge; expected what the stack allows: t4g.*, m7g.large; change the recipe, or the stack's parameter InstanceTypes",
                "line 6: verify.instance_type: found c7g.metal; expected what the stack allows: t4g.*, m7g.large; change the recipe, or the stack's parameter InstanceTypes",
                "line 3: bake.base: found /prod/db/password; expected what the stack allows: /golden/*; change the recipe, or the stack's parameter BaseParameters",
                &format!(
                    "line 8: publish.share.accounts: found 222222222222; expected what the stack allows: 111111111111, {ORGANIZATION}; change the recipe, or the stack's parameter ShareTargets"
                ),
            ]
        );
        let public = refused("ami-0123456789abcdef0", "t4g.small", "[publish]\nshare = { public = true }\n");
        assert_eq!(public.len(), 1);
        assert!(public[0].contains("the stack allows no public images"), "{public:?}");
    }

    #[test]
    fn only_objects_that_the_stack_allows_are_fetched() {
        let fetched = |key: &str| {
            let script = "[bake]\nbase = \"ami-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n";
            let digest = "0a".repeat(32);
            let fetch = format!("fetch = [\"s3://artefacts/{key}#sha256={digest}\"]");
            Recipe::parse_within("web", &format!("name = \"web\"\n{script}{fetch}\n"), &bounds())
        };
        assert!(fetched("agents/a.rpm").is_ok());
        let refused = fetched("payroll/a.csv").unwrap_err().to_string();
        assert!(refused.contains("FetchFrom") && refused.contains("bake.fetch"), "{refused}");
    }

    #[test]
    fn only_profiles_that_the_stack_allows_are_given() {
        let named = |profile: &str| {
            let document = format!(
                "name = \"web\"\n[bake]\nbase = \"ami-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n\
                 profile = {profile:?}\n[verify]\nprofile = {profile:?}\n"
            );
            Recipe::parse_within("web", &document, &bounds())
        };
        assert!(named("golden-builder").is_ok());
        let fields: Vec<String> =
            named("admin").unwrap_err().violations.into_iter().map(|one| one.field).collect();
        assert_eq!(fields, ["bake.profile", "verify.profile"]);
    }

    #[test]
    fn an_empty_list_allows_nothing_and_a_star_everything() {
        assert!(!Patterns::of("").allow("t4g.small"));
        assert!(Patterns::of("*").allow("t4g.small"));
        assert_eq!(Patterns::of("").to_string(), "none");
    }

    #[test]
    fn each_further_instance_type_is_checked() {
        let more = "instance_types = [\"m7g.large\", \"p5.48xlarge\"]\n";
        let found = refused("ami-0a", "t4g.small", more);
        assert!(found.len() == 1 && found[0].contains("bake.instance_types: found p5.48xlarge"), "{found:?}");
        let more = "[verify]\ninstance_types = [\"t4g.small\", \"p5.48xlarge\"]\n\
                    regions = { eu-west-1 = { instance_types = [\"p4d.24xlarge\"] } }\n\
                    [replicate]\nregions = [\"eu-west-1\"]\n";
        let found = refused("ami-0a", "t4g.small", more);
        let told = |field: &str| found.iter().any(|one| one.contains(field));
        assert!(found.len() == 2 && told("verify.instance_types: found p5.48xlarge"), "{found:?}");
        assert!(told("verify.regions.eu-west-1.instance_types: found p4d.24xlarge"), "{found:?}");
    }
}
