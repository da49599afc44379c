//! Nothing makes the readers panic, and an archive is what was packed. `KILN_FUZZ_CASES` says how often each is tried.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

mod common;

use std::io::{Read, Write};
use std::{env, iter};

use common::files;
use flate2::bufread::GzDecoder;
use flate2::{Compression, write::GzEncoder};
use kiln_recipes::archive::{pack, read};
use kiln_recipes::secrets::scan;
use kiln_recipes::{File, Files, MOST_NAME_BYTES, MOST_PATH_BYTES, changes};
use proptest::collection::vec;
use proptest::prelude::*;
use tar::{EntryType, Header};

fn config() -> ProptestConfig {
    let cases = env::var("KILN_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Files of few paths, so that some of them contradict each other.
fn given() -> impl Strategy<Value = Vec<(String, File)>> {
    let name = prop_oneof![
        8 => "[a-cA-C]{1,2}",
        2 => "[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,9}",
        1 => (90usize..=100).prop_map(|length| "n".repeat(length)),
    ];
    let path = vec(name, 1..4).prop_map(|parts| parts.join("/"));
    let bytes = (vec(any::<u8>(), 0..12), 0usize..90).prop_map(|(bytes, times)| bytes.repeat(times));
    vec((path, (bytes, any::<bool>()).prop_map(|(bytes, executable)| File { bytes, executable })), 0..5)
}

/// Bytes that a damaged byte becomes, and where.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    vec((any::<prop::sample::Index>(), 1u8..), 1..4)
}

fn damaged(mut bytes: Vec<u8>, damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (at, flipped) in damage {
        let at = at.index(bytes.len());
        bytes[at] ^= flipped;
    }
    bytes
}

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}

fn gunzip(archive: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    GzDecoder::new(archive).read_to_end(&mut tar).unwrap();
    tar
}

/// A header that anyone could write, with a good checksum: without one no reader looks any further.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let path = prop_oneof![
        6 => "[ab]{1,2}(/[abA]){0,2}",
        2 => "[./ab~-]{0,6}",
        1 => "[ -~]{0,20}",
        1 => "\\PC{0,9}",
    ];
    let kind = prop_oneof![6 => Just(b'0'), 3 => Just(b'5'), 1 => any::<u8>()];
    let mode = prop_oneof![4 => Just(0o644), 4 => Just(0o755), 1 => 0u32..0o10000];
    let size = prop_oneof![4 => Just(0), 4 => 0u64..1_200, 1 => any::<u64>()];
    let noise = prop_oneof![6 => Just(Vec::new()), 1 => vec((0usize..512, any::<u8>()), 1..4)];
    (path, kind, mode, size, noise).prop_map(|(path, kind, mode, size, noise)| {
        let mut header = Header::new_ustar();
        let length = path.len().min(100);
        header.as_mut_bytes()[..length].copy_from_slice(&path.as_bytes()[..length]);
        header.set_entry_type(EntryType::new(kind));
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        for (at, byte) in noise {
            header.as_mut_bytes()[at] = byte;
        }
        header.set_cksum();
        // Mostly the bytes that it promises, and sometimes not.
        let content = usize::try_from(size).unwrap_or(0).min(1_200).next_multiple_of(512);
        header.as_bytes().iter().copied().chain(iter::repeat_n(b'x', content)).collect()
    })
}

/// Whatever was read can be packed, and stays within every rule.
fn check(files: &Files) -> Result<(), TestCaseError> {
    for (path, _) in files.iter() {
        prop_assert!(path.len() <= MOST_PATH_BYTES);
        for name in path.split('/') {
            prop_assert!((1..=MOST_NAME_BYTES).contains(&name.len()));
            prop_assert!(!name.starts_with(['.', '-']), "{path}");
        }
    }
    let again = read(&pack(files).unwrap().bytes);
    prop_assert_eq!(again.as_ref(), Ok(files));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_archive_is_read_as_it_was_packed(given in given()) {
        let files = files(&given);
        let back = read(&pack(&files).unwrap().bytes).unwrap();
        prop_assert!(changes(&files, &back).is_empty());
        prop_assert_eq!(back, files);
    }

    #[test]
    fn files_are_packed_alike_in_whatever_order_they_are_given(
        (given, shuffled) in given().prop_map(|given| {
            // Which of two that contradict each other gets in depends on the order: only the ones that did are given.
            files(&given).iter().map(|(path, file)| (path.to_owned(), file.clone())).collect::<Vec<_>>()
        }).prop_flat_map(|given| (Just(given.clone()), Just(given).prop_shuffle())),
    ) {
        prop_assert_eq!(pack(&files(&given)).unwrap(), pack(&files(&shuffled)).unwrap());
    }

    #[test]
    fn no_bytes_make_the_reader_of_archives_panic(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
        prop_assert!(read(&gzip(&bytes)).is_err());
        // Behind a good header of gzip too.
        let begun = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], bytes.as_slice()].concat();
        prop_assert!(read(&begun).is_err());
    }

    #[test]
    fn an_archive_with_flipped_bytes_makes_no_reader_panic(given in given(), damage in damage()) {
        let archive = pack(&files(&given)).unwrap().bytes;
        if let Ok(files) = read(&damaged(archive.clone(), &damage)) {
            check(&files)?;
        }
        // The checksum of gzip would catch most of it, so the tar within is damaged too.
        if let Ok(files) = read(&gzip(&damaged(gunzip(&archive), &damage))) {
            check(&files)?;
        }
    }

    #[test]
    fn an_archive_that_is_cut_short_is_refused(given in given(), at in any::<prop::sample::Index>()) {
        let archive = pack(&files(&given)).unwrap().bytes;
        prop_assert!(read(&archive[..at.index(archive.len())]).is_err());
        let tar = gunzip(&archive);
        prop_assert!(read(&gzip(&tar[..at.index(tar.len())])).is_err());
    }

    #[test]
    fn an_archive_of_anyones_headers_makes_no_reader_panic(
        headers in vec(header(), 0..4), end in prop_oneof![4 => Just(1_024usize), 1 => 0usize..1_600],
    ) {
        let tar: Vec<u8> = headers.concat().into_iter().chain(iter::repeat_n(0, end)).collect();
        if let Ok(files) = read(&gzip(&tar)) {
            check(&files)?;
        }
    }

    #[test]
    fn no_bytes_make_the_scanner_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = scan("a", &bytes);
    }

    #[test]
    fn no_text_in_which_secrets_begin_and_end_makes_the_scanner_panic(
        parts in vec(prop_oneof![
            "(password|secret|api_key|token|aws_secret_access_key|AKIA|ghp_|github_pat_|xoxb-|eyJ|pypi-AgE|AIza)",
            "(-----BEGIN |PRIVATE KEY-----|kiln:no-secret|\\n|\\r\\n|\\$\\{|\\}|<|>|\\\\)",
            "[ =:'\".`]{1,3}",
            "[A-Za-z0-9+/]{1,40}",
            "\\PC{0,4}",
        ], 0..12),
    ) {
        let text = parts.concat();
        for secret in scan("a", text.as_bytes()) {
            prop_assert!((1..=text.split('\n').count()).contains(&secret.line));
        }
    }
}
