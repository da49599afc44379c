//! Every field of a recipe, as `docs/reference/recipe.md` lists it. The tests compare it with the parser.

/// One field, as it is described to users.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The path of the field, such as `bake.timeout`.
    pub path: &'static str,
    /// The kind of value.
    pub kind: &'static str,
    /// The default; empty if the field is required.
    pub default: &'static str,
    /// The accepted values.
    pub bounds: &'static str,
    /// What the field does.
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
        "at most 27; keys of 1 to 127 characters, not Name, not beginning with aws: or kiln:; values of at most 256",
        "Your own tags. Kiln puts them on every image, replica and snapshot of the recipe, and on its instances.",
    ),
    field(
        "bake.base",
        "string or table",
        "",
        "\"ssm:/a/parameter\", \"ami-…\", \"recipe:<name>\", or { owner, name }; not with bake.instance",
        "The image that every bake begins from: the value of an SSM parameter, an image, the newest release of another recipe, or the newest available image of an owner whose name matches, and which bake.instance_type runs.",
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
        "1 to 128 characters; * and ? are wildcards",
        "The name of the base image, as EC2's filter takes it.",
    ),
    field(
        "bake.instance",
        "string",
        "a builder is launched from bake.base",
        "an instance id of the home Region; not with base, script, subnets or on_base_release",
        "Your own long-lived instance instead of a base: each bake stops it, images it and starts it again. It must be tagged kiln:recipe with the name of the recipe, so that Kiln's role may stop it.",
    ),
    field(
        "bake.instance_type",
        "string",
        "",
        "an instance type that runs the base's architecture",
        "The type of the builder. With bake.instance, the type of the testers.",
    ),
    field(
        "bake.instance_types",
        LIST,
        "none",
        "instance types that run the base's architecture",
        "Further types for the builder, in order of preference, for when no subnet has room for the one before. Testers without a type of their own use them as well.",
    ),
    field(
        "bake.script",
        "string",
        "empty: the base is imaged as it is",
        "at most 9,216 bytes, no NUL",
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
        "bake.window",
        SPAN,
        "6h",
        "0m to 24h",
        "If no subnet has room for the builder with any of its types, each sweep tries again until this long after the time of the bake. Then it has failed.",
    ),
    field(
        "bake.subnets",
        LIST,
        "the default VPC's subnets",
        "subnet ids of the home Region",
        "Where the builder is launched, in order of preference. Required in an account without a default VPC.",
    ),
    field("bake.allow_deprecated", FLAG, "false", "", "Accepts a base that its owner has deprecated."),
    field(
        "bake.allow_product_codes",
        FLAG,
        "false",
        "",
        "Accepts a base with AWS Marketplace product codes, although such images cannot be shared freely.",
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
        "at most 9,216 bytes, no NUL",
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
        "Where the tester is launched. In other Regions, replicas are tested in the default VPC's subnets.",
    ),
    field(
        "adopt.name",
        "string",
        "",
        "3 to 128 characters, not only wildcards; * and ? are wildcards",
        "Images of this name that bear kiln:recipe are adopted. Without [adopt], no image is adopted by its tag.",
    ),
    field(
        "adopt.deregister",
        FLAG,
        "false",
        "",
        "Lets adopted images go as any other. Otherwise Kiln only deprecates them, and leaves the rest to you.",
    ),
    field(
        "publish.parameter",
        "string",
        "no parameter",
        "2 to 1,011 characters; begins with /; below the template's ReleaseParameters",
        "The SSM parameter that names the newest release, one in each Region. Use it as `resolve:ssm:<parameter>`. No other recipe may name it.",
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
        "The name of the launch template, the same in each Region. No other recipe may name it.",
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
        "Who may launch the images. An account that is removed here loses the permission with the next sweep.",
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
        "replicate.on_loss",
        "string",
        "\"copy-back\"",
        "\"copy-back\" or \"roll-back\"",
        "What follows if somebody deregisters or disables an image of the release that is named. Either way all Regions name the newest release that can be launched in all of them, at once. \"copy-back\": what is gone is copied anew, a home image from a replica, and then the release is named again. \"roll-back\": it is rolled back from.",
    ),
    field(
        "replicate.best_effort",
        LIST,
        "none",
        "Regions of replicate.regions",
        "Regions that a release does not wait for. What is wrong in them is told, and stops no bake.",
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
        "Images up to this age are kept. An image is removed only if neither keep nor older_than keeps it.",
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
        "How many images, replicas included, one run may deprecate, disable or deregister. If it would be more, nothing is removed.",
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
#[path = "reference_tests.rs"]
mod tests;
