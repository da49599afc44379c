//! Recipes and their folders: what would change of those that are put, and how they are put.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use kiln_recipes::{Ready, archive, changes, check};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::Done;
use crate::arguments::Recipes;
use crate::aws::{Session, refused};
use crate::deploy::bucket::{Bucket, STORE};
use crate::deploy::recipes::{all, path};
use crate::deploy::stack::Stack;
use crate::failure::{Failure, Kind};
use crate::interrupt::{self, Begun};
use crate::screen::Screen;

/// How a document names the archive of its folder.
const ARCHIVE: &str = "archive = \"sha256:";
/// What is shown of a document that changed.
const MOST_LINES: usize = 40;

/// Shows what would change, or puts recipes and shows it.
///
/// An archive is put before the document that names it, and never overwritten: its name is its digest. The functions read a
/// document anew each time they are woken. Recipes that are not among them are removed only on demand; their images stay
/// until they are retired.
pub(super) async fn recipes(
    session: &Session,
    stack: &str,
    asked: &Recipes,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let (paths, is_put, is_pruned) = match asked {
        Recipes::Diff { paths } => (paths, false, false),
        Recipes::Push { paths, prune } => (paths, true, *prune),
    };
    let wanted = read(paths)?;
    // Where no Kiln is, nobody would read them.
    let home = Stack::of(session, stack, &session.home, &BTreeMap::new());
    home.must_be_there().await?;
    let before = all(session, stack).await?;
    let has_archives = wanted.iter().any(|one| one.archive.is_some());
    let store = if has_archives { Some(store(session, &home).await?) } else { None };
    let put = Put { session, path: path(stack), store, before: &before };
    let names: BTreeSet<String> = wanted.iter().map(|one| one.recipe.name.to_string()).collect();
    let left: Vec<&str> = before.keys().map(String::as_str).filter(|name| !names.contains(*name)).collect();
    if !left.is_empty() && is_pruned {
        // Before anything is put, so that a no leaves all as it was.
        let (count, plural) = (left.len(), if left.len() == 1 { "" } else { "s" });
        screen.say([format!("not among them, so to be removed: {}", left.join(", "))]);
        screen.confirm(&format!("Put the others, and remove {count} recipe{plural}?")).await?;
    }
    let mut document = Vec::new();
    for one in &wanted {
        document.push(put.one(one, is_put, screen).await?);
    }
    let mut removed: Vec<&str> = Vec::new();
    if !left.is_empty() && is_pruned {
        put.remove(&left, screen).await?;
        removed = left.clone();
    } else if !left.is_empty() {
        let listed = left.join(", ");
        screen.say([format!(
            "not among them, and still put: {listed}. kiln recipes push --prune removes such"
        )]);
    }
    if !is_put {
        screen.say(["nothing was put: it was only shown"]);
    }
    let left = if is_pruned { Vec::new() } else { left };
    Ok(Done::well(json!({ "recipes": document, "left": left, "removed": removed })))
}

/// Every recipe below these paths, if all are right.
fn read(paths: &[PathBuf]) -> Result<Vec<Ready>, Failure> {
    let found = check(paths);
    if found.bad.is_empty() {
        return Ok(found.ready);
    }
    let mistakes: Vec<String> =
        found.bad.iter().flat_map(kiln_recipes::Bad::mistakes).map(|mistake| mistake.to_string()).collect();
    let what = format!("Nothing was put, for not all recipes are right:\n{}", mistakes.join("\n"));
    Err(Failure::new(Kind::Recipes, what))
}

/// The stack's bucket for what is large, which must be there.
async fn store(session: &Session, stack: &Stack) -> Result<Bucket, Failure> {
    let account = session.account().await?;
    let found = Bucket::of_stack(stack, &account, STORE).await?;
    found.ok_or_else(|| {
        let what = format!("{} has no bucket for the folders of recipes.", stack.title());
        Failure::new(Kind::NotDeployed, what).advise("Deploy it anew (kiln upgrade).")
    })
}

/// Where recipes are put.
struct Put<'a> {
    session: &'a Session,
    /// Below it in Parameter Store.
    path: String,
    /// For their archives.
    store: Option<Bucket>,
    /// The documents that were put before, by name.
    before: &'a BTreeMap<String, String>,
}

impl Put<'_> {
    /// Shows what changes of one recipe, and puts it if that is wanted.
    async fn one(&self, ready: &Ready, is_put: bool, screen: &mut Screen<'_>) -> Result<Value, Failure> {
        let (name, new) = (ready.recipe.name.to_string(), &ready.document);
        let old = self.before.get(&name);
        let how = match old {
            None => "new",
            Some(old) if old == new => "unchanged",
            Some(_) => "changed",
        };
        screen.say([format!("{}/{name}: {how}", self.path)]);
        let lines = match old.filter(|old| *old != new) {
            Some(old) => self.changed(old, ready).await?,
            None => Vec::new(),
        };
        screen.say(lines.iter().map(|line| format!("  {line}")));
        if is_put {
            if let (Some(store), Some(archive)) = (&self.store, &ready.archive) {
                interrupt::something_begins(Begun::Recipes);
                store.put_once(&key(&archive.digest.to_string()), archive.bytes.clone()).await?;
            }
            if how != "unchanged" {
                self.put(&name, new).await?;
            }
        }
        Ok(json!({ "recipe": name, "change": how, "lines": lines }))
    }

    async fn put(&self, name: &str, document: &str) -> Result<(), Failure> {
        interrupt::something_begins(Begun::Recipes);
        let parameter = format!("{}/{name}", self.path);
        let sent = aws_sdk_ssm::Client::new(self.session.config())
            .put_parameter()
            .name(&parameter)
            .value(document)
            .r#type(ParameterType::String)
            // More than 4 KB is an advanced parameter, which costs; Parameter Store chooses.
            .tier(ParameterTier::IntelligentTiering)
            .overwrite(true)
            .send()
            .await;
        let call = format!("PutParameter of {parameter}");
        sent.map_err(|error| refused(self.session, &call, &self.session.home, &error))?;
        Ok(())
    }

    /// What changes in a document, and in the folder that it names.
    async fn changed(&self, old: &str, ready: &Ready) -> Result<Vec<String>, Failure> {
        let mut lines = differences(old, &ready.document);
        let (before, now) = (digest(old), digest(&ready.document));
        let Some(store) = self.store.as_ref().filter(|_| before != now) else { return Ok(lines) };
        let had = match before {
            Some(before) => match store.get(&key(before)).await? {
                Some(bytes) => archive::read(&bytes).ok(),
                None => {
                    let gone = key(before);
                    lines.push(format!("its former folder, {gone}, is no longer there to be compared"));
                    return Ok(lines);
                }
            },
            None => None,
        };
        let has = ready.archive.as_ref().and_then(|archive| archive::read(&archive.bytes).ok());
        let of = changes(&had.unwrap_or_default(), &has.unwrap_or_default());
        lines.extend(of.iter().map(ToString::to_string));
        Ok(lines)
    }

    async fn remove(&self, left: &[&str], screen: &mut Screen<'_>) -> Result<(), Failure> {
        let ssm = aws_sdk_ssm::Client::new(self.session.config());
        for name in left {
            interrupt::something_begins(Begun::Recipes);
            let parameter = format!("{}/{name}", self.path);
            let sent = ssm.delete_parameter().name(&parameter).send().await;
            let call = format!("DeleteParameter of {parameter}");
            sent.map_err(|error| refused(self.session, &call, &self.session.home, &error))?;
        }
        let listed = left.join(", ");
        screen.say([format!("removed: {listed}. Their images stay; to let them go: kiln retire <recipe>")]);
        Ok(())
    }
}

/// Where the archive of a folder is in the bucket.
fn key(digest: &str) -> String {
    format!("archives/{digest}.tar.gz")
}

/// The digest of the archive that a document names.
fn digest(document: &str) -> Option<&str> {
    document.lines().find_map(|line| line.strip_prefix(ARCHIVE)?.strip_suffix('"'))
}

/// The lines that differ, each with a line around it; that of the archive is no news.
fn differences(old: &str, new: &str) -> Vec<String> {
    let written = |text: &str| -> String {
        text.lines().filter(|line| !line.starts_with(ARCHIVE)).map(|line| format!("{line}\n")).collect()
    };
    let (old, new) = (written(old), written(new));
    let found = TextDiff::from_lines(&old, &new).unified_diff().context_radius(1).to_string();
    let mut lines: Vec<String> = found.lines().map(str::to_owned).collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.truncate(MOST_LINES);
        lines.push(format!("… and {more} lines more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_shown_and_the_digest_of_the_archive_is_not() {
        let old = "archive = \"sha256:aa\"\nname = \"web\"\n[bake]\n";
        let new = "archive = \"sha256:bb\"\nname = \"web\"\n[bake]\ntimeout = \"5m\"\n";
        assert_eq!((digest(old), digest(new), digest("name = 1")), (Some("aa"), Some("bb"), None));
        let lines = differences(old, new);
        assert!(lines.contains(&"+timeout = \"5m\"".into()), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("sha256")), "{lines:?}");
        assert!(differences(old, old).is_empty());
    }

    #[test]
    fn a_long_document_is_not_shown_to_its_end() {
        let new: String = (0..100).map(|n| format!("line{n} = 1\n")).collect();
        let lines = differences("", &new);
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert!(lines[MOST_LINES].starts_with("… and "), "{lines:?}");
    }
}
