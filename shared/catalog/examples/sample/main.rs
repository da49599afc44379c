//! Writes a catalogue of an account that could be: `cargo run -p kiln-catalog --example sample -- <folder>`.
//!
//! `--hostile` gives everything names that a page must escape. `--large` makes 200 recipes of 50 releases in 5 Regions,
//! and tells how long that took and how much memory it needed; without a folder nothing is written.

mod fleet;
mod hostile;
mod installed;
mod story;
mod twists;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs, io};

use kiln_catalog::{Catalog, pages};

fn main() -> ExitCode {
    let (flags, folders): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|word| word.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|one| one == flag);
    let folder = folders.first().map(PathBuf::from);
    if folder.is_none() && !has("--large") {
        eprintln!("no folder was given; name the one for the catalogue, such as /tmp/catalogue");
        return ExitCode::from(2);
    }
    let begun = Instant::now();
    let (catalog, files) = if has("--large") {
        (fleet::catalog(200, 50, 5), Vec::new())
    } else if has("--hostile") {
        (hostile::catalog(), Vec::new())
    } else {
        story::catalog()
    };
    let written = write(&catalog, &files, folder.as_deref());
    match written {
        Ok((count, bytes)) => {
            let took = begun.elapsed().as_secs_f64();
            println!(
                "{count} files, {:.1} MB, {took:.2} s, at most {} in memory",
                bytes as f64 / 1e6,
                peak()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the catalogue could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes every file, and writes it if there is a folder. Gives their number and size.
fn write(
    catalog: &Catalog,
    files: &[(String, Vec<u8>)],
    folder: Option<&Path>,
) -> io::Result<(usize, usize)> {
    let mut written = Written { folder, files: 0, bytes: 0 };
    // Written as it is made: as one text it would need more memory than all else.
    let mut document = BufWriter::new(written.open("catalog.json")?);
    serde_json::to_writer(&mut document, catalog)?;
    written.bytes += document.into_inner()?.bytes;
    for (path, body) in files {
        written.put(path, body)?;
    }
    for page in pages(catalog) {
        written.put(&page.path, page.body.as_bytes())?;
    }
    Ok((written.files, written.bytes))
}

/// What was written so far.
struct Written<'a> {
    folder: Option<&'a Path>,
    files: usize,
    bytes: usize,
}

/// A file that is written, or only counted.
struct Target {
    file: Option<File>,
    bytes: usize,
}

impl Written<'_> {
    fn open(&mut self, path: &str) -> io::Result<Target> {
        self.files += 1;
        let Some(folder) = self.folder else { return Ok(Target { file: None, bytes: 0 }) };
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        Ok(Target { file: Some(File::create(path)?), bytes: 0 })
    }

    fn put(&mut self, path: &str, body: &[u8]) -> io::Result<()> {
        self.bytes += body.len();
        self.open(path)?.write_all(body)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len();
        self.file.as_mut().map_or(Ok(bytes.len()), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// The most memory that this process had, as Linux counts it.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "an unknown amount".into(), |line| line.trim().to_owned())
}
