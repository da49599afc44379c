//! What in a recipe makes an image what it is, as one hash: two bakes with the same hash and the same base run the same.

use super::types::{Base, Recipe};
use crate::model::Token;
use crate::model::program::Step;
use crate::model::record::Role;

impl Recipe {
    /// The hash of all that a builder is made from and runs, except its base, its own name and its tags. It is written on the
    /// builder when it is launched, for the recipe may change before its image is tested. `None` for an instance that
    /// somebody else made: what happens on it is not known.
    pub fn fingerprint(&self) -> Option<Token> {
        if matches!(self.bake.base, Base::Instance(_)) {
            return None;
        }
        let program = self.program(Role::Builder);
        let mut parts: Vec<String> = program
            .steps
            .iter()
            .map(|step| match step {
                Step::Text(text) => format!("text {text}"),
                Step::File(path) => format!("file {path}"),
                Step::Reboot => "reboot".to_owned(),
            })
            .collect();
        parts.extend(program.environment.iter().map(|(key, value)| format!("environment {key}={value}")));
        parts.extend(program.archive.iter().map(|digest| format!("archive {digest}")));
        parts.extend(program.fetch.iter().map(|object| format!("fetch {object}")));
        // Another version of Kiln may write them otherwise: then one image more is published.
        parts.push(format!("disks {:?}", self.bake.disks));
        parts.push(format!("profile {:?} imds_v2 {}", self.bake.profile, self.image.imds_v2));
        Some(Token::of(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(head: &str, bake: &str, rest: &str) -> Option<Token> {
        let document = format!(
            "name = \"web\"\n{head}\n[bake]\nbase = \"ami-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n{bake}\n{rest}\n"
        );
        Recipe::parse("web", &document).unwrap().fingerprint()
    }

    #[test]
    fn what_runs_on_the_builder_and_its_disks_count_and_nothing_else() {
        let plain = of("", "script = \"true\"", "");
        assert_eq!(of("tags = { commit = \"1\" }", "script = \"true\"", "[expire]\nkeep = 3"), plain);
        let others = [
            of("", "script = \"false\"", ""),
            of("params = { nginx = \"1.28\" }", "script = \"true\"", ""),
            of("", "script = \"true\"\nroot = { size = \"20G\" }", ""),
            of("", "script = \"true\"\nencrypt = \"alias/golden\"", ""),
            of("", "script = \"true\"", "[image]\nimds = \"v2.0\""),
            of(&format!("archive = \"sha256:{}\"", "0a".repeat(32)), "steps = [\"scripts/a.sh\"]", ""),
            of(&format!("archive = \"sha256:{}\"", "0b".repeat(32)), "steps = [\"scripts/a.sh\"]", ""),
        ];
        let all: std::collections::BTreeSet<_> =
            others.iter().chain([&plain]).map(|one| one.as_ref().unwrap().as_str()).collect();
        assert_eq!(all.len(), others.len() + 1);
    }
}
