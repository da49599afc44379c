//! The user data of a builder or tester that runs Windows: the same as [`user_data`](super::user_data), in PowerShell, for
//! the agent EC2Launch v2. Experimental: no Windows has run it yet.
//!
//! What it rests on:
//! - The agent runs what stands between `<powershell>` and `</powershell>` once, on the first boot, and again on the first
//!   boot after its Sysprep. It takes no compressed user data.
//!   (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>)
//! - `EC2Launch.exe sysprep --shutdown` resets the agent, generalises the machine and shuts it down.
//!   (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2launch-v2-settings.html>)
//! - What is written to COM1, the first serial port, shows in `GetConsoleOutput`: the agent itself tells there that Windows
//!   is ready. The reference of the call speaks of the last errors of the event log alone.
//!   (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshoot-unreachable-instance.html>,
//!   <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-serial-console.html>)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::model::name::ImageName;
use crate::model::program::{Program, Step};
use crate::model::record::Role;
use crate::model::user_data::{Links, filled, needed};

/// The text around the steps, with its places between two `@`.
const FRAME: &str = include_str!("user_data.ps1");

/// The most characters of a client token.
const MOST_TOKEN: usize = 64;

/// More than a signed URL has, with the token of a function's role.
const LINK_BYTES: usize = 2 * 1024;

/// The user data that runs `program` on the builder or tester of a bake, with the verdict's lines and statuses as on Linux.
/// Scripts of the recipe's text, and those that end in `.ps1`, run in Windows PowerShell and stop at the first error.
pub fn user_data(role: Role, name: &ImageName, program: &Program, links: &Links, word: &str) -> String {
    let frame = filled(&needed(FRAME, role, program), role, name, program, links, word);
    let (start, rest) = frame.split_once("@bring@\n").unwrap_or((&frame, ""));
    let (middle, rest) = rest.split_once("@environment@\n").unwrap_or((rest, ""));
    let (_, end) = rest.split_once("@script@\n").unwrap_or(("", rest));
    let values = program.environment.iter();
    let values = values.map(|(key, value)| format!("$env:{key} = {}\n", literal(value))).collect::<String>();
    let script = program.steps.iter().find_map(Step::text).map(|text| {
        format!("Set-Content \"$kept\\script.ps1\" {} -Encoding UTF8 -ErrorAction Stop\n", literal(text))
    });
    format!("{start}{}{middle}{values}{}{end}", brought(program, links), script.unwrap_or_default())
}

/// The most bytes that the user data of `program` may have, whatever its signed URLs are.
pub fn most_bytes(role: Role, name: &ImageName, program: &Program) -> usize {
    let link = "x".repeat(LINK_BYTES);
    let log = if program.keep_log.is_some() { link.clone() } else { String::new() };
    let fetch = vec![link.clone(); program.fetch.len()];
    let links = Links { archive: link, fetch, log, launch: "0".repeat(MOST_TOKEN) };
    user_data(role, name, program, &links, &"0".repeat(64)).len()
}

/// The lines that bring what the steps need to the instance.
fn brought(program: &Program, links: &Links) -> String {
    let archive = program
        .archive
        .iter()
        .map(|digest| format!("Expand-Folder '{}' '{}'\n", links.archive, digest.hex()));
    let folder = (!program.fetch.is_empty())
        .then(|| "$null = New-Item \"$kept\\folder\\fetched\" -ItemType Directory -Force\n".to_owned());
    let fetch = program.fetch.iter().zip(&links.fetch).map(|(object, link)| {
        let (file, digest) = (object.file(), object.digest.hex());
        let place = literal(&format!("s3://{}/{}", object.bucket, object.key));
        format!("Get-File '{link}' \"$kept\\folder\\fetched\\{file}\" '{digest}' {place}\n")
    });
    archive.chain(folder).chain(fetch).collect()
}

/// A text as PowerShell takes it literally: between single quotes, each of its own doubled. PowerShell takes further
/// characters for quotes, the agent may read what is not ASCII otherwise, and a `<` may begin what it takes for a tag: a text
/// with any of them is encoded.
/// (<https://learn.microsoft.com/en-us/powershell/module/microsoft.powershell.core/about/about_quoting_rules>)
fn literal(text: &str) -> String {
    let tag = text.as_bytes().windows(2).any(|pair| {
        pair.first() == Some(&b'<')
            && pair.last().is_some_and(|next| next.is_ascii_alphabetic() || *next == b'/')
    });
    if text.is_ascii() && !tag {
        return format!("'{}'", text.replace('\'', "''"));
    }
    format!("([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{}')))", STANDARD.encode(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ScriptOutcome;
    use crate::model::user_data::MOST_BYTES;

    const WORD: &str = "0123456789abcdef";

    fn name() -> ImageName {
        "web-20261123T020000Z".parse().unwrap()
    }

    fn script(text: &str) -> Program {
        Program { steps: vec![Step::Text(text.to_owned())], ..Program::default() }
    }

    /// A program with all that a frame has a part for.
    fn whole() -> Program {
        let digits = "0a".repeat(32);
        Program {
            steps: vec![
                Step::File("scripts/10-iis.ps1".into()),
                Step::Reboot,
                Step::File("scripts/b.cmd".into()),
            ],
            environment: vec![("KILN_SITE".into(), "it's $env:TEMP `n \"@script@\"".into())],
            archive: format!("sha256:{digits}").parse().ok(),
            fetch: vec![format!("s3://artefacts/agents/agent.msi#sha256={digits}").parse().unwrap()],
            keep_log: "30d".parse().ok(),
        }
    }

    #[test]
    fn a_path_that_looks_like_one_of_the_places_stays_a_path() {
        let steps = vec![Step::File("scripts/@log@.ps1".into())];
        let program = Program { steps, ..whole() };
        let text = user_data(Role::Builder, &name(), &program, &links(), WORD);
        assert!(text.contains("scripts/@log@.ps1"), "{text}");
    }

    fn links() -> Links {
        Links {
            archive: "https://store/archive?a=1&b=%2F".into(),
            fetch: vec!["https://artefacts/agent?x=1".into()],
            log: "https://store/log?y=1".into(),
            launch: "fedcba9876543210".into(),
        }
    }

    fn text(program: &Program) -> String {
        user_data(Role::Builder, &name(), program, &links(), WORD)
    }

    #[test]
    fn no_place_of_the_frame_is_left_empty_and_no_part_is_left_over() {
        for program in [Program::default(), script("exit 0"), whole()] {
            let text = text(&program);
            for place in [
                "@role@",
                "@name@",
                "@word@",
                "@steps@",
                "@log@",
                "@launch@",
                "@bring@\n",
                "@environment@\n",
                "@script@\n",
            ] {
                assert!(FRAME.contains(place) && !text.contains(place), "{place} {text}");
            }
            assert!(text.starts_with("<powershell>\n# Kiln, builder of web-20261123T020000Z: "), "{text}");
            assert!(text.ends_with("\n}\n& $kiln begin \"$kiln\"\n</powershell>\n") && !text.contains("#["));
            assert_eq!(text.matches('{').count(), text.matches('}').count());
        }
    }

    #[test]
    fn what_is_brought_is_fetched_from_its_signed_url_and_held_against_its_digest() {
        let (text, digits) = (text(&whole()), "0a".repeat(32));
        for line in [
            format!("Expand-Folder 'https://store/archive?a=1&b=%2F' '{digits}'"),
            format!(
                "Get-File 'https://artefacts/agent?x=1' \"$kept\\folder\\fetched\\agent.msi\" '{digits}' \
                 's3://artefacts/agents/agent.msi'"
            ),
            "$link = 'https://store/log?y=1'".into(),
            "$steps = @('scripts/10-iis.ps1 reboot scripts/b.cmd' -split ' ' | Where-Object { $_ })".into(),
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line}\n{text}");
        }
    }

    #[test]
    fn what_a_program_does_not_need_is_not_there() {
        let plain = text(&script("exit 0"));
        for part in ["curl.exe", "tar.exe", "$script:sender", "Restart-Computer"] {
            assert!(!plain.contains(part) && text(&whole()).contains(part), "{part}");
        }
        assert!(plain.len() < 6 * 1024, "{}", plain.len());
    }

    #[test]
    fn a_value_and_a_script_are_taken_literally() {
        assert!(text(&whole()).contains("\n$env:KILN_SITE = 'it''s $env:TEMP `n \"@script@\"'\n"));
        let shown = "Write-Output 'a $b'\n'@bring@'";
        assert!(text(&script(shown)).contains(
            "\nSet-Content \"$kept\\script.ps1\" 'Write-Output ''a $b''\n''@bring@''' -Encoding UTF8 -ErrorAction Stop\n"
        ));
        assert_eq!(literal("1 < 2 -and $a<0"), "'1 < 2 -and $a<0'");
    }

    #[test]
    fn what_powershell_or_the_agent_could_take_for_something_else_is_encoded() {
        for odd in ["\u{2019}; Stop-Computer; \u{2018}", "é", "'@\n</powershell>", "<script>", "x <persist>"]
        {
            let literal = literal(odd);
            let encoded = STANDARD.encode(odd);
            assert_eq!(
                literal,
                format!("([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{encoded}')))")
            );
        }
    }

    #[test]
    fn the_verdict_is_said_before_the_machine_is_generalised_and_by_no_other_way_it_powers_off() {
        let text = text(&whole());
        let finish = text.split_once("\nfunction Finish(").unwrap().1;
        let verdict = finish.find("\nWrite-Verdict $status\n").unwrap();
        let sysprep = finish.find("\\Amazon\\EC2Launch\\EC2Launch.exe\" sysprep --shutdown\n").unwrap();
        assert!(verdict < sysprep && sysprep < finish.find("\nStop-Computer -Force\n").unwrap());
        assert_eq!(text.matches("sysprep --shutdown").count(), 1);
        // Beside the port, the log tells it: before the machine is off, and anew if it could not be generalised.
        let sent: Vec<usize> = finish.match_indices("\nSend-Verdict ").map(|(at, _)| at).collect();
        assert!(matches!(sent[..], [first, second] if first < verdict && sysprep < second), "{sent:?}");
        assert!(text.contains("\n$launch = 'fedcba9876543210'\n"));
        let without =
            user_data(Role::Builder, &name(), &Program { keep_log: None, ..whole() }, &links(), WORD);
        assert!(!without.contains("Send-Verdict") && !without.contains("$launch"), "{without}");
        assert!(text.contains("foreach ($copy in 1..3) {\nSay \"kiln-verdict $word $status\"\n"));
    }

    #[test]
    fn a_program_that_is_too_long_is_known_before_its_urls_are_signed() {
        let size = |program: &Program| most_bytes(Role::Builder, &name(), program);
        assert!(size(&script(&"x".repeat(9 * 1024))) < MOST_BYTES);
        assert!(size(&whole()) < MOST_BYTES && size(&whole()) > text(&whole()).len());
        let fetch = vec![whole().fetch[0].clone(); 8];
        assert!(size(&Program { fetch, ..whole() }) > MOST_BYTES);
    }

    #[test]
    fn user_data_that_a_script_prints_to_the_console_is_no_verdict() {
        assert_eq!(ScriptOutcome::read(&text(&whole()), &[WORD.to_owned()]), ScriptOutcome::Silent);
    }
}
