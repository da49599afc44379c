use super::*;

fn files(files: &[(&str, &str, bool)]) -> Files {
    let mut read = Files::new();
    for (path, text, executable) in files {
        read.insert(path, File { bytes: text.as_bytes().to_vec(), executable: *executable }).unwrap();
    }
    read
}

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}

/// An archive with the entries that are given, and an end.
fn archive(entries: &[(Header, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (header, bytes) in entries {
        tar.append(header, *bytes).unwrap();
    }
    gzip(&tar.into_inner().unwrap())
}

/// The header of a file of one byte, changed.
fn changed(change: impl FnOnce(&mut Header)) -> Header {
    let mut header = header("a", EntryType::Regular, DATA, 1).unwrap();
    change(&mut header);
    header.set_cksum();
    header
}

fn refused(archive: &[u8]) -> String {
    read(archive).unwrap_err().to_string()
}

#[test]
fn an_archive_is_read_as_it_was_packed() {
    let packed = files(&[("scripts/10-a.sh", "echo a\n", true), ("files/etc/a.conf", "", false)]);
    assert_eq!(read(&pack(&packed).unwrap().bytes), Ok(packed));
    assert_eq!(read(&pack(&Files::new()).unwrap().bytes), Ok(Files::new()));
}

#[test]
fn folders_come_before_their_files_and_nothing_tells_who_packed_it_or_when() {
    let packed = pack(&files(&[("scripts/b/c", "1", true), ("scripts/a", "22", false)])).unwrap();
    assert_eq!(packed.bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    let tar = decompressed(&packed.bytes).unwrap();
    let mut reader = tar::Archive::new(tar.as_slice());
    let told: Vec<String> = reader
        .entries()
        .unwrap()
        .map(|entry| {
            let header = entry.unwrap().header().clone();
            let path = header.path().unwrap().display().to_string();
            let owner = (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
            assert_eq!(owner, (0, 0, 0));
            assert_eq!(header.username().unwrap().unwrap_or_default(), "");
            format!("{path} {:o} {}", header.mode().unwrap(), header.size().unwrap())
        })
        .collect();
    assert_eq!(told, ["scripts 755 0", "scripts/a 644 2", "scripts/b 755 0", "scripts/b/c 755 1"]);
}

/// If this fails after an update of a dependency, every recipe with files is a new one, and is baked.
#[test]
fn the_digest_of_the_same_files_is_the_same_in_every_version() {
    let packed =
        pack(&files(&[("scripts/a.sh", &"echo a\n".repeat(99), true), ("files/b", "b", false)])).unwrap();
    assert_eq!(packed.digest, "bd38bb8cb68bd2952b8150d2693036ff7660e354ec9801abb1c4063ac83ef00c");
}

#[test]
fn the_longest_path_is_packed() {
    let (first, last) = ("x".repeat(99), "y".repeat(100));
    let longest = files(&[(&format!("{first}/{last}"), "1", false)]);
    assert_eq!(read(&pack(&longest).unwrap().bytes), Ok(longest));
}

#[test]
fn an_archive_that_would_fill_the_memory_is_refused() {
    let bomb = gzip(&vec![0; MOST_DECOMPRESSED + 1]);
    assert!(bomb.len() < 200_000);
    assert_eq!(read(&bomb), Err(BadArchive::TooLarge));
}

#[test]
fn an_entry_that_is_neither_a_file_nor_a_folder_is_refused() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::GNULongName,
        EntryType::GNUSparse,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let refused = refused(&archive(&[(changed(|header| header.set_entry_type(kind)), b"x")]));
        assert!(refused.contains("Kiln packs only files and folders"), "{kind:?}: {refused}");
    }
}

#[test]
fn a_path_that_leads_elsewhere_is_refused() {
    for path in ["/a", "../a", "a/../../b", "./a", "a/./b", "a//b", "a/", "", "-a", "a b"] {
        let name = |header: &mut Header| {
            let ustar = header.as_ustar_mut().unwrap();
            ustar.name = [0; 100];
            ustar.name[..path.len()].copy_from_slice(path.as_bytes());
        };
        let refused_file = refused(&archive(&[(changed(name), b"x")]));
        assert!(refused_file.contains("is not allowed"), "{path}: {refused_file}");
        let folder = changed(|header| {
            name(header);
            header.set_entry_type(EntryType::Directory);
            header.set_mode(COMMAND);
            header.set_size(0);
        });
        let refused_folder = refused(&archive(&[(folder, b"")]));
        assert!(refused_folder.contains("is not allowed"), "{path}: {refused_folder}");
    }
}

#[test]
fn a_path_that_is_there_twice_is_refused() {
    let file = || changed(|_| {});
    assert!(refused(&archive(&[(file(), b"x"), (file(), b"y")])).contains("two of it"));
    let folder = || header("a", EntryType::Directory, COMMAND, 0).unwrap();
    let within = header("a/b", EntryType::Regular, DATA, 0).unwrap();
    assert!(refused(&archive(&[(folder(), b""), (folder(), b""), (within, b"")])).contains("two of it"));
    assert!(refused(&archive(&[(folder(), b""), (file(), b"x")])).contains("a folder without files"));
}

#[test]
fn what_root_would_unpack_with_more_rights_is_refused() {
    for mode in [0o4755, 0o2644, 0o777, 0o600, 0] {
        let refused = refused(&archive(&[(changed(|header| header.set_mode(mode)), b"x")]));
        assert!(refused.contains(&format!("of the mode {mode:o}")), "{refused}");
    }
    assert!(
        refused(&archive(&[(changed(|header| header.set_uid(1_000)), b"x")])).contains("owned by 1000:0")
    );
    assert!(refused(&archive(&[(changed(|header| header.set_gid(4)), b"x")])).contains("owned by 0:4"));
}

#[test]
fn what_another_reader_might_see_otherwise_is_refused() {
    let good = archive(&[(changed(|_| {}), b"x")]);
    assert!(read(&good).is_ok());
    assert_eq!(read(&[good.as_slice(), good.as_slice()].concat()), Err(BadArchive::Trailing));
    assert_eq!(read(&[good.as_slice(), b"x"].concat()), Err(BadArchive::Trailing));
    let tar = decompressed(&good).unwrap();
    assert_eq!(read(&gzip(&[tar.as_slice(), tar.as_slice()].concat())), Err(BadArchive::Trailing));
    let folder = changed(|header| {
        header.set_entry_type(EntryType::Directory);
        header.set_mode(COMMAND);
    });
    assert!(refused(&archive(&[(folder, b"x")])).contains("a folder with bytes"));
    let mut old = Header::new_old();
    old.as_mut_bytes()[..257].copy_from_slice(&changed(|_| {}).as_bytes()[..257]);
    old.set_cksum();
    assert!(refused(&archive(&[(old, b"x")])).contains("not in the format ustar"));
}

#[test]
fn an_archive_that_is_cut_short_or_damaged_is_refused() {
    let good = pack(&files(&[("a/b", "bytes", false)])).unwrap().bytes;
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "{length}");
    }
    let tar = decompressed(&good).unwrap();
    // The two blocks of zeros at the end are the end.
    for length in 0..tar.len() {
        assert!(read(&gzip(&tar[..length])).is_err(), "{length}");
    }
    assert!(refused(b"not gzip").contains("not gzip"));
}
