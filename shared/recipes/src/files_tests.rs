use super::*;

fn file(bytes: usize) -> File {
    File { bytes: vec![b'x'; bytes], executable: false }
}

fn with(paths: &[&str]) -> Files {
    let mut files = Files::new();
    for path in paths {
        files.insert(path, file(1)).unwrap();
    }
    files
}

fn refused(files: &mut Files, path: &str) -> String {
    files.insert(path, file(1)).unwrap_err().to_string()
}

#[test]
fn a_name_that_a_shell_or_another_disk_reads_differently_is_refused() {
    let long = "x".repeat(101);
    for path in [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/.b",
        "-a",
        "a/-b",
        "a b",
        "a\\b",
        "a:b",
        "a\nb",
        "ü",
        "a\0",
        long.as_str(),
    ] {
        let refused = Files::new().insert(path, file(1)).unwrap_err();
        assert!(matches!(refused, BadFile::Name(_)), "{path:?}: {refused}");
    }
    with(&["scripts/10-a.sh", "files/app@.service", "files/libstdc++.so.6", "a-", &"x".repeat(100)]);
}

#[test]
fn a_path_is_at_most_200_bytes_and_must_fit_a_tar_header() {
    let of =
        |lengths: &[usize]| lengths.iter().map(|length| "x".repeat(*length)).collect::<Vec<_>>().join("/");
    with(&[&of(&[99, 100])]);
    assert!(refused(&mut Files::new(), &of(&[100, 100])).contains("201 bytes"));
    // 95 bytes leave 104 for the second part, and 196 are more than the first can hold.
    assert!(refused(&mut Files::new(), &of(&[95, 100, 3])).contains("fits no tar header"));
}

#[test]
fn paths_that_differ_only_in_case_are_refused_be_it_in_a_folder() {
    let mut files = with(&["scripts/a", "scripts/b/c"]);
    assert!(refused(&mut files, "scripts/A").contains("scripts/A differs only in case from scripts/a"));
    assert!(refused(&mut files, "scripts/B/d").contains("scripts/B differs only in case from scripts/b"));
    assert_eq!(files, with(&["scripts/a", "scripts/b/c"]));
}

#[test]
fn no_path_is_there_twice_or_is_both_a_file_and_a_folder() {
    let mut files = with(&["a/b", "c"]);
    assert!(refused(&mut files, "a/b").contains("two of it"));
    assert!(refused(&mut files, "a").contains("a is both a file and a folder"));
    assert!(refused(&mut files, "c/d").contains("c is both a file and a folder"));
    assert_eq!(files.len(), 2);
}

#[test]
fn the_limits_are_1000_files_of_8_mib_and_16_mib_in_all() {
    let mut many = Files::new();
    for at in 0..1_000 {
        many.insert(&format!("f{at}"), file(0)).unwrap();
    }
    assert!(refused(&mut many, "last").contains("more than 1,000 files"));
    let mut large = Files::new();
    let refused = large.insert("a", file(8 * 1024 * 1024 + 1)).unwrap_err().to_string();
    assert!(refused.starts_with("it has 8,388,609 bytes"), "{refused}");
    large.insert("a", file(8 * 1024 * 1024)).unwrap();
    large.insert("b", file(8 * 1024 * 1024)).unwrap();
    assert_eq!(large.insert("c", file(1)), Err(BadFile::TooMuch));
}

#[test]
fn thousands_are_set_apart() {
    assert_eq!([0, 12, 999, 1_000, 1_234_567].map(grouped), ["0", "12", "999", "1,000", "1,234,567"]);
}
