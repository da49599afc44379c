//! The catalogue of all images, fetched from the stack's bucket, so that a browser can read it without any right in AWS.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::json;
use tokio::task::JoinSet;

use crate::Done;
use crate::aws::Session;
use crate::deploy::bucket::{Bucket, STORE};
use crate::deploy::stack::Stack;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Where the catalogue is in the bucket.
const PREFIX: &str = "catalog/";
/// What the function remembers for itself.
const OWN: [&str; 2] = ["digests.json", "made.json"];
const PAGE: &str = "index.html";
const MARK: &str = "catalog.json";
/// How many files are fetched at once.
const AT_ONCE: usize = 8;

/// Fetches all of the catalogue into a folder, and opens its first page if that is wanted.
pub(super) async fn catalog(
    session: &Session,
    stack: &str,
    (folder, is_opened): (&Path, bool),
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let home = Stack::of(session, stack, &session.home, &BTreeMap::new());
    home.must_be_there().await?;
    let account = session.account().await?;
    let bucket = Bucket::of_stack(&home, &account, STORE).await?;
    let keys = match &bucket {
        Some(bucket) => files(bucket).await?,
        None => Vec::new(),
    };
    let Some(bucket) = bucket.filter(|_| keys.iter().any(|key| key == PAGE)) else {
        return Err(Failure::new(Kind::NotDone, "There is no catalogue yet.").advise(
            "It is made every night and after each release, or now by kiln invoke catalog with a file that holds {}.",
        ));
    };
    cleared(folder)?;
    fetch(&bucket, &keys, folder).await?;
    let page = folder.join(PAGE);
    let (count, at) = (keys.len(), folder.display());
    screen.say([format!("{count} files of the catalogue are in {at}")]);
    screen.say([format!("Its first page is {}", page.display())]);
    if is_opened && open::that_detached(&page).is_err() {
        screen.say(["Nothing here opens it: open it in a browser."]);
    }
    Ok(Done::well(json!({ "files": count, "page": page })))
}

/// The paths of the catalogue's files.
async fn files(bucket: &Bucket) -> Result<Vec<String>, Failure> {
    let found = bucket.keys(PREFIX).await?.into_iter();
    let paths = found.filter_map(|(key, _)| key.strip_prefix(PREFIX).map(str::to_owned));
    Ok(paths.filter(|path| !OWN.contains(&path.as_str()) && !path.is_empty()).collect())
}

/// Empties the folder, if it held a catalogue. Anything else is somebody's.
fn cleared(folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        let what = format!("{} cannot be written: {error}.", folder.display());
        Failure::new(Kind::Other, what).advise("Name another folder with --to.")
    };
    let is_empty = fs::read_dir(folder).map(|mut all| all.next().is_none()).unwrap_or(true);
    if !is_empty && !folder.join(MARK).is_file() {
        let what = format!("{} holds something else than a catalogue, and stays as it is.", folder.display());
        return Err(Failure::new(Kind::NotDone, what).advise("Name another folder with --to."));
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)
}

async fn fetch(bucket: &Bucket, paths: &[String], folder: &Path) -> Result<(), Failure> {
    // The mark by which the folder is known as a catalogue, should this be cut off.
    written(bucket, &format!("{PREFIX}{MARK}"), &folder.join(MARK)).await?;
    let (mut waiting, mut asked) = (paths.iter(), JoinSet::new());
    loop {
        while asked.len() < AT_ONCE {
            let Some(path) = waiting.next() else { break };
            let (file, bucket, key) = (within(folder, path)?, bucket.clone(), format!("{PREFIX}{path}"));
            asked.spawn(async move { written(&bucket, &key, &file).await });
        }
        match asked.join_next().await {
            Some(Ok(ended)) => ended?,
            Some(Err(error)) => {
                return Err(Failure::new(Kind::Other, format!("a file was not fetched: {error}")));
            }
            None => return Ok(()),
        }
    }
}

async fn written(bucket: &Bucket, key: &str, file: &Path) -> Result<(), Failure> {
    // One that went meanwhile is of an older catalogue.
    let Some(bytes) = bucket.get(key).await? else { return Ok(()) };
    let wrote = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(file, bytes));
    wrote
        .map_err(|error| Failure::new(Kind::Other, format!("{} cannot be written: {error}.", file.display())))
}

/// Where a file goes. A key that leads out of the folder is none of Kiln's.
fn within(folder: &Path, path: &str) -> Result<PathBuf, Failure> {
    if Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(folder.join(path));
    }
    let what = format!("The bucket has a strange key, {PREFIX}{path}: nothing more of it was fetched.");
    Err(Failure::new(Kind::Answer, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_leads_out_of_the_folder_is_refused() {
        assert_eq!(within(Path::new("to"), "recipes/web.html").unwrap(), Path::new("to/recipes/web.html"));
        for path in ["../evil", "a/../../evil", "/etc/evil"] {
            assert!(within(Path::new("to"), path).unwrap_err().what.contains("strange key"), "{path}");
        }
    }

    #[test]
    fn a_folder_of_somebodys_is_not_emptied() {
        let folder = std::env::temp_dir().join(format!("kiln-catalogue-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("thesis.txt"), "mine").unwrap();
        assert!(cleared(&folder).unwrap_err().what.contains("holds something else"));
        fs::write(folder.join("catalog.json"), "{}").unwrap();
        cleared(&folder).unwrap();
        assert!(fs::read_dir(&folder).unwrap().next().is_none());
        fs::remove_dir_all(&folder).unwrap();
    }
}
