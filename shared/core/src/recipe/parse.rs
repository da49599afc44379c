//! From the document to the recipe.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use toml::{Table, Value};

use crate::model::user_data::MOST_SCRIPT_BYTES;
use crate::model::{RecipeName, Region, SubnetId, Tags, tags};
use crate::recipe::publish::publish;
use crate::recipe::table_reader::{Mistakes, Section, quoted, show};
use crate::recipe::{BadRecipe, Bake, Base, Expire, Recipe, Release, Replicate, Verify};

/// The tags that Kiln itself puts on an image or a snapshot, at most; EC2 allows 50 in all.
const OWN_TAGS: usize = 20;
/// What Parameter Store takes, in bytes, of an advanced parameter.
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>)
const MOST_BYTES: usize = 8 * 1024;
const BASE_ALLOWED: &str =
    "\"ssm:/a/parameter\", an image id, \"recipe:<name>\", or { owner = \"…\", name = \"…\" }";

pub fn recipe(found_as: &str, document: &str) -> Result<Recipe, BadRecipe> {
    let mut mistakes = Mistakes::default();
    if document.len() > MOST_BYTES {
        let allowed = format!("at most {MOST_BYTES}, which is what Parameter Store takes");
        mistakes.add("the document", format!("{} bytes", document.len()), allowed);
    }
    if document.contains("{{") {
        let allowed = "no {{, which Parameter Store takes for the name of another parameter; write { {";
        mistakes.add("the document", "{{".to_owned(), allowed);
    }
    let table: Table = match document.parse() {
        Ok(table) => table,
        Err(error) => {
            let line = error
                .span()
                .map_or(1, |span| document[..span.start.min(document.len())].matches('\n').count() + 1);
            mistakes.add(format!("line {line}"), error.message(), "a TOML document");
            return Err(BadRecipe { name: found_as.to_owned(), mistakes: mistakes.0 });
        }
    };
    let mut root = Section::root(&table);
    let name = recipe_name(&mut root, found_as, &mut mistakes);
    let tags = own_tags(&mut root, &mut mistakes);
    let bake = bake(&mut root, &mut mistakes);
    let verify = verify(&mut root, &mut mistakes);
    let publish = publish(&mut root, &mut mistakes);
    let replicate = replicate(&mut root, &mut mistakes);
    let expire = expire(&mut root, &mut mistakes);
    root.end(&mut mistakes);
    if let (Some(name), Some(Base::Recipe(base))) = (&name, &bake.as_ref().map(|bake| bake.base.clone()))
        && name == base
    {
        mistakes.add("bake.base", format!("\"recipe:{base}\""), "another recipe than this one");
    }
    match (name, bake) {
        (Some(name), Some(bake)) if mistakes.0.is_empty() => {
            Ok(Recipe { name, tags, bake, verify, publish, replicate, expire })
        }
        _ => Err(BadRecipe { name: found_as.to_owned(), mistakes: mistakes.0 }),
    }
}

fn recipe_name(root: &mut Section<'_>, found_as: &str, mistakes: &mut Mistakes) -> Option<RecipeName> {
    let before = mistakes.0.len();
    let name: Option<RecipeName> = root.parsed("name", RecipeName::EXPECTED, mistakes);
    match &name {
        Some(name) if name.as_str() != found_as => {
            mistakes.add("name", quoted(name.as_str()), format!("{found_as:?}, as its parameter is called"));
        }
        None if mistakes.0.len() == before => mistakes.add("name", "nothing", RecipeName::EXPECTED),
        _ => {}
    }
    name
}

fn own_tags(root: &mut Section<'_>, mistakes: &mut Mistakes) -> Tags {
    let section = root.section("tags", mistakes);
    let mut read = BTreeMap::new();
    for (key, value) in section.entries() {
        let path = section.path_of(key);
        if key.is_empty()
            || key.chars().count() > 127
            || key.starts_with("aws:")
            || key.starts_with(tags::PREFIX)
            || key == "Name"
        {
            mistakes.add(
                path,
                quoted(key),
                "a key of 1 to 127 characters but Name, which begins with neither aws: nor kiln:",
            );
        } else if let Some(text) = value.as_str().filter(|text| text.chars().count() <= 256) {
            read.insert(key.to_owned(), text.to_owned());
        } else {
            mistakes.add(path, show(value), "a text of at most 256 characters");
        }
    }
    let most = 50 - OWN_TAGS;
    if read.len() > most {
        mistakes.add(
            "tags",
            format!("{} tags", read.len()),
            format!("at most {most}, for EC2 allows 50 with Kiln's own"),
        );
    }
    read.into_iter().collect()
}

fn bake(root: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<Bake> {
    let mut section = root.section("bake", mistakes);
    let base = base(&mut section, mistakes);
    let instance_type = checked(&mut section, "instance_type", INSTANCE_TYPE, is_instance_type, mistakes);
    let script = script(&mut section, mistakes);
    let timeout = section.span("timeout", minutes(60), (minutes(1), TimeDelta::hours(24)), mistakes);
    let subnets = section.list("subnets", SubnetId::EXPECTED, mistakes);
    let allow_deprecated = section.flag("allow_deprecated", mistakes);
    let allow_product_codes = section.flag("allow_product_codes", mistakes);
    let on_base_release = section.flag("on_base_release", mistakes);
    if on_base_release && base.as_ref().is_some_and(|base| !matches!(base, Base::Recipe(_))) {
        let allowed = "only with a base of \"recipe:<name>\", of which Kiln knows the releases";
        mistakes.add(section.path_of("on_base_release"), "true", allowed);
    }
    section.end(mistakes);
    Some(Bake {
        base: base?,
        instance_type: instance_type?,
        script,
        timeout,
        subnets,
        allow_deprecated,
        allow_product_codes,
        on_base_release,
    })
}

fn base(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<Base> {
    let path = section.path_of("base");
    match section.take("base") {
        Some(Value::String(text)) => {
            let read = match text.split_once(':') {
                Some(("ssm", name)) => parameter_name(name).then(|| Base::Parameter(name.to_owned())),
                Some(("recipe", name)) => name.parse().ok().map(Base::Recipe),
                _ => text.parse().ok().map(Base::Image),
            };
            if read.is_none() {
                mistakes.add(path, quoted(text), BASE_ALLOWED);
            }
            read
        }
        Some(Value::Table(_)) => newest(section.section("base", mistakes), mistakes),
        Some(other) => {
            mistakes.add(path, show(other), BASE_ALLOWED);
            None
        }
        None => {
            mistakes.add(path, "nothing", BASE_ALLOWED);
            None
        }
    }
}

fn newest(mut section: Section<'_>, mistakes: &mut Mistakes) -> Option<Base> {
    const OWNER: &str =
        "a 12-digit account id, \"self\", \"amazon\", \"aws-marketplace\" or \"aws-backup-vault\"";
    const NAME: &str = "a name of 1 to 128 characters, in which * and ? match";
    let is_owner = |text: &str| {
        account_id(text) || ["self", "amazon", "aws-marketplace", "aws-backup-vault"].contains(&text)
    };
    let owner = checked(&mut section, "owner", OWNER, is_owner, mistakes);
    let name =
        checked(&mut section, "name", NAME, |text| (1..=128).contains(&text.chars().count()), mistakes);
    section.end(mistakes);
    Some(Base::Newest { owner: owner?, name: name? })
}

const INSTANCE_TYPE: &str = "an instance type such as \"t4g.small\"";

fn is_instance_type(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 64 && text.split_once('.').is_some_and(|(family, size)| word(family) && word(size))
}

fn script(section: &mut Section<'_>, mistakes: &mut Mistakes) -> String {
    let allowed = format!("a text of at most {MOST_SCRIPT_BYTES} bytes, without NUL");
    let path = section.path_of("script");
    let Some(text) = section.text("script", &allowed, mistakes) else { return String::new() };
    if text.len() > MOST_SCRIPT_BYTES || text.contains('\0') {
        mistakes.add(path, format!("a text of {} bytes", text.len()), allowed);
    }
    text.to_owned()
}

fn verify(root: &mut Section<'_>, mistakes: &mut Mistakes) -> Verify {
    let mut section = root.section("verify", mistakes);
    let script = script(&mut section, mistakes);
    let timeout = section.span("timeout", minutes(15), (minutes(1), TimeDelta::hours(24)), mistakes);
    let instance_type = optional(&mut section, "instance_type", INSTANCE_TYPE, is_instance_type, mistakes);
    let subnets = section.list("subnets", SubnetId::EXPECTED, mistakes);
    section.end(mistakes);
    Verify { script, timeout, instance_type, subnets }
}

fn replicate(root: &mut Section<'_>, mistakes: &mut Mistakes) -> Replicate {
    let mut section = root.section("replicate", mistakes);
    let regions: Vec<Region> = section.list("regions", Region::EXPECTED, mistakes);
    let release = match section.text("release", "\"together\" or \"each\"", mistakes) {
        None | Some("together") => Release::Together,
        Some("each") => Release::Each,
        Some(other) => {
            mistakes.add("replicate.release", quoted(other), "\"together\" or \"each\"");
            Release::Together
        }
    };
    let best_effort: Vec<Region> =
        section.list("best_effort", "a Region that replicate.regions names", mistakes);
    for region in best_effort.iter().filter(|region| !regions.contains(region)) {
        mistakes.add(
            "replicate.best_effort",
            quoted(region.as_str()),
            "a Region that replicate.regions names",
        );
    }
    let verify = section.flag("verify", mistakes);
    let keys = section.section("kms_keys", mistakes);
    let mut kms_keys = BTreeMap::new();
    for (key, value) in keys.entries() {
        let path = keys.path_of(key);
        match (key.parse::<Region>(), value.as_str().filter(|key| kms_key(key))) {
            (Ok(region), Some(kms_key)) if regions.contains(&region) && elsewhere(kms_key, &region) => {
                mistakes.add(
                    path,
                    show(value),
                    format!("a key of {region}: a replica is encrypted where it is"),
                );
            }
            (Ok(region), Some(kms_key)) if regions.contains(&region) => {
                kms_keys.insert(region, kms_key.to_owned());
            }
            (Ok(region), _) if !regions.contains(&region) => {
                mistakes.add(path, quoted(key), "a Region that replicate.regions names");
            }
            (Ok(_), _) => {
                mistakes.add(path, show(value), "a KMS key: its id, its ARN, \"alias/…\" or an alias's ARN")
            }
            (Err(_), _) => mistakes.add(path, quoted(key), "a Region that replicate.regions names"),
        }
    }
    section.end(mistakes);
    Replicate { regions, release, best_effort, verify, kms_keys }
}

fn expire(root: &mut Section<'_>, mistakes: &mut Mistakes) -> Expire {
    let years_10 = TimeDelta::days(3_650);
    let mut section = root.section("expire", mistakes);
    let usual = Expire::default();
    let span = (TimeDelta::zero(), years_10);
    let keep = section.number("keep", usual.keep, (1, 1_000), mistakes);
    let older_than = section.span("older_than", usual.older_than, span, mistakes);
    let confirm_after = section.span("confirm_after", usual.confirm_after, span, mistakes);
    let quarantine = section.span("quarantine", usual.quarantine, span, mistakes);
    let idle = section.span("idle", usual.idle, span, mistakes);
    let max_per_run = section.number("max_per_run", usual.max_per_run, (1, 100_000), mistakes);
    let max_percent = section.number("max_percent", usual.max_percent, (1, 100), mistakes);
    section.end(mistakes);
    Expire { keep, older_than, confirm_after, quarantine, idle, max_per_run, max_percent }
}

/// A text that must be there and be valid.
pub(crate) fn checked(
    section: &mut Section<'_>,
    key: &'static str,
    allowed: &str,
    valid: impl Fn(&str) -> bool,
    mistakes: &mut Mistakes,
) -> Option<String> {
    let path = section.path_of(key);
    match section.take(key) {
        Some(Value::String(text)) if valid(text) => return Some(text.clone()),
        Some(other) => mistakes.add(path, show(other), allowed),
        None => mistakes.add(path, "nothing", allowed),
    }
    None
}

/// A text that is valid where it is there.
pub(crate) fn optional(
    section: &mut Section<'_>,
    key: &'static str,
    allowed: &str,
    valid: impl Fn(&str) -> bool,
    mistakes: &mut Mistakes,
) -> Option<String> {
    section.take(key)?;
    checked(section, key, allowed, valid, mistakes)
}

pub(crate) fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

pub(crate) fn account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn parameter_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    (2..=1_011).contains(&text.len())
        && text.starts_with('/')
        && !text.ends_with('/')
        && text.bytes().all(allowed)
}

fn kms_key(text: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte))
    };
    match text.strip_prefix("arn:") {
        Some(rest) => rest.contains(":kms:") && (rest.contains(":key/") || rest.contains(":alias/")),
        None => word(text),
    }
}

/// Whether a key's ARN names another Region.
fn elsewhere(kms_key: &str, region: &Region) -> bool {
    kms_key.starts_with("arn:") && kms_key.split(':').nth(3) != Some(region.as_str())
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
