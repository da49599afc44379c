//! What the stack's bucket keeps of a version, as one object: what its tester listed, and the recipe that it was baked by.

use sha2::{Digest as _, Sha256};

use crate::model::contents::Contents;
use crate::model::program::Digest;

/// What begins the line between the list and the recipe. Behind it stands the digest of all that follows.
const MARK: &str = "\nkiln-recipe ";

/// What is kept of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What its tester listed.
    pub contents: Contents,
    /// The document of the recipe that it was baked by; `None` if that is not known.
    pub recipe: Option<String>,
}

impl Kept {
    /// As it is kept: the list as it is, and the recipe behind it.
    pub fn text(&self) -> String {
        let list = self.contents.text();
        match &self.recipe {
            Some(recipe) => format!("{list}{MARK}{}\n{recipe}", digest(recipe)),
            None => list.to_owned(),
        }
    }

    /// Reads what was kept. A list in which a line looks like the one before a recipe is a list: its digest tells.
    pub fn read(text: &str) -> Self {
        let split = |(at, _): (usize, &str)| {
            let (told, recipe) = text[at + MARK.len()..].split_once('\n')?;
            (told.parse() == Ok(digest(recipe))).then(|| (&text[..at], recipe))
        };
        match text.rmatch_indices(MARK).find_map(split) {
            Some((list, recipe)) => Self { contents: Contents::new(list), recipe: Some(recipe.to_owned()) },
            None => Self { contents: Contents::new(text), recipe: None },
        }
    }
}

/// The digest of the document of a recipe.
pub fn digest(recipe: &str) -> Digest {
    Digest::of(&Sha256::digest(recipe))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::contents::tests::LIST;

    fn kept(list: &str, recipe: Option<&str>) -> Kept {
        Kept { contents: Contents::new(list), recipe: recipe.map(str::to_owned) }
    }

    #[test]
    fn what_was_kept_before_recipes_were_is_a_list() {
        assert_eq!(Kept::read(LIST), kept(LIST, None));
        assert_eq!(kept(LIST, None).text(), LIST);
    }

    #[test]
    fn no_line_of_a_list_is_taken_for_a_recipe_and_the_digest_of_the_list_stays() {
        for forged in
            [format!("{LIST}{MARK}sha256:00\nname = \"x\""), format!("{LIST}{MARK}{}\nno", digest("yes"))]
        {
            assert_eq!(Kept::read(&forged), kept(&forged, None));
            let both = kept(&forged, Some("name = \"web\""));
            let read = Kept::read(&both.text());
            assert_eq!(read, both);
            assert_eq!(read.contents.digest(), Contents::new(forged).digest());
        }
    }

    proptest! {
        #[test]
        fn a_list_and_a_recipe_are_read_back(list in "(dpkg [ -~]{0,30}\n){0,9}", recipe in proptest::option::of("([ -~]{0,30}\n){0,9}")) {
            let kept = kept(&list, recipe.as_deref());
            prop_assert_eq!(Kept::read(&kept.text()), kept);
        }
    }
}
