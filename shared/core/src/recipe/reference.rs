//! Every field of a recipe: what the reference of recipes is generated from.

/// One field, as a person reads of it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its path, such as `bake.timeout`.
    pub path: &'static str,
    /// What kind of value it takes.
    pub kind: &'static str,
    /// What holds where it is left out; empty: it is required.
    pub default: &'static str,
    /// Which values are accepted.
    pub bounds: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn field(
    path: &'static str,
    kind: &'static str,
    default: &'static str,
    bounds: &'static str,
    meaning: &'static str,
) -> Field {
    Field { path, kind, default, bounds, meaning }
}

const SPAN: &str = "time span";
const LIST: &str = "list of strings";
const FLAG: &str = "true or false";

/// All fields, in the order of the document.
pub const FIELDS: &[Field] = &[
    field(
        "name",
        "string",
        "",
        "1 to 64 of a-z, 0-9 and -, beginning with a letter and not ending with -; the name of its parameter or file",
        "The name of the recipe, and the first part of every image name.",
    ),
    field(
        "tags",
        "table of strings",
        "no tags",
        "at most 30; keys of 1 to 127 characters, not Name, not beginning with aws: or kiln:; values of at most 256",
        "Your own tags. Kiln puts them on every image, replica and snapshot of the recipe, and on its instances.",
    ),
    field(
        "bake.base",
        "string or table",
        "",
        "\"ssm:/a/parameter\", \"ami-…\", \"recipe:<name>\", or { owner, name }",
        "The image that every bake begins from: the value of an SSM parameter, an image, the newest release of another recipe, or the newest available image of an owner whose name matches.",
    ),
    field(
        "bake.base.owner",
        "string",
        "",
        "a 12-digit account id, \"self\", \"amazon\", \"aws-marketplace\" or \"aws-backup-vault\"",
        "Whose images are searched.",
    ),
    field(
        "bake.base.name",
        "string",
        "",
        "1 to 128 characters; * and ? match",
        "The name of the base image, as EC2's filter takes it.",
    ),
    field(
        "bake.instance_type",
        "string",
        "",
        "an instance type that runs the base's architecture",
        "The type of the builder.",
    ),
    field(
        "bake.script",
        "string",
        "empty: the base is imaged as it is",
        "at most 15,360 bytes, no NUL",
        "Runs once as root on the builder under `bash -e -o pipefail`; a first line that begins with #! names another interpreter. The bake fails if the script does.",
    ),
    field(
        "bake.timeout",
        SPAN,
        "60m",
        "1m to 24h",
        "A builder that has not stopped by then has failed, and is terminated.",
    ),
    field(
        "bake.subnets",
        LIST,
        "the default VPC's subnets",
        "subnet ids of the home Region",
        "Where the builder is launched, in order of preference. Required in an account without a default VPC.",
    ),
    field(
        "bake.allow_deprecated",
        FLAG,
        "false",
        "",
        "Lets a base that its owner has deprecated still serve.",
    ),
    field(
        "bake.allow_product_codes",
        FLAG,
        "false",
        "",
        "Lets a base with AWS Marketplace product codes serve, although such images cannot be shared freely.",
    ),
    field(
        "bake.on_base_release",
        FLAG,
        "false",
        "only with base = \"recipe:<name>\"",
        "Bakes this recipe when the recipe that is its base is released.",
    ),
    field(
        "verify.script",
        "string",
        "empty: a clean boot is the test",
        "at most 15,360 bytes, no NUL",
        "Runs once as root on the tester. The image is rejected if the script fails.",
    ),
    field(
        "verify.timeout",
        SPAN,
        "15m",
        "1m to 24h",
        "A tester that has not stopped by then has failed: the image is rejected.",
    ),
    field(
        "verify.instance_type",
        "string",
        "as bake.instance_type",
        "an instance type that runs the image's architecture",
        "The type of the tester.",
    ),
    field(
        "verify.subnets",
        LIST,
        "the default VPC's subnets",
        "subnet ids of the home Region, at least one outside of the builder's Availability Zone",
        "Where the tester is launched. In further Regions the default subnets serve.",
    ),
    field(
        "publish.parameter",
        "string",
        "no parameter",
        "2 to 1,011 characters; begins with /; below the template's ReleaseParameters",
        "The SSM parameter that names the newest release, one in each Region. Use it as `resolve:ssm:<parameter>`.",
    ),
    field(
        "publish.deprecate_after",
        SPAN,
        "never",
        "1d to 3650d",
        "How long after its bake began an image is marked as deprecated.",
    ),
    field(
        "publish.protect",
        FLAG,
        "false",
        "",
        "Sets deregistration protection on every published image; Kiln removes its own protection before it deregisters the image.",
    ),
    field(
        "publish.block_on_findings",
        "string",
        "findings are not read",
        "\"low\", \"medium\", \"high\" or \"critical\"",
        "Rejects an image in which Amazon Inspector found something fixable of this severity or higher.",
    ),
    field(
        "publish.findings_timeout",
        SPAN,
        "1d",
        "15m to 30d",
        "How long an image waits to be scanned before it is rejected; only with block_on_findings.",
    ),
    field(
        "publish.launch_template",
        "table",
        "no launch template",
        "",
        "A launch template that gets a new version for each release, in every Region. It must exist and be tagged kiln:recipe.",
    ),
    field(
        "publish.launch_template.name",
        "string",
        "",
        "3 to 128 letters, digits, ( ) . - / _",
        "The name of the launch template, the same in each Region.",
    ),
    field(
        "publish.launch_template.default",
        FLAG,
        "false",
        "",
        "Makes each new version the default version.",
    ),
    field(
        "publish.share",
        "table",
        "shared with nobody",
        "",
        "Who may launch the images. Whoever is removed loses the permission with the next sweep.",
    ),
    field("publish.share.accounts", LIST, "none", "12-digit account ids", "Accounts."),
    field(
        "publish.share.organizations",
        LIST,
        "none",
        "ARNs of organizations",
        "All accounts of these organizations.",
    ),
    field(
        "publish.share.organizational_units",
        LIST,
        "none",
        "ARNs of organizational units",
        "All accounts of these organizational units.",
    ),
    field(
        "publish.share.public",
        FLAG,
        "false",
        "",
        "Everyone may launch the images. EC2 deprecates public images two years after they were made.",
    ),
    field(
        "publish.share.snapshots",
        FLAG,
        "false",
        "only with share.accounts",
        "The accounts may also create volumes from the snapshots, and so copy the image.",
    ),
    field(
        "replicate.regions",
        LIST,
        "none",
        "enabled Regions, each once",
        "The Regions that get a copy of every image. The home Region has it anyway.",
    ),
    field(
        "replicate.release",
        "string",
        "\"together\"",
        "\"together\" or \"each\"",
        "\"together\": no parameter moves before every required Region has its replica. \"each\": every Region moves on its own.",
    ),
    field(
        "replicate.best_effort",
        LIST,
        "none",
        "Regions of replicate.regions",
        "Regions that do not hold a release up.",
    ),
    field(
        "replicate.verify",
        FLAG,
        "false",
        "",
        "Boots and tests every replica in its own Region before it counts as ready.",
    ),
    field(
        "replicate.kms_keys",
        "table of strings",
        "as the source, or the Region's default",
        "a Region of replicate.regions = a key id, key ARN, \"alias/…\" or alias ARN of that Region",
        "The KMS key that encrypts the replica in each Region.",
    ),
    field(
        "expire.keep",
        "whole number",
        "5",
        "1 to 1000",
        "How many of the newest releases are kept whatever their age.",
    ),
    field(
        "expire.older_than",
        SPAN,
        "30d",
        "0s to 3650d",
        "How old an image must be before it goes. keep and older_than must both let it go.",
    ),
    field(
        "expire.confirm_after",
        SPAN,
        "2d",
        "0s to 3650d",
        "How long after an image was found unused and deprecated it must still be unused before it is disabled. 0s: once is enough.",
    ),
    field(
        "expire.quarantine",
        SPAN,
        "7d",
        "0s to 3650d",
        "How long an image is disabled before it is deregistered with its snapshots. 0s: it is not disabled first.",
    ),
    field(
        "expire.idle",
        SPAN,
        "0s: launches are not read",
        "0s to 3650d",
        "Keeps an image that was launched within this time.",
    ),
    field(
        "expire.max_per_run",
        "whole number",
        "100",
        "1 to 100000",
        "How many images, replicas included, one run may deprecate, disable or deregister. More blocks the run.",
    ),
    field(
        "expire.max_percent",
        "whole number",
        "50",
        "1 to 100",
        "How much of the recipe's images one step of one run may take, in percent. One release is always allowed.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;

    use super::*;
    use crate::model::duration::show;
    use crate::recipe::{Expire, Recipe};

    /// A document with every table of a recipe, and in each a field that is none.
    const UNKNOWN: &str = "none = 1\nname = \"web\"\n[bake]\nnone = 1\ninstance_type = \"t4g.small\"\n\
        [bake.base]\nnone = 1\nowner = \"self\"\nname = \"x\"\n[verify]\nnone = 1\n[publish]\nnone = 1\n\
        [publish.launch_template]\nnone = 1\nname = \"web\"\n[publish.share]\nnone = 1\n\
        [replicate]\nnone = 1\n[expire]\nnone = 1\n";

    /// The fields that the parser knows, as it answers itself.
    fn known_to_the_parser() -> BTreeSet<String> {
        let violations = Recipe::parse("web", UNKNOWN).unwrap_err().violations;
        let mut known = BTreeSet::new();
        for violation in violations {
            let table =
                violation.field.strip_suffix("none").unwrap_or_else(|| panic!("{violation}")).to_owned();
            let (_, fields) = violation.problem.rsplit_once("(fields: ").unwrap();
            known.extend(fields.trim_end_matches(')').split(", ").map(|field| format!("{table}{field}")));
        }
        known
    }

    #[test]
    fn the_reference_names_every_field_that_the_parser_reads_and_no_other() {
        let tables = ["bake", "verify", "publish", "replicate", "expire"].map(str::to_owned);
        let documented: BTreeSet<String> =
            FIELDS.iter().map(|field| field.path.to_owned()).chain(tables).collect();
        assert_eq!(documented, known_to_the_parser());
    }

    #[test]
    fn the_reference_tells_the_defaults_that_hold() {
        let least = "name = \"web\"\n[bake]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\n";
        let recipe = Recipe::parse("web", least).unwrap();
        let usual = Expire::default();
        let spans: [(&str, TimeDelta); 7] = [
            ("bake.timeout", recipe.bake.timeout),
            ("verify.timeout", recipe.verify.timeout),
            ("publish.findings_timeout", recipe.publish.findings_timeout),
            ("expire.older_than", usual.older_than),
            ("expire.confirm_after", usual.confirm_after),
            ("expire.quarantine", usual.quarantine),
            ("expire.idle", usual.idle),
        ];
        let numbers = [
            ("expire.keep", usual.keep),
            ("expire.max_per_run", usual.max_per_run),
            ("expire.max_percent", usual.max_percent),
        ];
        let spans = spans.map(|(path, span)| (path, show(span)));
        let numbers = numbers.map(|(path, number)| (path, number.to_string()));
        for (path, default) in spans.into_iter().chain(numbers) {
            let text = FIELDS.iter().find(|field| field.path == path).unwrap().default;
            let same = text == default
                || text.starts_with(&format!("{default}:"))
                || crate::model::duration::parse(text).map(show).as_ref() == Some(&default);
            assert!(same, "{path}: the reference says {text}, the parser {default}");
        }
    }

    #[test]
    fn the_reference_tells_the_bounds_that_hold() {
        let bad = |path: &str, value: &str| {
            let (table, field) = path.rsplit_once('.').unwrap();
            let document = match table {
                "bake" => format!(
                    "name = \"web\"\n[bake]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\n{field} = {value}\n"
                ),
                _ => format!(
                    "name = \"web\"\n[bake]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\n[{table}]\n{field} = {value}\n"
                ),
            };
            Recipe::parse("web", &document).is_err()
        };
        for field in FIELDS.iter().filter(|field| [SPAN, "whole number"].contains(&field.kind)) {
            let (least, most) = field.bounds.split_once(" to ").unwrap();
            let quoted =
                |value: &str| if field.kind == SPAN { format!("\"{value}\"") } else { value.to_owned() };
            assert!(!bad(field.path, &quoted(least)) && !bad(field.path, &quoted(most)), "{}", field.path);
            let beyond = match most.parse::<usize>() {
                Ok(number) => (number + 1).to_string(),
                Err(_) => format!(
                    "{}{}",
                    most.trim_end_matches(char::is_alphabetic).parse::<usize>().unwrap() + 1,
                    most.trim_start_matches(|one: char| one.is_ascii_digit())
                ),
            };
            assert!(bad(field.path, &quoted(&beyond)), "{} takes {beyond}", field.path);
        }
    }
}
