//! The user data runs in a real shell, on a folder that stands for the machine. What a real machine adds is seen by
//! `make guest`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

mod machine;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use kiln_core::model::contents::Listing;
use kiln_core::model::{Role, ScriptOutcome};
use machine::{GUARD, Machine, USER_DATA, WORD, environment};

#[test]
fn a_script_that_passes_is_told_three_times_and_the_machine_powers_off() {
    let machine = Machine::builder("echo done").boot();
    assert_eq!(machine.outcome(), ScriptOutcome::Passed);
    assert_eq!(machine.read("dev/console").matches(&format!("\nkiln-verdict {WORD} 0\n")).count(), 3);
    assert!(machine.asked().ends_with("shutdown -c\npoweroff \n"), "{}", machine.asked());
    assert!(!machine.has(GUARD));
}

#[test]
fn a_script_finds_the_values_of_its_recipe_in_its_environment_as_they_are() {
    let value = environment()[0].1.clone();
    for first in ["", "#!/bin/sh\n"] {
        let machine = Machine::builder(&format!("{first}printf '%s\\n' \"got $KILN_NGINX\"")).boot();
        assert_eq!(machine.outcome(), ScriptOutcome::Passed);
        assert!(
            machine.read("dev/console").contains(&format!("\ngot {value}\n")),
            "{}",
            machine.read("dev/console")
        );
    }
}

#[test]
fn the_first_command_that_fails_is_told_with_what_the_script_printed() {
    let machine = Machine::builder("echo first; false | true\necho never").boot();
    assert_eq!(machine.failed(), (1, "first".into()));
    assert!(!machine.asked().contains("cloud-init"), "a failed builder is not imaged, and needs no cleaning");
}

#[test]
fn a_script_that_names_its_interpreter_needs_no_right_to_execute() {
    let script = "#!/usr/bin/env bash -u\ncase $- in *u*) ;; *) exit 8 ;; esac\necho \"${0##*/}\"; exit 3";
    let machine = Machine::builder(script).boot();
    assert_eq!(machine.failed(), (3, "script".into()));
    let mode = fs::metadata(machine.0.join("run/kiln/script")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0);
}

#[test]
fn a_script_has_a_home_and_nothing_to_read() {
    let machine = Machine::builder("set -u; cat; echo \"home $HOME\"; exit 5").boot();
    assert_eq!(machine.failed(), (5, "home /root".into()));
}

#[test]
fn a_script_that_cannot_be_written_whole_does_not_run() {
    let machine = Machine::builder("echo one\necho two");
    // The disk takes eight bytes more.
    fs::remove_file(machine.0.join("bin/cat")).unwrap();
    machine.tool("cat", "exec head -c 8");
    let machine = machine.boot();
    assert_eq!(machine.failed().0, 125);
    assert!(machine.read("dev/console").contains("could not be written whole"));
    assert!(!machine.read("dev/console").contains("one") && machine.asked().contains("poweroff"));
}

#[test]
fn the_guard_of_another_machine_does_nothing() {
    let machine = Machine::builder("echo ran");
    let guard = "var/lib/cloud/scripts/per-boot/kiln-ec2-other";
    machine.write(guard, &machine.read(USER_DATA));
    let machine = machine.run(guard, &[]);
    assert_eq!((machine.asked(), machine.read("dev/console")), (String::new(), String::new()));
}

/// A machine with systemd, which began the service; `systemctl` prints what is told.
fn with_systemd(role: Role, script: &str, state: &str) -> Machine {
    let machine = Machine::new(role, script);
    fs::create_dir_all(machine.0.join("run/systemd/system")).unwrap();
    machine.tool("systemctl", &format!("case $1 in is-system-running) echo {state} ;; esac"));
    machine.boot()
}

#[test]
fn where_there_is_systemd_the_script_is_a_service_that_is_ended_by_systemd() {
    let machine = with_systemd(Role::Builder, "echo done", "running");
    assert_eq!(machine.read("dev/console"), "");
    assert!(machine.asked().ends_with("systemctl daemon-reload\nsystemctl start --no-block kiln.service\n"));
    let unit = machine.read("run/systemd/system/kiln.service");
    let frame = machine.0.join("var/lib/kiln-ec2-this/frame");
    assert!(unit.contains(&format!("\nExecStart=/bin/sh {} run\n", frame.display())), "{unit}");
    assert!(unit.contains(&format!("\nExecStopPost=/bin/sh {} end\n", frame.display())), "{unit}");
    assert!(unit.contains("\nAfter=cloud-final.service ") && unit.contains("\nRefuseManualStop=yes\n"));
    // As cloud-init runs scripts: whose reader ended, ends.
    assert!(unit.contains("\nIgnoreSIGPIPE=no\n"));
    let machine = machine.run("var/lib/kiln-ec2-this/frame", &["run"]);
    assert!(machine.has(GUARD) && machine.outcome() == ScriptOutcome::Silent);
    let machine = machine.run("var/lib/kiln-ec2-this/frame", &["end"]);
    assert_eq!(machine.outcome(), ScriptOutcome::Passed);
}

#[test]
fn a_script_whose_shell_was_killed_has_failed() {
    let machine = with_systemd(Role::Builder, "true", "running").run("var/lib/kiln-ec2-this/frame", &["end"]);
    assert_eq!(machine.failed(), (128, "kiln: something killed the shell that the script ran in".into()));
}

#[test]
fn a_machine_that_is_going_down_never_cleans_and_never_passes() {
    let machine =
        with_systemd(Role::Builder, "true", "stopping").run("var/lib/kiln-ec2-this/frame", &["run"]);
    let machine = machine.run("var/lib/kiln-ec2-this/frame", &["end"]);
    let (status, tail) = machine.failed();
    assert_eq!(status, 129);
    assert!(tail.contains("told to shut down or restart before the script had ended"), "{tail}");
    assert!(!machine.asked().contains("cloud-init") && machine.has(GUARD));
    assert!(machine.asked().contains("systemctl poweroff --force --force"), "{}", machine.asked());
}

#[test]
fn a_machine_that_restarted_says_so_and_runs_nothing_twice() {
    let machine = with_systemd(Role::Builder, "echo ran >> \"$KILN_ROOT/runs\"", "running");
    let machine = machine.run("var/lib/kiln-ec2-this/frame", &["run"]);
    // The power goes before it can tell its end; what is on the disk stays.
    fs::remove_dir_all(machine.0.join("run")).unwrap();
    let machine = machine.run(GUARD, &[]);
    assert_eq!(machine.failed().0, 129);
    let machine = machine.boot();
    assert_eq!((machine.failed().0, machine.read("runs").as_str()), (129, "ran\n"));
}

const OF_THE_BUILDER: [&str; 11] = [
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_ed25519_key.pub",
    "etc/sudoers.d/90-cloud-init-users",
    "etc/netplan/50-cloud-init.yaml",
    "var/lib/cloud/instances/i-0/user-data.txt",
    "var/lib/cloud/instance/scripts/part-001",
    "var/lib/dbus/machine-id",
    "var/lib/dhcp/dhclient.leases",
    "var/lib/systemd/random-seed",
    "var/lib/wtmpdb/wtmp.db",
    "var/log/journal/0123/system.journal",
];

fn lived_in(role: Role) -> Machine {
    let machine = Machine::new(role, "true");
    for path in OF_THE_BUILDER.iter().filter(|path| **path != USER_DATA) {
        machine.write(path, "of the builder\n");
    }
    for path in ["etc/machine-id", "var/log/wtmp", "var/log/syslog"] {
        machine.write(path, "of the builder\n");
    }
    machine.write("etc/hostname", "ip-10-0-2-15\n");
    machine.write("etc/ssh/sshd_config", "of the recipe\n");
    machine.write("var/lib/cloud/scripts/per-boot/own", "of the recipe\n");
    machine.boot()
}

#[test]
fn nothing_that_tells_who_the_builder_was_stays_in_the_image() {
    let machine = lived_in(Role::Builder);
    assert_eq!(machine.outcome(), ScriptOutcome::Passed);
    for path in OF_THE_BUILDER {
        assert!(!machine.has(path), "{path} stays");
    }
    for path in ["etc/machine-id", "etc/hostname", "var/log/wtmp", "var/log/syslog"] {
        assert!(machine.has(path) && machine.read(path).is_empty(), "{path} stays");
    }
}

#[test]
fn what_the_recipe_put_there_stays() {
    let machine = lived_in(Role::Builder);
    assert_eq!(machine.read("var/lib/cloud/scripts/per-boot/own"), "of the recipe\n");
    assert_eq!(machine.read("etc/ssh/sshd_config"), "of the recipe\n");
}

#[test]
fn an_image_without_cloud_init_keeps_the_host_keys_that_nothing_would_make_again() {
    let machine = Machine::builder("rm \"$KILN_ROOT/bin/cloud-init\"");
    machine.write("etc/ssh/ssh_host_rsa_key", "its own\n");
    let machine = machine.boot();
    assert!(machine.outcome() == ScriptOutcome::Passed && machine.has("etc/ssh/ssh_host_rsa_key"));
}

#[test]
fn a_link_of_d_bus_to_the_machine_id_stays() {
    let machine = Machine::builder("true");
    fs::create_dir_all(machine.0.join("var/lib/dbus")).unwrap();
    symlink(Path::new("/etc/machine-id"), machine.0.join("var/lib/dbus/machine-id")).unwrap();
    assert!(machine.boot().has("var/lib/dbus/machine-id"));
}

#[test]
fn a_tester_is_left_as_it_is() {
    let machine = lived_in(Role::Tester);
    assert!(machine.outcome() == ScriptOutcome::Passed && !machine.asked().contains("cloud-init"));
    assert!(OF_THE_BUILDER.iter().all(|path| machine.has(path)));
}

/// As dpkg keeps it: two packages are there, and of a third only its settings.
const STATUS: &str = "Package: nginx\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1.28.0-1\n\n\
    Package: adduser\nStatus: hold ok installed\nArchitecture: all\nVersion: 3.152\n\n\
    Package: telnet\nStatus: deinstall ok config-files\nArchitecture: arm64\nVersion: 0.17\n\n";
const QUERY: &str = "while read -r key value; do case $key in Package:) p=$value ;; Status:) s=$value ;; Architecture:) a=$value ;; \
    Version:) case $s in install*) f='ii ' ;; hold*) f='hi ' ;; *) f='rc ' ;; esac; echo \"${f}dpkg $p $value $a\" ;; esac; \
    done < \"${1#--admindir=}/status\"";

fn tester(script: &str) -> Machine {
    let machine = Machine::new(Role::Tester, script);
    machine.write("var/lib/dpkg/status", STATUS);
    machine.write("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 13\"\n");
    machine.write("proc/cmdline", "root=PARTUUID=1 ro\n");
    // What stands for dpkg-query, which is not on every machine that runs this.
    machine.tool("dpkg-query", QUERY);
    machine.write(
        "lib/apk/db/installed",
        "P:musl\nV:1.2.5-r9\nA:aarch64\n\nP:busybox\nV:1.37.0-r12\nA:aarch64\n\n",
    );
    machine
}

#[test]
fn a_tester_lists_what_was_there_before_its_script_ran_and_says_it_before_its_verdict() {
    let machine = tester("echo 'Package: later' > \"$KILN_ROOT/var/lib/dpkg/status\"").boot();
    let console = machine.read("dev/console");
    let listing = Listing::read(&console, &[WORD.to_owned()]).unwrap();
    let text = listing.contents.as_ref().unwrap().text();
    let (kernel, rest) = text.split_once('\n').unwrap();
    assert!(kernel.starts_with("kernel ") && kernel.len() > 8, "{text}");
    assert_eq!(
        rest,
        "cmdline root=PARTUUID=1 ro\nos ID=debian\nos PRETTY_NAME=\"Debian 13\"\napk busybox 1.37.0-r12 aarch64\n\
         apk musl 1.2.5-r9 aarch64\ndpkg adduser 3.152 all\ndpkg nginx 1.28.0-1 arm64\n"
    );
    assert_eq!(listing.summary.packages, 4);
    assert_eq!(machine.outcome(), ScriptOutcome::Passed);
    assert!(console.find("kiln-contents").unwrap() < console.find("kiln-verdict").unwrap());
}

#[test]
fn a_list_that_cannot_be_made_fails_no_test() {
    let machine = Machine::new(Role::Tester, "true");
    for tool in ["gzip", "base64", "awk", "sed", "sort", "uname"] {
        fs::remove_file(machine.0.join("bin").join(tool)).unwrap();
    }
    let machine = machine.boot();
    assert_eq!(machine.outcome(), ScriptOutcome::Passed, "{}", machine.read("dev/console"));
}

#[test]
fn a_list_that_is_longer_than_the_console_has_room_for_is_told_by_its_digest() {
    let machine = tester("true");
    let digest = |n: u64| n.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17);
    let many: String = (1..6_000)
        .map(|n| {
            format!("P:p{:x}\nV:{:x}-r{:x}\nA:all\n\n", digest(n), digest(n + 7_000), digest(n + 90_000))
        })
        .collect();
    machine.write("lib/apk/db/installed", &many);
    let machine = machine.boot();
    let console = machine.read("dev/console");
    assert!(console.len() < 8 * 1024, "{}", console.len());
    let listing = Listing::read(&console, &[WORD.to_owned()]).unwrap();
    assert_eq!((listing.summary.packages, listing.contents), (6_001, None));
}

#[test]
fn a_builder_and_a_test_that_fails_list_nothing() {
    let failed = tester("exit 3").boot();
    assert!(!failed.read("dev/console").contains("kiln-contents") && failed.failed().0 == 3);
    assert!(!Machine::builder("true").boot().read("dev/console").contains("kiln-contents"));
}
