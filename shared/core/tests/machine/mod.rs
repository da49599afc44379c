//! A folder that stands for a machine, on which user data runs among tools that only say that they were asked.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panicking, and of which no test needs all"
)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use kiln_core::model::program::Step;
use kiln_core::model::user_data::{Links, user_data};
use kiln_core::model::{Program, Role, ScriptOutcome};

pub const WORD: &str = "0123456789abcdef";
pub const USER_DATA: &str = "var/lib/cloud/instance/scripts/part-001";
pub const GUARD: &str = "var/lib/cloud/scripts/per-boot/kiln-ec2-this";
/// All that the user data may find on its path, besides what only says that it was asked.
const TOOLS: &str = "awk base64 bash cat chmod cp cut date env grep gzip head mkdir mkfifo mv rm sed sh sha256sum sleep sort sync tail tar tee timeout touch uname wc";
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The environment that every script of these tests is given.
pub fn environment() -> Vec<(String, String)> {
    vec![("KILN_NGINX".into(), "1.28 $HOME `date` \\ \"x\"".into())]
}

/// A folder that stands for a machine, with user data for it.
pub struct Machine(pub PathBuf);

impl Machine {
    pub fn new(role: Role, script: &str) -> Self {
        let steps = vec![Step::Text(script.to_owned())];
        Self::with(
            role,
            &Program { steps, environment: environment(), ..Program::default() },
            &Links::default(),
        )
    }

    /// An empty folder.
    pub fn folder() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = Self(env::temp_dir().join(format!("kiln-folder-{}-{number}", process::id())));
        fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    pub fn with(role: Role, program: &Program, links: &Links) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let machine = Self(env::temp_dir().join(format!("kiln-user-data-{}-{number}", process::id())));
        machine.write("dev/console", "");
        machine.write("sys/class/dmi/id/product_uuid", "ec2-this\n");
        let name = "web-20261123T020000Z".parse().unwrap();
        machine.write(USER_DATA, &user_data(role, &name, program, links, WORD));
        fs::create_dir(machine.0.join("bin")).unwrap();
        for tool in TOOLS.split(' ') {
            let path = env::var_os("PATH").unwrap();
            let found = env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.exists());
            symlink(found.unwrap(), machine.0.join("bin").join(tool)).unwrap();
        }
        machine.tool("poweroff", "");
        machine.tool("shutdown", "");
        machine.tool("systemctl", "");
        // As the real one, it also removes the scripts for each boot.
        machine.tool("cloud-init", "rm -rf \"$KILN_ROOT\"/var/lib/cloud/*");
        machine
    }

    pub fn builder(script: &str) -> Self {
        Self::new(Role::Builder, script)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn tool(&self, name: &str, body: &str) {
        let script = format!("#!/bin/sh\necho \"{name} $*\" >> \"$KILN_ROOT/asked\"\n{body}\n");
        let path = format!("bin/{name}");
        self.write(&path, &script);
        fs::set_permissions(self.0.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Boots: the user data runs, as cloud-init runs it.
    pub fn boot(self) -> Self {
        self.run(USER_DATA, &[])
    }

    pub fn run(self, file: &str, arguments: &[&str]) -> Self {
        let ended = Command::new(self.0.join("bin/sh"))
            .arg(self.0.join(file))
            .args(arguments)
            .env_clear()
            .env("PATH", self.0.join("bin"))
            .env("KILN_ROOT", &self.0)
            .env("KILN_PAUSE", "0")
            .env("KILN_PATIENCE", "0")
            .env("KILN_SETTLE", "0.3")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(ended.status.success(), "{ended:?}");
        self
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap_or_default()
    }

    pub fn has(&self, path: &str) -> bool {
        self.0.join(path).symlink_metadata().is_ok()
    }

    pub fn asked(&self) -> String {
        self.read("asked")
    }

    pub fn outcome(&self) -> ScriptOutcome {
        ScriptOutcome::read(&self.read("dev/console"), &[WORD.to_owned()])
    }

    pub fn failed_or_passed(&self) -> i32 {
        if self.outcome() == ScriptOutcome::Passed { 0 } else { self.failed().0 }
    }

    pub fn failed(&self) -> (i32, String) {
        match self.outcome() {
            ScriptOutcome::Failed { status, tail } => (status, tail),
            other => panic!("{other:?}: {}", self.read("dev/console")),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
