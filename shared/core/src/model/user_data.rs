//! The user data of a builder: runs the recipe's script once, says on the console how it ended, powers off.
//!
//! This is how a builder tells its verdict without a network, an agent or a role of its own: a line on the
//! serial console, and a stop by itself.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>)

use crate::model::name::ImageName;
use crate::model::record::Role;
use crate::model::token::nonce;

/// What EC2 allows of raw user data, in bytes.
pub const MOST_BYTES: usize = 16 * 1024;

/// The most bytes that a recipe's script may have: what remains beside the frame, rounded down.
pub const MOST_SCRIPT_BYTES: usize = 15 * 1024;

/// What a builder does before an image is made of it.
const CLEAN: &str = r#"# The next boot, from the image, must be a first boot to cloud-init.
cloud-init clean --logs > /dev/null 2>&1
# Each instance of the image makes an identity of its own.
identity="${KILN_MACHINE_ID:-/etc/machine-id}"
[ ! -f "$identity" ] || : > "$identity"
"#;

/// The word that a verdict must bear to be that of this bake.
pub fn verdict_nonce(role: Role, name: &ImageName) -> String {
    nonce(&["verdict", role.word(), name.recipe.as_str(), &name.version.to_string()])
}

/// The user data that runs `script` on a builder or tester of that bake. A script that begins with `#!` is run
/// by what it names; any other by bash, which stops at the first command that fails.
pub fn user_data(role: Role, name: &ImageName, script: &str) -> String {
    // A recipe that was written on Windows.
    let script = &script.replace("\r\n", "\n");
    let nonce = verdict_nonce(role, name);
    // An image is made of a builder; a tester is thrown away.
    let clean = if role == Role::Builder { CLEAN } else { "" };
    let end_of_line = if script.ends_with('\n') || script.is_empty() { "" } else { "\n" };
    format!(
        r##"#!/bin/bash
# Kiln, {role} of {name}: runs the recipe's script once, says on the console how it ended, powers off.
console="${{KILN_CONSOLE:-/dev/console}}"
work="$(mktemp -d -p "${{TMPDIR:-/var/tmp}}")"
cat > "$work/script" <<'kiln-{nonce}'
{script}{end_of_line}kiln-{nonce}
chmod 0700 "$work/script"
if [ "$(head -c 2 "$work/script")" = '#!' ]; then
  "$work/script" >> "$console" 2>&1 < /dev/null
else
  bash -e -o pipefail "$work/script" >> "$console" 2>&1 < /dev/null
fi
status=$?
rm -rf "$work"
{clean}sync
printf '\nkiln-verdict %s %s\n' {nonce} "$status" >> "$console"
poweroff
"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> ImageName {
        let recipe = "a".repeat(64);
        format!("{recipe}-20261123T020000Z").parse().unwrap()
    }

    #[test]
    fn the_longest_script_fits_what_ec2_allows() {
        let whole = user_data(Role::Builder, &name(), &"x".repeat(MOST_SCRIPT_BYTES));
        assert!(whole.len() <= MOST_BYTES, "{}", whole.len());
    }

    #[test]
    fn the_script_stands_in_it_unchanged_and_unexpanded() {
        let script = "echo \"$HOME\" 'it''s' `date` \\ \n# end";
        let whole = user_data(Role::Builder, &name(), script);
        assert!(
            whole.contains(&format!("<<'kiln-{}'\n{script}\nkiln-", verdict_nonce(Role::Builder, &name())))
        );
    }

    #[test]
    fn a_builder_and_a_tester_of_one_bake_bear_different_words() {
        assert_ne!(verdict_nonce(Role::Builder, &name()), verdict_nonce(Role::Tester, &name()));
    }
}
