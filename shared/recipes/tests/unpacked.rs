//! What a builder does with an archive: the tar and the sha256sum of the system.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which fail by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, FileTimes};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::OnDisk;
use kiln_recipes::archive::pack;
use kiln_recipes::{File, Files};
use proptest::prelude::*;

fn ran(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.is_empty(), "{program} {arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn modes(folder: &Path, path: &str, found: &mut BTreeMap<String, (u32, Option<Vec<u8>>)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{path}{}", entry.file_name().display());
        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
        if entry.file_type().unwrap().is_dir() {
            found.insert(path.clone(), (mode, None));
            modes(&entry.path(), &format!("{path}/"), found);
        } else {
            found.insert(path, (mode, Some(fs::read(entry.path()).unwrap())));
        }
    }
}

#[test]
fn the_tar_of_the_system_unpacks_what_was_packed_and_sha256sum_agrees() {
    let mut files = Files::new();
    let long = format!("files/{}/{}", "x".repeat(90), "y".repeat(100));
    let large: Vec<u8> = (0..3_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (path, bytes, executable) in [
        ("scripts/10-a.sh", b"echo a\n".as_slice(), true),
        ("scripts/20-b/c.sh", b"", true),
        ("files/large.bin", &large, false),
        ("files/one-block", &[7; 512], false),
        (long.as_str(), b"long", false),
    ] {
        files.insert(path, File { bytes: bytes.to_vec(), executable }).unwrap();
    }
    let archive = pack(&files).unwrap();
    let disk = OnDisk::new().with("a.tar.gz", &archive.bytes).with("out/.keep", "");
    ran("tar", &["-xpzf", "../a.tar.gz"], &disk.path().join("out"));
    fs::remove_file(disk.path().join("out/.keep")).unwrap();

    let mut found = BTreeMap::new();
    modes(&disk.path().join("out"), "", &mut found);
    let folder = |path: &str| (path.to_owned(), (0o755, None));
    let file = |path: &str, mode, bytes: &[u8]| (path.to_owned(), (mode, Some(bytes.to_vec())));
    let expected = BTreeMap::from([
        folder("files"),
        folder(&long[..96]),
        folder("scripts"),
        folder("scripts/20-b"),
        file("scripts/10-a.sh", 0o755, b"echo a\n"),
        file("scripts/20-b/c.sh", 0o755, b""),
        file("files/large.bin", 0o644, &large),
        file("files/one-block", 0o644, &[7; 512]),
        file(&long, 0o644, b"long"),
    ]);
    assert!(found == expected, "{:?}", found.keys());
    let sum = ran("sha256sum", &["a.tar.gz"], disk.path());
    assert_eq!(sum.split(' ').next(), Some(archive.digest.as_str()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_archive_is_the_same_whatever_the_order_and_the_times_of_the_files_on_disk(
        order in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle(),
        ages in proptest::collection::vec(0u64..2_000_000_000, 12),
    ) {
        let of = |order: &[usize], ages: &[u64]| {
            let mut disk = OnDisk::recipe();
            for at in order {
                let path = format!("{}/{}/{at}", ["files", "scripts", "tests"][at % 3], at % 2);
                disk = disk.with(&path, at.to_string());
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(ages[*at]);
                let file = fs::File::options().write(true).open(disk.path().join(path)).unwrap();
                file.set_times(FileTimes::new().set_modified(time)).unwrap();
            }
            pack(&disk.read().files).unwrap()
        };
        let sorted: Vec<usize> = (0..12).collect();
        prop_assert_eq!(of(&order, &ages), of(&sorted, &[1_000_000_000; 12]));
    }
}
