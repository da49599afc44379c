//! `[variants]`: one document for several recipes that differ in little.

use toml::{Table, Value};

/// The tables of a recipe. What a variant says elsewhere goes into `[bake]`.
const TABLES: [&str; 9] =
    ["params", "tags", "bake", "verify", "image", "adopt", "publish", "replicate", "expire"];
const KEY: &str = "variants";

/// One recipe of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The name of the variant; `None` for a document without variants.
    pub variant: Option<String>,
    /// The whole document, without `[variants]`.
    pub document: Table,
}

impl Variant {
    /// The paths of the original document in which a field of this one may stand, the likeliest first.
    pub fn places(&self, field: &str) -> Vec<String> {
        let Some(variant) = &self.variant else { return vec![field.to_owned()] };
        let in_bake = field.strip_prefix("bake.").map(|key| format!("{KEY}.{variant}.{key}"));
        in_bake.into_iter().chain([format!("{KEY}.{variant}.{field}"), field.to_owned()]).collect()
    }
}

/// The recipes of a document, in the order of their names: one, or one of each variant.
///
/// # Errors
/// The path of each part of `[variants]` that is not a table of tables with names of a-z and 0-9.
pub fn variants(document: &Table) -> Result<Vec<Variant>, Vec<String>> {
    let mut common = document.clone();
    let Some(found) = common.remove(KEY) else {
        return Ok(vec![Variant { variant: None, document: common }]);
    };
    let tables = found.as_table().filter(|tables| !tables.is_empty()).ok_or_else(|| vec![KEY.to_owned()])?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let wrong: Vec<String> = tables
        .iter()
        .filter(|(name, given)| !is_name(name) || !given.is_table())
        .map(|(name, _)| format!("{KEY}.{name}"))
        .collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let of = |(name, given): (&String, &Value)| {
        let mut document = common.clone();
        for (key, value) in given.as_table().into_iter().flatten() {
            let to = match TABLES.contains(&key.as_str()) {
                true => &mut document,
                false => table(&mut document, "bake"),
            };
            merge(to, key, value);
        }
        if let Some(Value::String(whole)) = document.get_mut("name") {
            *whole = format!("{whole}-{name}");
        }
        Variant { variant: Some(name.clone()), document }
    };
    Ok(tables.iter().map(of).collect())
}

/// The table under a key, which is made if there is none.
fn table<'a>(document: &'a mut Table, key: &str) -> &'a mut Table {
    let entry = document.entry(key.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    if !entry.is_table() {
        *entry = Value::Table(Table::new());
    }
    match entry {
        Value::Table(table) => table,
        _ => unreachable!("it was just made one"),
    }
}

/// Tables are merged, anything else is replaced.
fn merge(to: &mut Table, key: &str, value: &Value) {
    match value {
        Value::Table(from) if to.get(key).is_none_or(Value::is_table) => {
            let inner = table(to, key);
            for (key, value) in from {
                merge(inner, key, value);
            }
        }
        value => {
            to.insert(key.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Variant>, Vec<String>> {
        variants(&text.parse().unwrap())
    }

    #[test]
    fn a_document_without_variants_is_one_recipe() {
        let found = of("name = \"web\"\n[bake]\nbase = \"x\"").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].variant.as_ref(), found[0].document["name"].as_str()), (None, Some("web")));
    }

    #[test]
    fn what_a_variant_says_goes_into_bake_or_into_the_table_that_it_names() {
        let found = of(
            "name = \"web\"\nparams = { a = \"1\", b = \"2\" }\n[bake]\nscript = \"true\"\nroot = { size = \"8G\", iops = 3000 }\n\
             [variants.arm64]\nbase = \"arm\"\nroot = { size = \"20G\" }\nparams = { b = \"3\" }\n\
             [variants.x86]\nbase = \"x86\"\nverify = { timeout = \"5m\" }\n",
        )
        .unwrap();
        let [arm, x86] = found.as_slice() else { panic!("{found:?}") };
        let text = |variant: &Variant| toml::to_string(&variant.document).unwrap();
        let expected = "name = \"web-arm64\"\nparams = { a = \"1\", b = \"3\" }\n[bake]\nscript = \"true\"\nbase = \"arm\"\n\
                        root = { size = \"20G\", iops = 3000 }\n";
        assert_eq!(arm.document, expected.parse().unwrap(), "{}", text(arm));
        assert_eq!(x86.document["verify"]["timeout"].as_str(), Some("5m"));
        assert_eq!(x86.document["bake"]["root"]["size"].as_str(), Some("8G"));
        assert!(!text(x86).contains("variants") && x86.document["name"].as_str() == Some("web-x86"));
        assert_eq!(arm.places("bake.base")[0], "variants.arm64.base");
    }

    #[test]
    fn what_is_no_variant_is_named() {
        assert_eq!(of("variants = 3").unwrap_err(), ["variants"]);
        assert_eq!(
            of("[variants]\nX86 = {}\narm = 1\nok = {}").unwrap_err(),
            ["variants.X86", "variants.arm"]
        );
    }
}
