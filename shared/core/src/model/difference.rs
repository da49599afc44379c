//! What differs between the contents of two images.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::contents::{Contents, Package};
use crate::model::version::Version;

/// The most packages that one list of a difference names. An upgrade of a whole distribution changes more; then their
/// number is told. It keeps an event below the limits of what an EventBridge rule may send it to.
pub const MOST_PACKAGES: usize = 500;

/// What differs from the contents of the release before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The version of that release.
    pub from: String,
    /// The packages that it lacks.
    pub added: Vec<Named>,
    /// The packages that it alone has.
    pub removed: Vec<Named>,
    /// The packages of which it has another version.
    pub changed: Vec<Changed>,
    /// How many more packages differ than are listed here; absent if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<usize>,
    /// The release of the kernel, if that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<FromTo>,
    /// The release of the operating system, if that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<FromTo>,
}

/// A package that one of two images has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A package of which two images have different versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// The versions.
    #[serde(flatten)]
    pub versions: FromTo,
}

/// What was, and what is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FromTo {
    /// What was.
    pub from: String,
    /// What is.
    pub to: String,
}

impl FromTo {
    fn of(from: Option<&str>, to: Option<&str>) -> Option<Self> {
        let text = |one: Option<&str>| one.unwrap_or_default().to_owned();
        (from != to).then(|| Self { from: text(from), to: text(to) })
    }
}

/// Packages by manager, name and architecture: of some, such as kernels, an image has several versions.
type ByName<'a> = BTreeMap<(&'a str, &'a str, &'a str), Vec<&'a str>>;

fn by_name(contents: &Contents) -> ByName<'_> {
    let mut all = ByName::new();
    for Package { manager, name, arch, version } in contents.packages() {
        all.entry((manager, name, arch)).or_default().push(version);
    }
    all
}

impl Difference {
    /// What is different in `new`. `from` is the version of the release that has `old`.
    pub fn between(from: Version, old: &Contents, new: &Contents) -> Self {
        let (before, after) = (by_name(old), by_name(new));
        let mut difference = Self {
            from: from.to_string(),
            kernel: FromTo::of(old.kernel(), new.kernel()),
            os: FromTo::of(old.release(), new.release()),
            ..Self::default()
        };
        let none = Vec::new();
        let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
        for key @ (_, name, _) in keys {
            let [was, is] = [&before, &after].map(|all| all.get(key).unwrap_or(&none));
            let named = |version: &&str| Named { name: (*name).to_owned(), version: (*version).to_owned() };
            let only = |here: &[&'_ str], there: &[&str]| -> Vec<Named> {
                here.iter().filter(|version| !there.contains(version)).map(named).collect()
            };
            let (gone, came) = (only(was, is), only(is, was));
            match (gone.as_slice(), came.as_slice()) {
                ([gone], [came]) => difference.changed.push(Changed {
                    name: (*name).to_owned(),
                    versions: FromTo { from: gone.version.clone(), to: came.version.clone() },
                }),
                _ => {
                    difference.removed.extend(gone);
                    difference.added.extend(came);
                }
            }
        }
        difference.added.sort_by(|one, other| one.name.cmp(&other.name));
        difference.bounded()
    }

    fn bounded(mut self) -> Self {
        let all = self.added.len() + self.removed.len() + self.changed.len();
        self.added.truncate(MOST_PACKAGES);
        self.removed.truncate(MOST_PACKAGES);
        self.changed.truncate(MOST_PACKAGES);
        let more = all - self.added.len() - self.removed.len() - self.changed.len();
        self.more = (more > 0).then_some(more);
        self
    }

    /// Whether nothing differs that is listed.
    pub fn is_empty(&self) -> bool {
        let Self { from: _, added, removed, changed, more, kernel, os } = self;
        added.is_empty()
            && removed.is_empty()
            && changed.is_empty()
            && more.is_none()
            && kernel.is_none()
            && os.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn between(old: &str, new: &str) -> Difference {
        let from = "20261123T020000Z".parse().unwrap();
        Difference::between(from, &Contents::new(old), &Contents::new(new))
    }

    fn told(difference: &Difference) -> [String; 3] {
        let named = |all: &[Named]| {
            all.iter().map(|one| format!("{} {};", one.name, one.version)).collect::<String>()
        };
        let changed = difference.changed.iter();
        let changed = changed.map(|one| format!("{} {}>{};", one.name, one.versions.from, one.versions.to));
        [named(&difference.added), named(&difference.removed), changed.collect()]
    }

    #[test]
    fn what_came_went_and_changed_is_told_with_both_versions() {
        let old = "kernel 6.1\nos PRETTY_NAME=\"Debian 12\"\ndpkg a 1 all\ndpkg b 1 amd64\ndpkg c 1 amd64\n";
        let new = "kernel 6.12\nos PRETTY_NAME=\"Debian 13\"\ndpkg b 1 amd64\ndpkg c 2 amd64\ndpkg d 1 all\n";
        let difference = between(old, new);
        assert_eq!(told(&difference), ["d 1;", "a 1;", "c 1>2;"]);
        let [kernel, os] = [&difference.kernel, &difference.os].map(|one| one.clone().unwrap());
        assert_eq!((kernel.from.as_str(), kernel.to.as_str(), os.to.as_str()), ("6.1", "6.12", "Debian 13"));
        assert!(between(old, old).is_empty() && !difference.is_empty());
    }

    #[test]
    fn of_a_package_that_an_image_has_more_than_once_each_version_counts() {
        let old = "rpm kernel 6.1-1 x86_64\nrpm kernel 6.1-2 x86_64\n";
        let new = "rpm kernel 6.1-2 x86_64\nrpm kernel 6.1-3 x86_64\n";
        assert_eq!(told(&between(old, new)), ["", "", "kernel 6.1-1>6.1-3;"]);
        let two = format!("{new}rpm kernel 6.1-4 x86_64\n");
        assert_eq!(told(&between(old, &two)), ["kernel 6.1-3;kernel 6.1-4;", "kernel 6.1-1;", ""]);
    }

    #[test]
    fn the_same_name_of_another_architecture_is_another_package() {
        assert_eq!(told(&between("dpkg c 1 amd64\n", "dpkg c 1 amd64\ndpkg c 1 i386\n")), ["c 1;", "", ""]);
    }

    #[test]
    fn a_difference_is_bounded_and_says_how_much_more_there_is() {
        let many: String = (0..700).map(|n| format!("dpkg package-{n} 1 all\n")).collect();
        let difference = between("", &many);
        assert_eq!((difference.added.len(), difference.more), (MOST_PACKAGES, Some(200)));
    }

    proptest! {
        #[test]
        fn the_way_back_is_the_reverse(
            old in proptest::collection::vec(("[a-e]", "[1-3]"), 0..8), new in proptest::collection::vec(("[a-e]", "[1-3]"), 0..8),
        ) {
            let text = |all: &[(String, String)]| {
                let all: std::collections::BTreeSet<_> = all.iter().collect();
                all.into_iter().map(|(name, version)| format!("dpkg {name} {version} all\n")).collect::<String>()
            };
            let (old, new) = (text(&old), text(&new));
            let (there, back) = (told(&between(&old, &new)), told(&between(&new, &old)));
            prop_assert_eq!((&there[0], &there[1]), (&back[1], &back[0]));
            prop_assert_eq!(there.iter().all(String::is_empty), old == new);
        }
    }
}
