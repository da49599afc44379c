//! The user data runs in a real shell, on a folder that stands for the machine. What a real machine adds is seen by
//! `make guest`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

mod machine;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

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
