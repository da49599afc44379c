//! What runs on builders and testers: `script` or `steps`, `fetch`, `keep_log`, and the `archive` of the recipe's folder.

use super::params::environment;
use super::table_reader::{TableReader, quoted, show};
use super::types::Recipe;
use super::violation::Violations;
use crate::model::program::{Digest, LogRetention, Object, Step, is_path};
use crate::model::user_data::MOST_SCRIPT_BYTES;
use crate::model::{Program, Role};

const STEP: &str =
    "\"reboot\", or the path of a script in the recipe's folder, such as \"scripts/10-packages.sh\"";
const MOST_STEPS: usize = 32;
/// Each needs a signed URL, and user data has 16 KB.
const MOST_OBJECTS: usize = 8;

impl Recipe {
    /// What a builder or tester of this recipe runs.
    pub fn program(&self, role: Role) -> Program {
        let (steps, fetch) = match role {
            Role::Builder => (&self.bake.steps, self.bake.fetch.clone()),
            Role::Tester => (&self.verify.steps, Vec::new()),
        };
        let needs_folder = steps.iter().any(|step| *step != Step::Reboot);
        Program {
            steps: steps.clone(),
            environment: environment(&self.params),
            archive: self.archive.clone().filter(|_| needs_folder),
            fetch,
            keep_log: self.bake.keep_log,
        }
    }
}

/// Reads `archive`, which is written when the folder is packed.
pub(super) fn archive(root: &mut TableReader<'_>, violations: &mut Violations) -> Option<Digest> {
    root.parsed("archive", Digest::EXPECTED, violations)
}

/// Reads `script` or `steps`.
pub(super) fn steps(table: &mut TableReader<'_>, violations: &mut Violations) -> Vec<Step> {
    let script = script(table, violations);
    let (path, given) = (table.path_of("steps"), table.has("steps"));
    let named = table.items("steps", STEP, violations);
    if given && script.is_some() {
        violations.problem(&path, format!("{} is given too; give one of them", table.path_of("script")));
    }
    if named.len() > MOST_STEPS {
        violations.add(&path, format!("{} steps", named.len()), format!("at most {MOST_STEPS}"));
    }
    let mut steps: Vec<Step> = script.map(Step::Text).into_iter().collect();
    for (at, item) in named.iter().enumerate() {
        match item.as_str() {
            Some("reboot") => steps.push(Step::Reboot),
            Some(file) if is_path(file) => steps.push(Step::File(file.to_owned())),
            _ => violations.add(format!("{path}[{at}]"), show(item), STEP),
        }
    }
    steps
}

/// Steps that name files need the folder that holds them.
pub(super) fn check_folder(recipe: &Recipe, violations: &mut Violations) {
    let of_file = |steps: &[Step]| steps.iter().any(|step| matches!(step, Step::File(_)));
    for (field, steps) in [("bake.steps", &recipe.bake.steps), ("verify.steps", &recipe.verify.steps)] {
        if of_file(steps) && recipe.archive.is_none() {
            violations.problem(
                field,
                "it names files, which a recipe has in a folder: kiln recipes push packs the folder and writes `archive`",
            );
        }
    }
}

fn script(table: &mut TableReader<'_>, violations: &mut Violations) -> Option<String> {
    let allowed = format!("a text of at most {MOST_SCRIPT_BYTES} bytes, without NUL");
    let path = table.path_of("script");
    let text = table.text("script", &allowed, violations)?;
    if text.len() > MOST_SCRIPT_BYTES || text.contains('\0') {
        violations.add(path, format!("a text of {} bytes", text.len()), allowed);
    }
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// Reads `fetch`.
pub(super) fn fetch(table: &mut TableReader<'_>, violations: &mut Violations) -> Vec<Object> {
    let path = table.path_of("fetch");
    let named: Vec<String> = table.list("fetch", Object::EXPECTED, violations);
    let mut objects: Vec<Object> = Vec::new();
    for (at, text) in named.iter().enumerate() {
        match text.parse::<Object>() {
            Err(_) => violations.add(format!("{path}[{at}]"), quoted(text), Object::EXPECTED),
            Ok(object) if objects.iter().any(|other| other.file() == object.file()) => {
                violations.add(format!("{path}[{at}]"), quoted(object.file()), "files of different names");
            }
            Ok(object) => objects.push(object),
        }
    }
    if named.len() > MOST_OBJECTS {
        violations.add(&path, format!("{} objects", named.len()), format!("at most {MOST_OBJECTS}"));
    }
    objects
}

/// Reads `keep_log`.
pub(super) fn keep_log(table: &mut TableReader<'_>, violations: &mut Violations) -> Option<LogRetention> {
    table.parsed("keep_log", LogRetention::EXPECTED, violations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::BadRecipe;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn parsed(head: &str, bake: &str, verify: &str) -> Result<Recipe, BadRecipe> {
        let document = format!(
            "name = \"web\"\nparams = {{ nginx = \"1.28\" }}\n{head}\n[bake]\nbase = \"ami-0123456789abcdef0\"\n\
             instance_type = \"t4g.small\"\n{bake}\n[verify]\n{verify}\n"
        );
        Recipe::parse("web", &document)
    }

    fn archive() -> String {
        format!("archive = \"{DIGEST}\"")
    }

    #[test]
    fn steps_are_files_of_the_folder_and_restarts_in_their_order() {
        let bake = format!(
            "steps = [\"scripts/10-a.sh\", \"reboot\", \"scripts/20-b.sh\"]\nkeep_log = \"90d\"\n\
             fetch = [\"s3://artefacts/agents/agent.rpm#{}\"]",
            DIGEST.replace(':', "=")
        );
        let recipe = parsed(&archive(), &bake, "steps = [\"tests/smoke.sh\"]").unwrap();
        let builder = recipe.program(Role::Builder);
        let file = |path: &str| Step::File(path.to_owned());
        assert_eq!(builder.steps, [file("scripts/10-a.sh"), Step::Reboot, file("scripts/20-b.sh")]);
        assert_eq!(builder.archive.map(|digest| digest.to_string()).as_deref(), Some(DIGEST));
        assert_eq!(builder.environment, [("KILN_NGINX".to_owned(), "1.28".to_owned())]);
        assert_eq!((builder.fetch[0].file(), builder.keep_log.unwrap().days()), ("agent.rpm", 90));
        let tester = recipe.program(Role::Tester);
        assert_eq!((tester.steps, tester.fetch.len()), (vec![file("tests/smoke.sh")], 0));
    }

    #[test]
    fn what_runs_nothing_needs_no_archive() {
        let recipe = parsed(&archive(), "script = \"true\"", "").unwrap();
        assert!(recipe.program(Role::Builder).archive.is_some());
        assert!(!recipe.program(Role::Tester).needs_network());
    }

    #[test]
    fn every_mistake_about_steps_is_told_with_its_field() {
        let told = |head: &str, bake: &str, verify: &str, field: &str| {
            let all = parsed(head, bake, verify).unwrap_err().violations;
            assert!(all.iter().any(|one| one.field == field), "{head} {bake} {verify}: {all:?}");
        };
        told("", "steps = [\"scripts/a.sh\"]", "", "bake.steps");
        told("", "", "steps = [\"tests/a.sh\"]", "verify.steps");
        told("archive = \"sha256:0\"", "", "", "archive");
        let with = archive();
        told(&with, "steps = [\"scripts/a.sh\", \"restart\"]", "", "bake.steps[1]");
        told(&with, "steps = [\"../a.sh\"]", "", "bake.steps[0]");
        told(&with, "steps = \"scripts/a.sh\"", "", "bake.steps");
        told(&with, "steps = [\"scripts/a.sh\"]\nscript = \"true\"", "", "bake.steps");
        told(&with, &format!("steps = [{}]", "\"reboot\",".repeat(33)), "", "bake.steps");
        told("", "fetch = [\"s3://artefacts/agent.rpm\"]", "", "bake.fetch[0]");
        let object = |folder: &str| format!("\"s3://artefacts/{folder}/x#{}\"", DIGEST.replace(':', "="));
        told("", &format!("fetch = [{}, {}]", object("a"), object("b")), "", "bake.fetch[1]");
        told("", "keep_log = \"forever\"", "", "bake.keep_log");
        told("", "keep_log = 90", "", "bake.keep_log");
        told("", "instance = \"i-0a\"\nsteps = [\"reboot\"]", "", "bake.steps");
    }
}
