//! The user data of a builder or tester: it runs the recipe's steps once, writes a verdict line to the serial console,
//! and powers off. So an instance reports its outcome without a network, an agent or a role. Only what a recipe brings
//! in a folder is fetched, and only a log that is to be kept is sent, both with URLs that are signed for this launch.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>)

use std::io::Write;

use flate2::{Compression, GzBuilder};

use crate::model::name::ImageName;
use crate::model::program::{Program, Step};
use crate::model::record::Role;

/// EC2's limit for user data before encoding, in bytes.
pub const MOST_BYTES: usize = 16 * 1024;

/// The maximum size of a script that stands in a recipe, in bytes.
pub const MOST_SCRIPT_BYTES: usize = 9 * 1024;

/// The text around the steps, with its places between two `@`.
const FRAME: &str = include_str!("user_data.sh");

/// The URLs that a program needs, each signed for one launch. They are no part of the program: a launch that is tried again
/// has others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// From which the archive of the recipe's folder is fetched; empty if there is none.
    pub archive: String,
    /// From which the further files are fetched, in the order of [`Program::fetch`].
    pub fetch: Vec<String>,
    /// To which the log is sent; empty if it is not kept.
    pub log: String,
    /// The word of the verdict at the end of that log: the client token of this launch, for a log of another lies at the same
    /// place. Windows alone writes one.
    pub launch: String,
}

/// The user data that runs `program` on the builder or tester of a bake. A script that begins with `#!` names its
/// interpreter; any other runs under `bash -e -o pipefail`, which stops at the first command that fails. The verdict line
/// carries `word`, which is known to Kiln and to these scripts alone.
///
/// The status of the verdict is that of the script that failed, or one of Kiln's: 125 if what is to run could not be brought
/// to the instance, 128 if it ended without a status, 129 if the machine restarted or shut down unasked before the end.
pub fn user_data(role: Role, name: &ImageName, program: &Program, links: &Links, word: &str) -> String {
    let mut script = program.steps.iter().find_map(Step::text).unwrap_or_default().replace("\r\n", "\n");
    if !script.is_empty() && !script.ends_with('\n') {
        script.push('\n');
    }
    let frame = needed(FRAME, role, program).replace("@bytes@", &script.len().to_string());
    let frame = filled(&frame, role, name, program, links, word);
    let (bring, rest) = frame.split_once("@bring@\n").unwrap_or((&frame, ""));
    let (middle, end) = rest.split_once("@environment@\n").unwrap_or((rest, ""));
    let exports = program.environment.iter();
    let exports = exports.map(|(key, value)| format!("export {key}={}\n", literal(value)));
    // Last, because a script or a value may contain what looks like one of the places.
    let end = end.replacen("@script@\n", &script, 1);
    format!("{bring}{}{middle}{}{end}", brought(program, links), exports.collect::<String>())
}

/// User data as EC2 gets it: compressed, as cloud-init takes it too, so that the signed URLs have room.
/// (<https://docs.cloud-init.io/en/latest/explanation/format.html>)
pub fn packed(user_data: &str) -> Vec<u8> {
    // Without a time: a launch that is tried again must be the same.
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(user_data.as_bytes());
    encoder.finish().unwrap_or_default()
}

/// A frame with what Kiln itself puts into its places.
pub(super) fn filled(
    frame: &str,
    role: Role,
    name: &ImageName,
    program: &Program,
    links: &Links,
    word: &str,
) -> String {
    frame
        .replace("@role@", &role.to_string())
        .replace("@name@", &name.to_string())
        .replace("@word@", word)
        .replace("@log@", &links.log)
        .replace("@launch@", &links.launch)
        // After the others, because a path may look like one of the places.
        .replace("@steps@", &steps(program))
}

/// The steps as the frame names them.
fn steps(program: &Program) -> String {
    let names = program.steps.iter().map(|step| match step {
        Step::Text(_) => "script",
        Step::File(path) => path,
        Step::Reboot => "reboot",
    });
    names.collect::<Vec<_>>().join(" ")
}

/// The lines that bring what the steps need to the instance.
fn brought(program: &Program, links: &Links) -> String {
    let archive =
        program.archive.iter().map(|digest| format!("unpack '{}' {}\n", links.archive, digest.hex()));
    let fetch = program.fetch.iter().zip(&links.fetch).map(|(object, link)| {
        let (file, digest) = (object.file(), object.digest.hex());
        let place = format!("s3://{}/{}", object.bucket, object.key);
        format!("fetch '{link}' \"$kept/folder/fetched/{file}\" {digest} '{place}'\n")
    });
    let folder = (!program.fetch.is_empty()).then(|| "mkdir -p \"$kept/folder/fetched\"\n".to_owned());
    archive.chain(folder).chain(fetch).collect()
}

/// The part of the frame that a program needs. What follows a line such as `#[fetch or log]` is for programs that fetch
/// something or keep their log, and for no other, up to the next such line. Of the comments, who reads them there needs the first two
/// lines.
pub(super) fn needed(frame: &str, role: Role, program: &Program) -> String {
    let is_needed = |part: &str| match part {
        "contents" => role == Role::Tester,
        "clean" => role == Role::Builder,
        "fetch" => program.needs_network(),
        "log" => program.keep_log.is_some(),
        "reboot" => program.steps.contains(&Step::Reboot),
        _ => true,
    };
    let mut kept = String::new();
    let mut wanted = true;
    for (at, line) in frame.split_inclusive('\n').map(|line| line.trim_start_matches(' ')).enumerate() {
        if let Some(parts) = line.strip_prefix("#[").and_then(|rest| rest.strip_suffix("]\n")) {
            wanted = parts.split(" or ").any(|part| part.split(" and ").all(is_needed));
        } else if wanted && (at < 2 || !line.starts_with('#')) {
            kept.push_str(line);
        }
    }
    kept
}

/// A value as the shell takes it literally.
fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ScriptOutcome;
    use crate::model::program::Digest;

    const WORD: &str = "0123456789abcdef";

    fn name() -> ImageName {
        let recipe = "a".repeat(64);
        format!("{recipe}-20261123T020000Z").parse().unwrap()
    }

    fn with(script: &str, environment: &[(String, String)]) -> String {
        let steps = vec![Step::Text(script.to_owned())];
        let program = Program { steps, environment: environment.to_vec(), ..Program::default() };
        user_data(Role::Builder, &name(), &program, &Links::default(), WORD)
    }

    fn builder(script: &str) -> String {
        with(script, &[])
    }

    #[test]
    fn the_longest_script_fits_into_ec2s_limit() {
        // What a recipe may name: 768 bytes, of which 22 stand around each.
        let environment: Vec<_> = (10..42).map(|n| (format!("KILN_{n}"), String::new())).collect();
        let text = with(&"x".repeat(MOST_SCRIPT_BYTES), &environment);
        assert!(packed(&text).len() <= MOST_BYTES && text.len() <= 2 * MOST_BYTES, "{}", text.len());
    }

    #[test]
    fn the_script_is_embedded_unchanged_and_unexpanded() {
        let script = "echo \"$HOME\" 'it''s' `date` \\ @word@ @script@ @bytes@\n# end";
        assert!(builder(script).contains(&format!("<< 'kiln-{WORD}'\n{script}\nkiln-{WORD}\n")));
    }

    #[test]
    fn the_size_that_the_instance_checks_is_that_of_the_script_as_it_is_written() {
        assert!(builder("é\r\nb").contains(" -eq \"5\" ]"));
        assert!(builder("").contains(" -eq \"0\" ]"));
    }

    #[test]
    fn no_place_of_the_frame_is_left_empty() {
        let text = builder("true");
        let places = [
            "@role@",
            "@name@",
            "@word@",
            "@steps@",
            "@log@",
            "@bytes@",
            "@bring@",
            "@environment@",
            "@script@",
        ];
        assert!(places.iter().all(|place| FRAME.contains(place) && !text.contains(place)), "{text}");
        assert!(text.starts_with("#!/bin/sh\n# Kiln, builder of aaa"));
    }

    #[test]
    fn a_path_that_looks_like_one_of_the_places_stays_a_path() {
        let steps = vec![Step::File("scripts/@log@@bytes@.sh".into())];
        let program = Program { steps, ..Program::default() };
        let links = Links { log: "https://signed".into(), ..Links::default() };
        let text = user_data(Role::Builder, &name(), &program, &links, WORD);
        assert!(text.contains("\nsteps='scripts/@log@@bytes@.sh'\n"), "{text}");
    }

    #[test]
    fn the_environment_is_taken_literally() {
        let environment = [("KILN_A".to_owned(), "it's $HOME @script@".to_owned())];
        let text = with("true", &environment);
        assert!(text.contains("\nexport KILN_A='it'\\''s $HOME @script@'\n"), "{text}");
        assert!(text.contains(&format!("<< 'kiln-{WORD}'\ntrue\nkiln-{WORD}\n")));
    }

    /// Digits and letters that cannot be compressed, as those of a session token.
    fn noise(bytes: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut state = 1_u64;
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(LETTERS[usize::try_from(state >> 58).unwrap()])
        };
        (0..bytes).map(letter).collect()
    }

    #[test]
    fn user_data_of_a_folder_has_less_than_4_kb_and_with_a_log_5() {
        let token = noise(1_000);
        let link = |key: &str| {
            format!(
                "https://kiln-store-abcdefghijkl.s3.us-east-1.amazonaws.com/{key}?X-Amz-Algorithm=AWS4-HMAC-SHA256\
                 &X-Amz-Credential=ASIAABCDEFGHIJKLMNOP%2F20261123%2Fus-east-1%2Fs3%2Faws4_request\
                 &X-Amz-Date=20261123T020000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature={}&X-Amz-Security-Token={token}",
                noise(48)
            )
        };
        let digest: Digest = format!("sha256:{}", "0a".repeat(32)).parse().unwrap();
        let links =
            Links { archive: link(&digest.archive_key()), log: link("logs/90d/web"), ..Links::default() };
        let steps = ["scripts/10-packages.sh", "scripts/20-nginx.sh"].map(|path| Step::File(path.into()));
        let without = Program { steps: steps.to_vec(), archive: Some(digest), ..Program::default() };
        let with_log = Program { keep_log: "90d".parse().ok(), ..without.clone() };
        for role in [Role::Builder, Role::Tester] {
            let size = |program, links: &Links| packed(&user_data(role, &name(), program, links, WORD)).len();
            let with_log = size(&with_log, &links);
            let without = size(&without, &Links { log: String::new(), ..links.clone() });
            assert!(without <= 4 * 1024 && with_log <= 5 * 1024, "{role} {without} {with_log}");
        }
    }

    #[test]
    fn user_data_that_a_script_prints_to_the_console_is_no_verdict() {
        let words = [WORD.to_owned()];
        assert_eq!(ScriptOutcome::read(&builder("exit 0"), &words), ScriptOutcome::Silent);
    }
}
