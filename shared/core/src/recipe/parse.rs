//! Parses a document into a recipe. Every check of a field is here, in `publish.rs`, or in `validate.rs`.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use toml::{Table, Value};

use super::bounds::Bounds;
use super::channels::channels;
use super::disks::disks;
use super::image::image;
use super::instance_types::{INSTANCE_TYPE, instance_types};
use super::lines::{Lines, line_at};
use super::names::replaced;
use super::network::{by_region, network};
use super::params::params;
use super::publish::publish;
use super::steps::{archive, check_folder, fetch, keep_log, steps};
use super::table_reader::{TableReader, quoted, show};
use super::types::{Adopt, Bake, Base, Expire, OnLoss, Recipe, ReleaseStrategy, Replicate, Verify};
use super::validate::{account_id, checked, elsewhere, kms_key, minutes, optional, parameter_name};
use super::violation::{BadRecipe, Violations};
use crate::model::{InstanceId, RecipeName, Region, Tags, tags};

/// The most bytes in an advanced parameter of Parameter Store.
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>)
const MOST_BYTES: usize = 8 * 1024;
const BASE_ALLOWED: &str =
    "\"ssm:/a/parameter\", an image id, \"recipe:<name>\", or { owner = \"…\", name = \"…\" }";

const DESCRIPTION: &str = "a text of 1 to 200 characters, on one line";

fn is_description(text: &str) -> bool {
    (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

impl Recipe {
    /// Parses a recipe. `name` is the last part of the name of its parameter, or the name of its file. The field `name`
    /// must be the same.
    ///
    /// # Errors
    /// Every violation, with its line, its field and what is expected. A document that is not TOML gives only that
    /// violation.
    pub fn parse(name: &str, document: &str) -> Result<Self, BadRecipe> {
        Self::parse_within(name, document, &Bounds::none())
    }

    /// Parses and checks a recipe document, and that it keeps within the bounds of the stack.
    ///
    /// # Errors
    /// Every mistake in the document; if there is none, everything that passes the bounds.
    pub fn parse_within(name: &str, document: &str, bounds: &Bounds) -> Result<Self, BadRecipe> {
        let lines = Lines::of(document);
        let checked = recipe(name, document).and_then(|recipe| bounds.check(recipe));
        // Every test of the parser is one of the schema for editors, too.
        #[cfg(test)]
        super::schema::tests::holds(document, checked.is_ok());
        checked.map_err(|mut violations| {
            for violation in violations.0.iter_mut().filter(|violation| violation.line.is_none()) {
                violation.line = lines.line(&violation.field);
            }
            BadRecipe { name: name.to_owned(), violations: violations.0 }
        })
    }
}

fn recipe(found_as: &str, document: &str) -> Result<Recipe, Violations> {
    let mut violations = Violations::default();
    if document.len() > MOST_BYTES {
        let expected = format!("at most {MOST_BYTES} bytes, the limit of Parameter Store");
        violations.add("the document", format!("{} bytes", document.len()), expected);
    }
    if document.contains("{{") {
        violations.problem(
            "the document",
            "it contains {{, which Parameter Store reads as a reference to another parameter; move the script that needs it into the recipe's folder (bake.steps), or keep the two braces apart",
        );
    }
    let table: Table = match document.parse() {
        Ok(table) => table,
        Err(error) => {
            violations.problem("the document", format!("it is not TOML: {}", error.message()));
            if let Some(last) = violations.0.last_mut() {
                last.line = error.span().map(|span| line_at(document, span.start));
            }
            return Err(violations);
        }
    };
    let table = replaced(&table, &mut violations);
    let mut root = TableReader::root(&table);
    let name = recipe_name(&mut root, found_as, &mut violations);
    let description = optional(&mut root, "description", DESCRIPTION, is_description, &mut violations);
    let params = params(&mut root, &mut violations);
    let tags = own_tags(&mut root, &mut violations);
    let archive = archive(&mut root, &mut violations);
    let bake = bake(&mut root, &mut violations);
    let verify = verify(&mut root, &mut violations);
    let image = image(&mut root, &mut violations);
    let adopt = adopt(&mut root, &mut violations);
    let publish = publish(&mut root, &mut violations);
    let channels = channels(&mut root, &mut violations);
    for (at, channel) in channels.iter().enumerate() {
        let before = channels[..at].iter().map(|other| &other.parameter).chain(&publish.parameter);
        if before.into_iter().any(|other| *other == channel.parameter) {
            let field = format!("channels.{}.parameter", channel.name);
            violations.add(
                field,
                quoted(&channel.parameter),
                "a parameter that nothing else in the recipe names",
            );
        }
    }
    let replicate = replicate(&mut root, &mut violations);
    let expire = expire(&mut root, &mut violations);
    if root.has("variants") {
        violations.problem(
            "variants",
            "one document is one recipe here: kiln recipes push writes one of each variant",
        );
    }
    root.end(&mut violations);
    if let (Some(name), Some(Base::Recipe(base))) = (&name, &bake.as_ref().map(|bake| bake.base.clone()))
        && name == base
    {
        violations.add("bake.base", format!("\"recipe:{base}\""), "a recipe other than this one");
    }
    for region in verify.regions.keys().filter(|region| !replicate.regions.contains(region)) {
        violations.add(format!("verify.regions.{region}"), quoted(region.as_str()), NAMED_REGION);
    }
    let encrypt = bake.as_ref().and_then(|bake| bake.disks.encrypt.as_ref());
    if let Some(key) = encrypt.filter(|_| publish.share.public) {
        violations.add(
            "bake.encrypt",
            quoted(key),
            "no value beside publish.share.public: EC2 makes no encrypted image public",
        );
    }
    match (name, bake) {
        (Some(name), Some(bake)) => {
            let recipe = Recipe {
                name,
                description,
                document: document.to_owned(),
                params,
                tags,
                archive,
                bake,
                verify,
                image,
                adopt,
                publish,
                channels,
                replicate,
                expire,
            };
            check_folder(&recipe, &mut violations);
            if violations.0.is_empty() { Ok(recipe) } else { Err(violations) }
        }
        _ => Err(violations),
    }
}

fn recipe_name(
    root: &mut TableReader<'_>,
    found_as: &str,
    violations: &mut Violations,
) -> Option<RecipeName> {
    let before = violations.0.len();
    let name: Option<RecipeName> = root.parsed("name", RecipeName::EXPECTED, violations);
    match &name {
        Some(name) if name.as_str() != found_as => {
            violations.add(
                "name",
                quoted(name.as_str()),
                format!("{}, the name of its parameter or file", quoted(found_as)),
            );
        }
        None if violations.0.len() == before => violations.missing("name", RecipeName::EXPECTED),
        _ => {}
    }
    name
}

fn own_tags(root: &mut TableReader<'_>, violations: &mut Violations) -> Tags {
    let table = root.table("tags", violations);
    let mut read = BTreeMap::new();
    for (key, value) in table.entries() {
        let path = table.path_of(key);
        if key.is_empty()
            || key.chars().count() > 127
            || key.starts_with("aws:")
            || key.starts_with(tags::PREFIX)
            || key == tags::NAME
        {
            violations.add(
                path,
                quoted(key),
                "a key of 1 to 127 characters that is not Name and begins with neither aws: nor kiln:",
            );
        } else if let Some(text) = value.as_str().filter(|text| text.chars().count() <= tags::MOST_CHARACTERS)
        {
            read.insert(key.to_owned(), text.to_owned());
        } else {
            violations.add(path, show(value), "a text of at most 256 characters");
        }
    }
    let most = tags::MOST - tags::MOST_OF_KILN;
    if read.len() > most {
        violations.add(
            "tags",
            format!("{} tags", read.len()),
            format!("at most {most}: EC2 allows {}, of which Kiln needs {}", tags::MOST, tags::MOST_OF_KILN),
        );
    }
    read.into_iter().collect()
}

fn bake(root: &mut TableReader<'_>, violations: &mut Violations) -> Option<Bake> {
    let mut table = root.table("bake", violations);
    let instance: Option<InstanceId> = table.parsed("instance", InstanceId::EXPECTED, violations);
    let base = match instance {
        Some(instance) => {
            for key in [
                "base",
                "script",
                "steps",
                "fetch",
                "profile",
                "subnets",
                "network",
                "window",
                "on_base_release",
                "root",
                "volumes",
                "encrypt",
            ] {
                if let Some(given) = table.take(key) {
                    let allowed = "no value beside bake.instance, which is imaged as it is";
                    violations.add(table.path_of(key), show(given), allowed);
                }
            }
            Some(Base::Instance(instance))
        }
        None => base(&mut table, violations),
    };
    let types = instance_types(&mut table, violations);
    if types.preferred.is_none() && !table.has("instance_type") {
        violations.missing(table.path_of("instance_type"), INSTANCE_TYPE);
    }
    let steps = steps(&mut table, violations);
    let fetch = fetch(&mut table, violations);
    let keep_log = keep_log(&mut table, violations);
    let profile = optional(&mut table, "profile", PROFILE, is_profile, violations);
    let timeout = table.span("timeout", minutes(60), (minutes(1), TimeDelta::hours(24)), violations);
    let window =
        table.span("window", TimeDelta::hours(6), (TimeDelta::zero(), TimeDelta::hours(24)), violations);
    let network = network(&mut table, violations);
    let disks = disks(&mut table, violations);
    let allow_deprecated = table.flag("allow_deprecated", violations);
    let allow_product_codes = table.flag("allow_product_codes", violations);
    let on_base_release = table.flag("on_base_release", violations);
    if on_base_release
        && base.as_ref().is_some_and(|base| !matches!(base, Base::Recipe(_) | Base::Instance(_)))
    {
        let allowed = "false, or a base of \"recipe:<name>\": Kiln knows the releases of recipes only";
        violations.add(table.path_of("on_base_release"), "true", allowed);
    }
    table.end(violations);
    Some(Bake {
        base: base?,
        instance_type: types.preferred?,
        instance_types: types.listed,
        steps,
        fetch,
        keep_log,
        profile,
        timeout,
        window,
        network,
        disks,
        allow_deprecated,
        allow_product_codes,
        on_base_release,
    })
}

fn base(table: &mut TableReader<'_>, violations: &mut Violations) -> Option<Base> {
    let path = table.path_of("base");
    match table.take("base") {
        Some(Value::String(text)) => {
            let read = match text.split_once(':') {
                Some(("ssm", name)) => parameter_name(name).then(|| Base::Parameter(name.to_owned())),
                Some(("recipe", name)) => name.parse().ok().map(Base::Recipe),
                _ => text.parse().ok().map(Base::Image),
            };
            if read.is_none() {
                violations.add(path, quoted(text), BASE_ALLOWED);
            }
            read
        }
        Some(Value::Table(_)) => newest(table.table("base", violations), violations),
        Some(other) => {
            violations.add(path, show(other), BASE_ALLOWED);
            None
        }
        None => {
            violations.missing(path, BASE_ALLOWED);
            None
        }
    }
}

fn newest(mut table: TableReader<'_>, violations: &mut Violations) -> Option<Base> {
    const OWNER: &str =
        "a 12-digit account id, \"self\", \"amazon\", \"aws-marketplace\" or \"aws-backup-vault\"";
    const NAME: &str = "a name of 1 to 128 characters, in which * and ? are wildcards";
    let is_owner = |text: &str| {
        account_id(text) || ["self", "amazon", "aws-marketplace", "aws-backup-vault"].contains(&text)
    };
    let owner = checked(&mut table, "owner", OWNER, is_owner, violations);
    let name =
        checked(&mut table, "name", NAME, |text| (1..=128).contains(&text.chars().count()), violations);
    table.end(violations);
    Some(Base::Newest { owner: owner?, name: name? })
}

const PROFILE: &str = "the name of an instance profile, 1 to 128 of A-Z, a-z, 0-9 and +=,.@_-";

/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html>)
fn is_profile(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(usual)
}

fn verify(root: &mut TableReader<'_>, violations: &mut Violations) -> Verify {
    let mut table = root.table("verify", violations);
    let steps = steps(&mut table, violations);
    let profile = optional(&mut table, "profile", PROFILE, is_profile, violations);
    let timeout = table.span("timeout", minutes(15), (minutes(1), TimeDelta::hours(24)), violations);
    let types = instance_types(&mut table, violations);
    let network = network(&mut table, violations);
    let regions = by_region(&mut table, violations);
    table.end(violations);
    Verify {
        steps,
        profile,
        timeout,
        instance_type: types.preferred,
        instance_types: types.listed,
        network,
        regions,
    }
}

/// `None` if the document has no such table.
fn adopt(root: &mut TableReader<'_>, violations: &mut Violations) -> Option<Adopt> {
    const NAME: &str =
        "a name of 3 to 128 characters, in which * and ? are wildcards, and not only wildcards";
    root.take("adopt")?;
    let mut table = root.table("adopt", violations);
    // A pattern that fits everything would let a tag alone decide.
    let is_name = |text: &str| {
        (3..=128).contains(&text.chars().count()) && text.chars().any(|one| one.is_alphanumeric())
    };
    let name = checked(&mut table, "name", NAME, is_name, violations);
    let deregister = table.flag("deregister", violations);
    table.end(violations);
    Some(Adopt { name: name?, deregister })
}

const ON_LOSS: &str = "\"copy-back\" or \"roll-back\"";
const NAMED_REGION: &str = "a Region that replicate.regions names";

fn replicate(root: &mut TableReader<'_>, violations: &mut Violations) -> Replicate {
    let mut table = root.table("replicate", violations);
    let regions: Vec<Region> = table.list("regions", Region::EXPECTED, violations);
    let release = match table.text("release", "\"together\" or \"each\"", violations) {
        None | Some("together") => ReleaseStrategy::AllRegions,
        Some("each") => ReleaseStrategy::PerRegion,
        Some(other) => {
            violations.add("replicate.release", quoted(other), "\"together\" or \"each\"");
            ReleaseStrategy::AllRegions
        }
    };
    let on_loss = match table.text("on_loss", ON_LOSS, violations) {
        None | Some("copy-back") => OnLoss::CopyBack,
        Some("roll-back") => OnLoss::RollBack,
        Some(other) => {
            violations.add("replicate.on_loss", quoted(other), ON_LOSS);
            OnLoss::CopyBack
        }
    };
    let best_effort: Vec<Region> = table.list("best_effort", NAMED_REGION, violations);
    for region in best_effort.iter().filter(|region| !regions.contains(region)) {
        violations.add("replicate.best_effort", quoted(region.as_str()), NAMED_REGION);
    }
    let verify = table.flag("verify", violations);
    let keys = table.table("kms_keys", violations);
    let mut kms_keys = BTreeMap::new();
    for (key, value) in keys.entries() {
        let path = keys.path_of(key);
        let Some(region) = key.parse().ok().filter(|region| regions.contains(region)) else {
            violations.add(path, quoted(key), NAMED_REGION);
            continue;
        };
        match value.as_str().filter(|key| kms_key(key)) {
            None => {
                violations.add(
                    path,
                    show(value),
                    "a KMS key: its id, its ARN, \"alias/…\" or an alias's ARN",
                );
            }
            Some(key) if elsewhere(key, &region) => {
                violations.add(path, show(value), format!("a key of {region}, the Region of the replica"));
            }
            Some(key) => {
                kms_keys.insert(region, key.to_owned());
            }
        }
    }
    table.end(violations);
    Replicate { regions, release, on_loss, best_effort, verify, kms_keys }
}

fn expire(root: &mut TableReader<'_>, violations: &mut Violations) -> Expire {
    let years_10 = TimeDelta::days(3_650);
    let mut table = root.table("expire", violations);
    let usual = Expire::DEFAULT;
    let span = (TimeDelta::zero(), years_10);
    let keep = table.number("keep", usual.keep, (1, 1_000), violations);
    let older_than = table.span("older_than", usual.older_than, span, violations);
    let confirm_after = table.span("confirm_after", usual.confirm_after, span, violations);
    let quarantine = table.span("quarantine", usual.quarantine, span, violations);
    let idle = table.span("idle", usual.idle, span, violations);
    let max_per_run = table.number("max_per_run", usual.max_per_run, (1, 100_000), violations);
    let max_percent = table.number("max_percent", usual.max_percent, (1, 100), violations);
    table.end(violations);
    Expire { keep, older_than, confirm_after, quarantine, idle, max_per_run, max_percent }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
