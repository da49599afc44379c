//! The verdict of an instance that runs Windows, where its console shows none: the last line of the log that it sent.
//!
//! The console stays the judge. EC2 promises of a Windows console no more than the last errors of the event log.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html>)

use crate::inventory::instance::{Instance, InstanceState, StopReason};
use crate::inventory::platform::Platform;
use crate::model::program::LogRetention;
use crate::model::script_outcome::tail;
use crate::model::seal::Seal;
use crate::model::{ImageName, Role, ScriptOutcome, tags};

/// The key of the log that must be read for a verdict; `None` if there is nothing to be learnt from one. The tag that
/// names it is anyone's to write, so that only a place counts at which Kiln has such an instance send its log.
pub fn log_to_read(
    instance: &Instance,
    role: Role,
    name: &ImageName,
    on_console: &ScriptOutcome,
) -> Option<String> {
    let has_ended = instance.state == InstanceState::Stopped && instance.stop_reason == StopReason::Guest;
    let is_silent = *on_console == ScriptOutcome::Silent && instance.platform == Platform::Windows;
    if !has_ended || !is_silent || instance.seal != Seal::Valid || instance.token.is_empty() {
        return None;
    }
    let (_, key) = instance.tags.get(tags::LOG)?.strip_prefix("s3://")?.split_once('/')?;
    let mut places = LogRetention::all().map(|kept| kept.log_key(role, name, &instance.region));
    places.find(|place| place == key)
}

/// What a log says of an instance. Its line bears the token of the launch: a log of another instance for the same image,
/// which lies at the same place, says nothing of this one. `words` are those of the console.
pub fn read(log: &str, instance: &Instance, words: &[String]) -> ScriptOutcome {
    match ScriptOutcome::read(log, std::slice::from_ref(&instance.token)) {
        ScriptOutcome::Failed { status, .. } => ScriptOutcome::Failed { status, tail: tail(log, words) },
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::model::Tags;

    const KEY: &str = "logs/30d/web/20260110T020000Z/builder-us-east-1.log";

    /// A builder that runs Windows, has stopped itself, and has sent its log.
    fn windows() -> Instance {
        let builder = builder("web", 9);
        Instance {
            platform: Platform::Windows,
            token: "0123abcd".into(),
            tags: builder.tags.clone().with(tags::LOG, format!("s3://store/{KEY}")),
            ..builder
        }
    }

    fn wanted(instance: &Instance, on_console: &ScriptOutcome) -> Option<String> {
        log_to_read(instance, Role::Builder, &name("web", 9), on_console)
    }

    #[test]
    fn the_log_is_read_only_of_a_windows_that_stopped_itself_and_whose_console_shows_nothing() {
        let silent = ScriptOutcome::Silent;
        assert_eq!(wanted(&windows(), &silent).as_deref(), Some(KEY));
        assert_eq!(wanted(&windows(), &ScriptOutcome::Passed), None, "the console is the judge");
        let failed = ScriptOutcome::Failed { status: 1, tail: String::new() };
        assert_eq!(wanted(&windows(), &failed), None);
        for other in [
            Instance { platform: Platform::Linux, ..windows() },
            windows().in_state(InstanceState::Running),
            windows().stopped_by(StopReason::Api),
            Instance { seal: Seal::Wrong, ..windows() },
            Instance { tags: Tags::new(), ..windows() },
        ] {
            assert_eq!(wanted(&other, &silent), None, "{other:?}");
        }
    }

    #[test]
    fn a_tag_that_names_another_place_is_not_followed() {
        for place in [
            "s3://store/logs/30d/web/20260109T020000Z/builder-us-east-1.log",
            "s3://store/logs/30d/web/20260110T020000Z/tester-us-east-1.log",
            "s3://store/logs/31d/web/20260110T020000Z/builder-us-east-1.log",
            "s3://store/recipes/x",
            "logs",
        ] {
            let retagged = Instance { tags: windows().tags.with(tags::LOG, place), ..windows() };
            assert_eq!(wanted(&retagged, &ScriptOutcome::Silent), None, "{place}");
        }
    }

    #[test]
    fn a_log_speaks_for_its_own_launch_alone() {
        let words = ["w0rd".to_owned()];
        let log = |token: &str, status: u8| {
            let printed = "kiln-script w0rd begins\r\nno feature of that name\r\nkiln-script w0rd ends\r\n";
            format!("\u{feff}installed\r\n{printed}\r\nkiln-verdict {token} {status}\r\n")
        };
        let read = |log: &str| read(log, &windows(), &words);
        assert_eq!(read(&log("0123abcd", 0)), ScriptOutcome::Passed);
        let failed = ScriptOutcome::Failed { status: 1, tail: "no feature of that name".into() };
        assert_eq!(read(&log("0123abcd", 1)), failed);
        assert_eq!(read(&log("4567", 0)), ScriptOutcome::Silent, "the tester before this one");
        assert_eq!(read(&log("w0rd", 0)), ScriptOutcome::Silent, "a script may print the console's line");
        assert_eq!(read(""), ScriptOutcome::Silent);
    }
}
