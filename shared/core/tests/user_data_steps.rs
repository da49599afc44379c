//! Steps of a recipe's folder: fetched, checked, run in order, over restarts, with the whole log sent.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

mod machine;

use std::fs;
use std::process::Command;

use kiln_core::model::program::{Digest, Step};
use kiln_core::model::user_data::Links;
use kiln_core::model::{Program, Role, ScriptOutcome};
use machine::{GUARD, Machine};

const ARCHIVE: &str = "https://store/archive?signature=secret";
const LOG: &str = "https://store/log?signature=secret";
/// Answers to a GET with the file `served` of the machine, and keeps what is sent in `sent`.
const CURL: &str = r#"case $* in
  *' -T '*) while [ "$1" != -T ]; do shift; done; cat "$2" > "$KILN_ROOT/sent" ;;
  *) while [ "$1" != -o ]; do shift; done; cat "$KILN_ROOT/served" > "$2" ;;
esac"#;

/// A builder whose folder has these scripts, each below `scripts/`.
fn builder(steps: &[&str], scripts: &[(&str, &str)], links: Links) -> Machine {
    let folder = Machine::folder();
    for (name, text) in scripts {
        folder.write(&format!("scripts/{name}"), text);
    }
    folder.write("files/nginx.conf", "of the recipe\n");
    let archive = folder.0.join("archive.tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(&folder.0).args(["scripts", "files"]);
    assert!(tar.status().unwrap().success());
    let sum = Command::new("sha256sum").arg(&archive).output().unwrap();
    let digest: Digest = format!("sha256:{}", &String::from_utf8(sum.stdout).unwrap()[..64]).parse().unwrap();
    let step = |name: &&str| if *name == "reboot" { Step::Reboot } else { Step::File((*name).to_owned()) };
    let program = Program {
        steps: steps.iter().map(step).collect(),
        archive: Some(digest),
        keep_log: "90d".parse().ok().filter(|_| !links.log.is_empty()),
        ..Program::default()
    };
    let machine = Machine::with(Role::Builder, &program, &Links { archive: ARCHIVE.into(), ..links });
    fs::copy(archive, machine.0.join("served")).unwrap();
    machine.tool("curl", CURL);
    machine.tool("reboot", "");
    machine
}

fn restarted(machine: Machine) -> Machine {
    fs::remove_dir_all(machine.0.join("run")).unwrap();
    machine.run(GUARD, &[])
}

#[test]
fn steps_run_in_their_order_in_the_folder_and_nothing_of_it_stays() {
    let first = "test \"$PWD\" = \"$KILN_FOLDER\"; cp files/nginx.conf \"$KILN_ROOT/nginx.conf\"; echo one";
    let scripts = [
        ("10.sh", first),
        ("20.py", "#!/usr/bin/env bash -u\necho two; case $- in *u*) ;; *) exit 9 ;; esac"),
    ];
    let machine = builder(&["scripts/10.sh", "scripts/20.py"], &scripts, Links::default()).boot();
    assert_eq!(machine.outcome(), ScriptOutcome::Passed, "{}", machine.read("dev/console"));
    assert!(machine.read("dev/console").contains("one\ntwo\n"));
    assert_eq!(machine.read("nginx.conf"), "of the recipe\n");
    assert!(!machine.has("var/lib/kiln-ec2-this") && !machine.has(GUARD));
}

#[test]
fn the_step_that_fails_is_named_and_none_follows() {
    let scripts = [("10.sh", "echo one; false"), ("20.sh", "echo two")];
    let machine = builder(&["scripts/10.sh", "scripts/20.sh"], &scripts, Links::default()).boot();
    assert_eq!(machine.failed(), (1, "one\nkiln: step 1, scripts/10.sh, ended with status 1".into()));
}

#[test]
fn a_step_that_the_folder_lacks_fails() {
    let machine = builder(&["scripts/none.sh"], &[("10.sh", "true")], Links::default()).boot();
    let (status, tail) = machine.failed();
    assert!(status != 0 && tail.contains("scripts/none.sh: No such file"), "{status} {tail}");
}

#[test]
fn after_a_restart_that_a_step_asks_for_the_next_one_follows_and_none_runs_twice() {
    let scripts = [("10.sh", "echo one >> \"$KILN_ROOT/ran\""), ("20.sh", "echo two >> \"$KILN_ROOT/ran\"")];
    let steps = ["scripts/10.sh", "reboot", "scripts/20.sh", "reboot"];
    let machine = builder(&steps, &scripts, Links::default()).boot();
    assert_eq!((machine.outcome(), machine.read("ran").as_str()), (ScriptOutcome::Silent, "one\n"));
    assert!(machine.asked().ends_with("systemctl reboot\n"), "{}", machine.asked());
    let machine = restarted(machine);
    assert_eq!((machine.outcome(), machine.read("ran").as_str()), (ScriptOutcome::Silent, "one\ntwo\n"));
    let machine = restarted(machine);
    assert_eq!((machine.outcome(), machine.read("ran").as_str()), (ScriptOutcome::Passed, "one\ntwo\n"));
    assert!(!machine.has("var/lib/kiln-ec2-this") && !machine.has(GUARD));
}

#[test]
fn a_restart_that_no_step_asks_for_is_told_also_after_one_that_was_asked_for() {
    let scripts = [("10.sh", "true"), ("20.sh", "true")];
    let machine = builder(&["scripts/10.sh", "reboot", "scripts/20.sh"], &scripts, Links::default()).boot();
    fs::remove_dir_all(machine.0.join("run")).unwrap();
    fs::create_dir_all(machine.0.join("run/systemd/system")).unwrap();
    let machine = machine.run(GUARD, &[]);
    assert!(machine.asked().ends_with("systemctl start --no-block kiln.service\n"));
    // The power goes before the service begins.
    let machine = restarted(machine);
    assert_eq!(machine.failed().0, 129);
}

#[test]
fn a_step_that_cleans_cloud_init_before_a_restart_changes_nothing() {
    let scripts = [("10.sh", "cloud-init clean"), ("20.sh", "echo two >> \"$KILN_ROOT/ran\"")];
    let machine = builder(&["scripts/10.sh", "reboot", "scripts/20.sh"], &scripts, Links::default());
    let user_data = machine.read(machine::USER_DATA);
    let machine = machine.boot();
    assert!(machine.failed().1.contains("cloud-init is gone"), "{:?}", machine.outcome());
    assert_eq!((machine.read("ran").as_str(), user_data.is_empty()), ("", false));
}

#[test]
fn a_first_boot_that_is_none_runs_nothing_a_second_time() {
    let scripts = [("10.sh", "echo one >> \"$KILN_ROOT/ran\"")];
    let machine = builder(&["scripts/10.sh", "reboot"], &scripts, Links::default()).boot();
    let user_data = machine.read(machine::USER_DATA);
    machine.write("again", &user_data);
    // Both the guard and the user data run, in this order.
    let machine = restarted(machine).run("again", &[]);
    assert_eq!((machine.failed_or_passed(), machine.read("ran").as_str()), (0, "one\n"));
}

#[test]
fn what_cannot_be_fetched_is_told_without_the_signature() {
    let refused = "echo 'curl: (22) The requested URL returned error: 403' >&2; exit 22";
    let half = "while [ \"$1\" != -o ]; do shift; done; head -c 100 \"$KILN_ROOT/served\" > \"$2\"";
    for (curl, told) in [(refused, "cannot be fetched: curl: (22)"), (half, "is not what the recipe names")] {
        let machine = builder(&["scripts/10.sh"], &[("10.sh", "touch \"$KILN_ROOT/ran\"")], Links::default());
        machine.tool("curl", curl);
        let machine = machine.boot();
        let (status, tail) = machine.failed();
        assert!(status == 125 && tail.starts_with("kiln: the archive of the recipe's folder"), "{tail}");
        assert!(tail.contains(told) && !machine.read("dev/console").contains("secret"), "{tail}");
        assert!(!machine.has("ran") && machine.asked().contains("poweroff"));
    }
}

/// The last attempt may begin 42 seconds after the first, and curl, which takes a mean of some seconds, is 6 seconds late:
/// seen on a guest.
#[test]
fn a_transfer_that_stalls_is_given_up_within_the_minute() {
    let machine = builder(&["scripts/10.sh"], &[("10.sh", "true")], Links::default());
    machine.tool(
        "curl",
        "while [ \"$1\" != -y ]; do shift; done; echo \"$2\" > \"$KILN_ROOT/seconds\"; exit 28",
    );
    let seconds: u32 = machine.boot().read("seconds").trim().parse().unwrap();
    assert!(40 + 2 + seconds + 6 < 58, "{seconds}");
}

#[test]
fn the_whole_log_is_sent_with_what_happened_before_a_restart() {
    let links = Links { log: LOG.into(), ..Links::default() };
    let scripts = [("10.sh", "echo one"), ("20.sh", "sleep 100 & echo two >&2; exit 3")];
    let machine = builder(&["scripts/10.sh", "reboot", "scripts/20.sh"], &scripts, links).boot();
    assert!(machine.read("sent").contains("one\n"), "{}", machine.read("sent"));
    let machine = restarted(machine);
    assert_eq!(machine.failed(), (3, "two\nkiln: step 3, scripts/20.sh, ended with status 3".into()));
    let sent = machine.read("sent");
    assert!(
        sent.contains("one\n") && sent.contains("two\n") && sent.contains("ended with status 3"),
        "{sent}"
    );
}

#[test]
fn a_log_that_cannot_be_sent_is_told_and_changes_no_verdict() {
    let links = Links { log: LOG.into(), ..Links::default() };
    let machine = builder(&["scripts/10.sh"], &[("10.sh", "echo one")], links);
    machine.tool(
        "curl",
        &CURL.replace("cat \"$2\" > \"$KILN_ROOT/sent\"", "echo 'curl: (28) timed out' >&2; exit 28"),
    );
    let machine = machine.boot();
    assert_eq!(machine.outcome(), ScriptOutcome::Passed);
    let console = machine.read("dev/console");
    assert!(console.contains("kiln: the log could not be kept: curl: (28) timed out"), "{console}");
    assert!(!console.contains("secret"));
}

#[test]
fn a_restart_that_nothing_would_go_on_after_is_told_before_it() {
    let scripts =
        [("10.sh", "mkdir -p \"$KILN_ROOT/etc/cloud\"; : > \"$KILN_ROOT/etc/cloud/cloud-init.disabled\"")];
    let machine = builder(&["scripts/10.sh", "reboot"], &scripts, Links::default()).boot();
    let (status, tail) = machine.failed();
    assert!(status == 125 && tail.contains("gone or disabled"), "{status} {tail}");
    assert!(!machine.asked().contains("systemctl reboot"));
}

#[test]
fn what_cloud_init_kept_of_the_launch_goes_even_if_a_step_removed_it() {
    let scripts = [("10.sh", "rm \"$KILN_ROOT/bin/cloud-init\"")];
    let machine = builder(&["scripts/10.sh"], &scripts, Links { log: LOG.into(), ..Links::default() });
    machine.write("var/lib/cloud/instance/user-data.txt", "signed\n");
    machine.write("var/log/cloud-init-output.log", "signed\n");
    let machine = machine.boot();
    assert_eq!(machine.outcome(), ScriptOutcome::Passed);
    for path in ["var/lib/cloud/instance", "var/log/cloud-init-output.log"] {
        assert!(!machine.has(path), "{path}");
    }
}

#[test]
fn a_log_that_nobody_writes_any_more_fails_the_step_that_prints() {
    let kill = "for p in /proc/[0-9]*; do if grep -q \"$KILN_ROOT/var/lib/kiln-ec2-this/log\" $p/cmdline && \
                grep -q tee $p/cmdline; then kill -9 ${p#/proc/}; fi; done 2> /dev/null; sleep 0.3";
    let scripts = [("10.sh", kill), ("20.sh", "sleep 0.2; echo one; echo two; echo three")];
    let links = Links { log: LOG.into(), ..Links::default() };
    let machine = builder(&["scripts/10.sh", "scripts/20.sh"], &scripts, links);
    let machine = machine.boot();
    assert_ne!(machine.failed_or_passed(), 0, "{}", machine.read("dev/console"));
}

#[test]
fn what_cannot_be_fetched_stands_in_the_log_too() {
    let machine =
        builder(&["scripts/10.sh"], &[("10.sh", "true")], Links { log: LOG.into(), ..Links::default() });
    machine.tool("curl", &CURL.replace("cat \"$KILN_ROOT/served\"", "exit 22; cat"));
    let machine = machine.boot();
    assert_eq!(machine.failed().0, 125);
    assert!(machine.read("sent").contains("cannot be fetched"), "{}", machine.read("sent"));
}
