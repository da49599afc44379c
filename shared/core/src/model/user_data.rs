//! The user data of a builder or tester: it runs the recipe's script once, writes a verdict line to the serial
//! console, and powers off. So an instance reports its outcome without a network, an agent or a role.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>)

use crate::model::name::ImageName;
use crate::model::record::Role;

/// EC2's limit for user data before encoding, in bytes.
pub const MOST_BYTES: usize = 16 * 1024;

/// The maximum size of a recipe's script, in bytes. The rest of the limit is needed for the text around it.
pub const MOST_SCRIPT_BYTES: usize = 15 * 1024;

/// What a builder does after its script, so that instances of the image boot as new machines.
const CLEAN: &str = r#"# The next boot, from the image, must be a first boot to cloud-init.
cloud-init clean --logs > /dev/null 2>&1
# Each instance of the image makes an identity of its own.
identity="${KILN_MACHINE_ID:-/etc/machine-id}"
[ ! -f "$identity" ] || : > "$identity"
"#;

/// The user data that runs `script` on the builder or tester of a bake. A script that begins with `#!` names its
/// interpreter; any other runs under `bash -e -o pipefail`, which stops at the first command that fails. The verdict line
/// carries `word`, which is known to Kiln and to this script alone.
pub fn user_data(role: Role, name: &ImageName, script: &str, word: &str) -> String {
    // A recipe written on Windows has line ends that bash does not accept.
    let script = &script.replace("\r\n", "\n");
    let nonce = word;
    // A tester is terminated, so it needs no cleaning.
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
    fn the_longest_script_fits_into_ec2s_limit() {
        let text = user_data(Role::Builder, &name(), &"x".repeat(MOST_SCRIPT_BYTES), "0123456789abcdef");
        assert!(text.len() <= MOST_BYTES, "{}", text.len());
    }

    #[test]
    fn the_script_is_embedded_unchanged_and_unexpanded() {
        let script = "echo \"$HOME\" 'it''s' `date` \\ \n# end";
        let text = user_data(Role::Builder, &name(), script, "0123456789abcdef");
        assert!(text.contains(&format!("<<'kiln-0123456789abcdef'\n{script}\nkiln-")));
    }
}
