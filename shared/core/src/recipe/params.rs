//! `[params]`: values that a recipe names once. `${params.nginx}` stands for one in every text of the document but scripts,
//! which find it in their environment as `KILN_NGINX`.

use std::collections::BTreeMap;

use super::table_reader::{TableReader, quoted, show};
use super::violation::Violations;

/// The values by name.
pub type Params = BTreeMap<String, String>;

/// The most bytes of all names and values, and what stands around each in the user data.
const MOST_BYTES: usize = 768;
const AROUND: usize = 22;
const OPENS: &str = "${params.";
const VALUE: &str = "a text of at most 256 characters in one line, without '";

/// Reads `[params]`.
pub(super) fn params(root: &mut TableReader<'_>, violations: &mut Violations) -> Params {
    let table = root.table("params", violations);
    let mut read = Params::new();
    for (key, value) in table.entries() {
        let path = table.path_of(key);
        let text = value.as_str().filter(|text| is_value(text));
        match text {
            _ if !is_key(key) => {
                violations.add(
                    path,
                    quoted(key),
                    "a name of 1 to 32 of a-z, 0-9 and _, beginning with a letter",
                );
            }
            Some(text) => {
                read.insert(key.to_owned(), text.to_owned());
            }
            None => violations.add(path, show(value), VALUE),
        }
    }
    let bytes: usize = read.iter().map(|(key, value)| key.len() + value.len() + AROUND).sum();
    if bytes > MOST_BYTES {
        violations.add(
            "params",
            format!("{bytes} bytes"),
            format!("at most {MOST_BYTES} in all names and values, with {AROUND} more for each"),
        );
    }
    read
}

/// What a script finds in its environment.
pub(super) fn environment(params: &Params) -> Vec<(String, String)> {
    params.iter().map(|(key, value)| (format!("KILN_{}", key.to_ascii_uppercase()), value.clone())).collect()
}

fn is_key(key: &str) -> bool {
    (1..=32).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && key.starts_with(|first: char| first.is_ascii_lowercase())
}

fn is_value(text: &str) -> bool {
    text.chars().count() <= 256
        && !text.chars().any(|one| one.is_control() || one == '\'')
        && !text.contains(OPENS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{BadRecipe, Recipe};

    fn parsed(head: &str, tail: &str) -> Result<Recipe, BadRecipe> {
        let document = format!(
            "name = \"web\"\n{head}\n[bake]\nbase = \"ssm:/golden/${{params.base}}/latest\"\n\
             instance_type = \"t4g.small\"\nscript = \"echo ${{params.no}} $KILN_NGINX\"\n{tail}\n"
        );
        Recipe::parse("web", &document)
    }

    const PARAMS: &str = "params = { nginx = \"1.28.0\", base = \"al2023\" }";

    #[test]
    fn a_value_stands_for_its_name_in_every_text_but_scripts() {
        let tags = "tags = { nginx = \"nginx ${params.nginx} on ${params.base}\" }";
        let recipe = parsed(&format!("{PARAMS}\n{tags}"), "").unwrap();
        assert_eq!(recipe.tags.get("nginx"), Some("nginx 1.28.0 on al2023"));
        assert_eq!(recipe.bake.base.to_string(), "ssm:/golden/al2023/latest");
        assert!(recipe.bake.steps[0].text().unwrap().contains("${params.no}"));
        let expected = [("KILN_BASE", "al2023"), ("KILN_NGINX", "1.28.0")];
        assert_eq!(environment(&recipe.params), expected.map(|(key, value)| (key.into(), value.into())));
    }

    #[test]
    fn every_mistake_about_a_value_is_told_with_its_field() {
        let told = |head: &str, tail: &str, field: &str| {
            let all = parsed(head, tail).unwrap_err().violations;
            assert!(all.iter().any(|one| one.field == field), "{head} {tail}: {all:?}");
        };
        told("", "", "bake.base");
        told(&format!("{PARAMS}\ntags = {{ a = \"${{params.other}}\" }}"), "", "tags.a");
        told(
            &format!("{PARAMS}\ntags = {{ a = \"${{params.nginx\" }}"),
            "[replicate]\nregions = [\"${params.x}\"]",
            "replicate.regions[0]",
        );
        for bad in ["Nginx = \"1\"", "1a = \"1\"", "a-b = \"1\""] {
            told(
                &format!("params = {{ base = \"x\", {bad} }}"),
                "",
                &format!("params.{}", bad.split(' ').next().unwrap()),
            );
        }
        told("params = { base = \"x\", a = 1 }", "", "params.a");
        told("params = { base = \"x\", a = \"two\\nlines\" }", "", "params.a");
        told("params = { base = \"${params.base}\" }", "", "params.base");
        told("params = { base = \"it's\" }", "", "params.base");
        let long = "x".repeat(250);
        told(
            &format!("params = {{ base = \"x\", a = \"{long}\", b = \"{long}\", c = \"{long}\" }}"),
            "",
            "params",
        );
    }
}
