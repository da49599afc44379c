//! The user data of a builder or tester: it runs the recipe's script once, writes a verdict line to the serial
//! console, and powers off. So an instance reports its outcome without a network, an agent or a role.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>)

use crate::model::name::ImageName;
use crate::model::record::Role;

/// EC2's limit for user data before encoding, in bytes.
pub const MOST_BYTES: usize = 16 * 1024;

/// The maximum size of a recipe's script, in bytes. The rest of the limit is needed for the text around it.
pub const MOST_SCRIPT_BYTES: usize = 9 * 1024;

/// The text around the script, with its places between two `@`.
const FRAME: &str = include_str!("user_data.sh");

/// The user data that runs `script` on the builder or tester of a bake. A script that begins with `#!` names its
/// interpreter; any other runs under `bash -e -o pipefail`, which stops at the first command that fails. The verdict line
/// carries `word`, which is known to Kiln and to this script alone. `environment` is what the script finds there.
///
/// The status of the verdict is the script's own, or one of Kiln's: 125 if the script could not be written to the
/// instance, 128 if it ended without a status, 129 if the machine restarted or shut down before it had ended.
pub fn user_data(
    role: Role,
    name: &ImageName,
    script: &str,
    environment: &[(String, String)],
    word: &str,
) -> String {
    // A recipe written on Windows has line ends that bash does not accept.
    let mut script = script.replace("\r\n", "\n");
    if !script.is_empty() && !script.ends_with('\n') {
        script.push('\n');
    }
    let (before, after) = FRAME.split_once("@environment@\n").unwrap_or((FRAME, ""));
    let filled = |part: &str| {
        part.replace("@role@", &role.to_string())
            .replace("@name@", &name.to_string())
            .replace("@word@", word)
            .replace("@bytes@", &script.len().to_string())
    };
    let exports = environment.iter().map(|(key, value)| format!("    export {key}={}\n", literal(value)));
    // Last, because a script or a value may contain what looks like one of the places.
    let after = filled(after).replacen("@script@\n", &script, 1);
    format!("{}{}{after}", filled(before), exports.collect::<String>())
}

/// A value as the shell takes it literally.
fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ScriptOutcome;

    const WORD: &str = "0123456789abcdef";

    fn name() -> ImageName {
        let recipe = "a".repeat(64);
        format!("{recipe}-20261123T020000Z").parse().unwrap()
    }

    fn builder(script: &str) -> String {
        user_data(Role::Builder, &name(), script, &[], WORD)
    }

    #[test]
    fn the_longest_script_fits_into_ec2s_limit() {
        // What a recipe may name: 768 bytes, of which 22 stand around each.
        let environment: Vec<_> = (10..42).map(|n| (format!("KILN_{n}"), String::new())).collect();
        let text = user_data(Role::Builder, &name(), &"x".repeat(MOST_SCRIPT_BYTES), &environment, WORD);
        assert!(text.len() <= MOST_BYTES, "{}", text.len());
    }

    #[test]
    fn the_script_is_embedded_unchanged_and_unexpanded() {
        let script = "echo \"$HOME\" 'it''s' `date` \\ @word@ @script@ @bytes@\n# end";
        assert!(builder(script).contains(&format!("<< 'kiln-{WORD}'\n{script}\nkiln-{WORD}\n")));
    }

    #[test]
    fn the_size_that_the_instance_checks_is_that_of_the_script_as_it_is_written() {
        assert!(builder("é\r\nb").contains(" -ne \"5\" ]"));
        assert!(builder("").contains(" -ne \"0\" ]"));
    }

    #[test]
    fn no_place_of_the_frame_is_left_empty() {
        let text = builder("true");
        let places = ["@role@", "@name@", "@word@", "@bytes@", "@environment@", "@script@"];
        assert!(places.iter().all(|place| FRAME.contains(place) && !text.contains(place)), "{text}");
        assert!(text.starts_with("#!/bin/sh\n# Kiln, builder of aaa"));
    }

    #[test]
    fn the_environment_is_taken_literally() {
        let environment = [("KILN_A".to_owned(), "it's $HOME @script@".to_owned())];
        let text = user_data(Role::Builder, &name(), "true", &environment, WORD);
        assert!(text.contains("\n    export KILN_A='it'\\''s $HOME @script@'\n"), "{text}");
        assert!(text.contains(&format!("<< 'kiln-{WORD}'\ntrue\nkiln-{WORD}\n")));
    }

    #[test]
    fn user_data_that_a_script_prints_to_the_console_is_no_verdict() {
        let words = [WORD.to_owned()];
        assert_eq!(ScriptOutcome::read(&builder("exit 0"), &words), ScriptOutcome::Silent);
    }
}
