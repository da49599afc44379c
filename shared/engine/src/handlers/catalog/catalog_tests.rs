use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{TimeDelta, TimeZone};
use futures::executor::block_on;
use kiln_core::events::inbound::history_prefix;
use kiln_core::expire::{Observed as ObservedRecipe, OneRecipe};
use kiln_core::model::{Contents, Stage};
use serde_json::json;

use super::*;
use crate::catalog::fixtures::*;

/// A bucket in memory, which tells what was read of it.
#[derive(Default)]
struct Shelf {
    objects: BTreeMap<String, Vec<u8>>,
    read: RefCell<Vec<String>>,
}

impl Store for Shelf {
    fn place(&self, key: &str) -> String {
        format!("s3://bucket/{key}")
    }

    async fn put_object(&self, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }

    async fn put_page(&self, _: &str, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }

    async fn keys_below(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }

    async fn object(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.read.borrow_mut().push(key.to_owned());
        Ok(self.objects.get(key).cloned())
    }
}

/// A history of so many events, one in each minute, each told twice.
fn told(many: i64) -> Shelf {
    let begun = Utc.with_ymd_and_hms(2026, 1, 1, 2, 0, 0).unwrap();
    let event = |n: i64| {
        let time = begun + TimeDelta::minutes(n);
        let detail =
            json!({ "id": format!("{:04x}", n / 2), "recipe": "web", "version": "20260101T020000Z" });
        let event = json!({ "detail-type": "Bake Failed", "time": time.to_rfc3339(), "detail": detail });
        let past = Past::read(&event).unwrap();
        (past.key(), past.body().into_bytes())
    };
    Shelf { objects: (0..many).map(event).collect(), read: RefCell::default() }
}

#[test]
fn of_a_long_history_the_hundred_newest_entries_are_read_and_each_event_counts_once() {
    let shelf = told(250);
    let history = block_on(observe::history(&shelf, &web())).unwrap();
    assert_eq!(shelf.read.borrow().len(), 100);
    let oldest = shelf.read.borrow().iter().min().cloned().unwrap();
    assert!(oldest.starts_with(&format!("{}20260101T043000Z", history_prefix(&web()))), "{oldest}");
    assert_eq!(history.len(), 50, "what was told twice is one event");
    assert!(history.is_sorted_by(|one, other| one.time <= other.time));
}

#[test]
fn an_entry_that_cannot_be_read_costs_that_entry_alone() {
    let mut shelf = told(4);
    shelf.objects.insert(format!("{}20260101T020030Z-x.json", history_prefix(&web())), b"no".to_vec());
    assert_eq!(block_on(observe::history(&shelf, &web())).unwrap().len(), 2);
}

#[test]
fn of_many_versions_the_lists_of_the_fifty_newest_are_read() {
    let listed = [(tags::CONTENTS, "packages=1 sha256=00")];
    let images = (0..60).map(|n| image(n, Stage::Released, &listed)).collect();
    let observed = ObservedRecipe {
        recipe: Some(recipe()),
        retired_at: None,
        images: [(home(), Ok(images))].into(),
        removed: vec![],
    };
    let (name, home, shelf) = (web(), home(), Shelf::default());
    let mut seen = SeenRecipe {
        name: &name,
        one: OneRecipe::of(&observed, &home),
        decided: vec![],
        rows: BTreeMap::new(),
        pointers: BTreeMap::new(),
        history: vec![],
        listed: BTreeMap::new(),
        findings: BTreeMap::new(),
    };
    let mut putting = Putting::new(&shelf, Digests::default(), false);
    block_on(read_contents(&shelf, &mut seen, &mut putting)).unwrap();
    let key = |n| contents_key(&ImageName { recipe: web(), version: version(n) });
    let mut read = shelf.read.take();
    read.sort();
    assert_eq!(read, (10..60).map(key).collect::<Vec<_>>());
    assert_eq!((putting.put, seen.listed.len()), (0, 0), "a list that is not there is no file");
}

#[test]
fn the_recipe_that_was_kept_beside_a_list_is_a_file_of_its_own_and_its_digest_is_told() {
    let list = "kernel 6.12\ndpkg nginx 1.28.0-1 arm64\n";
    let kept = Kept { contents: Contents::new(list), recipe: Some("name = \"web\"\n".into()) };
    let key = contents_key(&ImageName { recipe: web(), version: version(39) });
    let objects = [(key, kept.text().into_bytes())].into();
    let shelf = Shelf { objects, read: RefCell::default() };
    let images = vec![image(39, Stage::Released, &[(tags::CONTENTS, "packages=1 sha256=00")])];
    let observed = ObservedRecipe {
        recipe: Some(recipe()),
        retired_at: None,
        images: [(home(), Ok(images))].into(),
        removed: vec![],
    };
    let (name, home) = (web(), home());
    let mut seen = SeenRecipe {
        name: &name,
        one: OneRecipe::of(&observed, &home),
        decided: vec![],
        rows: BTreeMap::new(),
        pointers: BTreeMap::new(),
        history: vec![],
        listed: BTreeMap::new(),
        findings: BTreeMap::new(),
    };
    let mut putting = Putting::new(&shelf, Digests::default(), false);
    block_on(read_contents(&shelf, &mut seen, &mut putting)).unwrap();
    assert_eq!(putting.put, 4, "the list, two bills and the recipe");
    let path = contents::baked_by_path(&ImageName { recipe: web(), version: version(39) });
    assert_eq!(path, "web/20260209T020000Z.recipe.toml");
    let digest = seen.listed[&version(39)].recipe.clone().unwrap();
    assert_eq!(digest, kiln_core::model::kept::digest("name = \"web\"\n"));
}

#[test]
fn what_cannot_be_made_is_an_error_and_no_empty_file() {
    let error = serde_json::from_str::<u8>("no").unwrap_err();
    let error = unmade("the document")(error);
    assert_eq!(error.kind(), "Kiln.BadDocument");
    assert!(error.to_string().contains("what lay there before is still there"), "{error}");
}
