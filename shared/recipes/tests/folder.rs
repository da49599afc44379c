//! What a recipe's folder may hold, on a real disk.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use common::OnDisk;
use kiln_recipes::{File, Folder, Rule};

fn paths(folder: &Folder) -> Vec<&str> {
    folder.files.iter().map(|(path, _)| path).collect()
}

#[test]
fn the_document_and_the_files_beside_it_are_read_with_their_modes() {
    let disk = OnDisk::recipe().with("scripts/10-a.sh", "echo a\n").with("files/etc/a.conf", "a = 1\n");
    fs::set_permissions(disk.path().join("scripts/10-a.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    let folder = disk.read();
    assert_eq!(folder.document, "name = \"web\"\n");
    assert_eq!(paths(&folder), ["files/etc/a.conf", "scripts/10-a.sh"]);
    let script = File { bytes: b"echo a\n".to_vec(), executable: true };
    assert_eq!(folder.files.get("scripts/10-a.sh"), Some(&script));
    assert!(!folder.files.get("files/etc/a.conf").unwrap().executable);
}

#[test]
fn a_document_alone_is_a_recipe() {
    assert!(OnDisk::recipe().read().files.is_empty());
}

#[test]
fn dot_files_and_backups_at_any_level_and_a_readme_at_the_top_are_left_out() {
    let disk = OnDisk::recipe()
        .with(".git/config", "")
        .with("README.md", "")
        .with("recipe.toml~", "")
        .with("scripts/.DS_Store", "")
        .with("scripts/a/.gitkeep", "")
        .with("scripts/a/b.sh~", "")
        .with("scripts/a/b.sh.swp", "")
        .with("scripts/README", "");
    assert_eq!(paths(&disk.read()), ["scripts/README"]);
}

#[test]
fn line_ends_of_windows_become_those_of_unix_in_scripts_and_in_the_document_alone() {
    let disk = OnDisk::new()
        .with("recipe.toml", "name = \"web\"\r\n")
        .with("scripts/a.sh", "#!/bin/bash\r\nprintf 'a\rb'\r\n")
        .with("files/a.reg", "a\r\n");
    let folder = disk.read();
    assert_eq!(folder.document, "name = \"web\"\n");
    assert_eq!(folder.files.get("scripts/a.sh").unwrap().bytes, b"#!/bin/bash\nprintf 'a\rb'\n");
    assert_eq!(folder.files.get("files/a.reg").unwrap().bytes, b"a\r\n");
}

#[test]
fn every_mistake_is_told_at_once_and_in_order() {
    let disk = OnDisk::new()
        .with("Makefile", "")
        .with("Scripts/a.sh", "")
        .with("tests", "")
        .with("files/a b/c d", "")
        .with("files/a b/e", "")
        .with("files/-x", "")
        .with("scripts/large", vec![0; 8 * 1024 * 1024 + 1]);
    symlink("/etc/passwd", disk.path().join("files/link")).unwrap();
    let rename =
        "is not allowed; rename it to 1 to 100 of A-Z a-z 0-9 . _ @ + - that begin with neither . nor -";
    let move_it =
        "it does not get to a builder here; move it below scripts, files or tests, or out of the folder";
    assert_eq!(
        disk.mistakes(),
        [
            format!("Makefile: {move_it}"),
            "Scripts: it has no meaning by this name; rename it to scripts".into(),
            format!("files/-x: the name \"-x\" {rename}"),
            format!("files/a b: the name \"a b\" {rename}"),
            format!("files/a b/c d: the name \"c d\" {rename}"),
            "files/link: it is a link that leads out of the folder, to /etc/passwd; put what it leads to in its place"
                .into(),
            "recipe.toml: it is missing; give the recipe's document this name".into(),
            "scripts/large: it has 8,388,609 bytes, and a file has at most 8,388,608; let a script download it".into(),
            "tests: it is not a folder; rename it, and make a folder of this name".into(),
        ]
    );
}

#[test]
fn refuses_a_link_wherever_it_leads_and_says_where() {
    let disk = OnDisk::recipe().with("files/a", "");
    let folder = disk.path();
    symlink("a", folder.join("files/inside")).unwrap();
    symlink("../../..", folder.join("files/outside")).unwrap();
    symlink("gone", folder.join("files/nowhere")).unwrap();
    symlink("loop", folder.join("files/loop")).unwrap();
    symlink("files", folder.join("scripts")).unwrap();
    let told = disk.mistakes();
    for (at, begins) in [
        "files/inside: it is a link, to a;",
        "files/loop: it is a link that leads nowhere, to loop;",
        "files/nowhere: it is a link that leads nowhere, to gone;",
        "files/outside: it is a link that leads out of the folder, to ../../..;",
        "scripts: it is a link, to files;",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(told[at].starts_with(begins), "{told:?}");
    }
    assert_eq!(told.len(), 5);
}

#[test]
fn refuses_a_document_that_is_a_link_a_folder_or_not_utf_8() {
    let disk = OnDisk::new().with("other.toml", "");
    symlink("other.toml", disk.path().join("recipe.toml")).unwrap();
    assert!(disk.mistakes()[1].starts_with("recipe.toml: it is a link, to other.toml;"));
    let disk = OnDisk::new().with("recipe.toml/a", "");
    assert_eq!(disk.mistakes(), ["recipe.toml: it is not a file; give the recipe's document this name"]);
    let disk = OnDisk::new().with("recipe.toml", b"name = \"web\"\n# \xff\n");
    assert_eq!(disk.mistakes(), ["recipe.toml:2: it is not UTF-8; save it as UTF-8"]);
}

#[test]
fn refuses_what_is_neither_a_file_nor_a_folder() {
    let disk = OnDisk::recipe().with("files/a", "");
    let _socket = UnixListener::bind(disk.path().join("files/socket")).unwrap();
    assert_eq!(disk.mistakes(), ["files/socket: it is neither a file nor a folder; remove it"]);
}

#[test]
fn refuses_names_that_differ_only_in_case_once_for_each() {
    let disk = OnDisk::recipe().with("files/A/1", "").with("files/A/2", "").with("files/a/3", "");
    if fs::read_dir(disk.path().join("files")).unwrap().count() == 2 {
        let expected = "files/a: files/a differs only in case from files/A; rename one of them";
        assert_eq!(disk.mistakes(), [expected]);
    }
}

#[test]
fn refuses_paths_that_are_too_long_for_a_tar_header() {
    let (longest, part) = ("x".repeat(100), "y".repeat(90));
    let disk = OnDisk::recipe()
        .with(&format!("files/{longest}/{part}"), "")
        .with(&format!("files/{longest}/{part}z"), "")
        .with(&format!("files/{longest}/{part}zzzz"), "")
        .with(&format!("tests/{}/{longest}/z", "x".repeat(88)), "");
    let told = disk.mistakes();
    assert!(told[0].ends_with("its path has 201 bytes; shorten it to at most 200"), "{told:?}");
    assert!(told[1].ends_with("its path fits no tar header; shorten the longest names in it"), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn refuses_more_than_1000_files_or_16_mib_in_all_and_tells_it_once() {
    let mut disk = OnDisk::recipe();
    for at in 0..1_002 {
        disk = disk.with(&format!("files/f{at}"), "");
    }
    assert_eq!(
        disk.mistakes(),
        [".: there are more than 1,000 files; pack them into one that a script unpacks"]
    );
    let mib_6 = vec![0; 6 * 1024 * 1024];
    let disk = OnDisk::recipe().with("files/a", &mib_6).with("files/b", &mib_6).with("files/c", &mib_6);
    let expected =
        ".: all files together have more than 16,777,216 bytes; let a script download the large ones";
    assert_eq!(disk.mistakes(), [expected]);
}

#[test]
fn a_path_that_is_no_folder_is_told() {
    let disk = OnDisk::recipe();
    let told = |name: &str| Folder::read(&disk.path().join(name)).unwrap_err()[0].to_string();
    assert_eq!(told("recipe.toml"), ".: it is not a folder; name the folder of a recipe");
    assert!(told("gone").starts_with(".: it cannot be read: No such file"));
}

#[test]
fn secrets_are_found_in_the_document_and_in_the_files() {
    let assigned = format!("password = 'tr0ub{}'\n", "4dor");
    let disk = OnDisk::recipe().with("recipe.toml", &assigned).with("scripts/a.sh", format!("\n{assigned}"));
    let found: Vec<_> =
        disk.read().secrets().into_iter().map(|found| (found.path, found.line, found.rule)).collect();
    let expected = [("recipe.toml", 1), ("scripts/a.sh", 2)];
    assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line, Rule::Assigned)));
}
