//! A list of packages, and what differs between two.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::hash::hex;
use crate::model::{Change, Difference, Manager, Package};

/// The packages of one image: sorted, each once. So the same packages always give the same digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages(Vec<Package>);

impl FromIterator<Package> for Packages {
    fn from_iter<T: IntoIterator<Item = Package>>(packages: T) -> Self {
        Self(packages.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
    }
}

impl Packages {
    /// The packages, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Package> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The SHA-256 of the list, as hex. Each text is preceded by its length, so that no two lists are hashed alike.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for package in &self.0 {
            for text in [package.manager.word(), &package.name, &package.version] {
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text);
            }
        }
        hex(&hash.finalize())
    }

    fn by_name(&self) -> BTreeMap<(&str, Manager), Vec<&str>> {
        let mut found: BTreeMap<(&str, Manager), Vec<&str>> = BTreeMap::new();
        for package in &self.0 {
            found.entry((&package.name, package.manager)).or_default().push(&package.version);
        }
        found
    }
}

/// What differs in `after` from `before`, the packages of the release `from`. A package that is installed in several
/// versions at once, such as a kernel, is compared by all of them.
pub fn difference(from: &str, before: &Packages, after: &Packages) -> Difference {
    let (old, new) = (before.by_name(), after.by_name());
    let only_in = |this: &BTreeMap<(&str, Manager), Vec<&str>>,
                   other: &BTreeMap<(&str, Manager), Vec<&str>>| {
        let only = this.iter().filter(|(key, _)| !other.contains_key(*key));
        only.flat_map(|(&(name, manager), versions)| {
            versions.iter().map(move |version| Package {
                name: name.to_owned(),
                version: (*version).to_owned(),
                manager,
            })
        })
        .collect()
    };
    let changed = new.iter().filter_map(|(&(name, manager), versions)| {
        let were = old.get(&(name, manager)).filter(|were| *were != versions)?;
        Some(Change { name: name.to_owned(), from: were.join(", "), to: versions.join(", "), manager })
    });
    Difference {
        from: from.to_owned(),
        added: only_in(&new, &old),
        removed: only_in(&old, &new),
        changed: changed.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(texts: &[&str]) -> Packages {
        let package = |text: &&str| {
            let (name, version) = text.split_once('=').unwrap();
            Package { name: name.into(), version: version.into(), manager: Manager::Rpm }
        };
        texts.iter().map(package).collect()
    }

    #[test]
    fn the_digest_depends_on_the_packages_and_not_on_their_order() {
        let list = packages(&["curl=8.5", "bash=5.2"]);
        assert_eq!(list.digest(), packages(&["bash=5.2", "curl=8.5", "bash=5.2"]).digest());
        assert_ne!(list.digest(), packages(&["bash=5.2", "curl=8.6"]).digest());
        assert_ne!(packages(&["a=bc"]).digest(), packages(&["ab=c"]).digest());
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn a_difference_names_what_came_what_went_and_both_versions_of_what_changed() {
        let before = packages(&["bash=5.2", "curl=8.5", "telnet=1", "kernel=6.1", "kernel=6.2"]);
        let after = packages(&["bash=5.2", "curl=8.6", "nginx=1.24", "kernel=6.2", "kernel=6.3"]);
        let found = difference("20261116T020000Z", &before, &after);
        let names = |list: &[Package]| list.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&found.added), names(&found.removed)),
            (vec!["nginx".into()], vec!["telnet".into()])
        );
        let changed: Vec<_> =
            found.changed.iter().map(|one| (one.name.as_str(), one.from.as_str(), one.to.as_str())).collect();
        assert_eq!(changed, [("curl", "8.5", "8.6"), ("kernel", "6.1, 6.2", "6.2, 6.3")]);
        assert!(difference("x", &after, &after).is_empty());
    }
}
