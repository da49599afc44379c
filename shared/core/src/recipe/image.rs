//! `[image]`: what the images themselves say.

use super::names::{self, of_base};
use super::table_reader::TableReader;
use super::types::{ImageSettings, Recipe};
use super::validate::optional;
use super::violation::Violations;
use crate::model::{Tags, tags};

/// EC2 takes 255 characters, and Kiln needs some for itself.
const MOST_CHARACTERS: usize = 120;
const DESCRIPTION: &str = "a text of 1 to 120 printable ASCII characters";

const V2: &str = "v2.0";
const IMDS: &str = "\"v2.0\": an image cannot allow less than its base";

/// Reads `[image]`.
pub(super) fn image(root: &mut TableReader<'_>, violations: &mut Violations) -> ImageSettings {
    let mut table = root.table("image", violations);
    let description = optional(&mut table, "description", DESCRIPTION, is_description, violations);
    let imds = optional(&mut table, "imds", IMDS, |text| text == V2, violations);
    table.end(violations);
    ImageSettings { description, imds_v2: imds.is_some() }
}

fn is_description(text: &str) -> bool {
    let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    (1..=MOST_CHARACTERS).contains(&text.len()) && text.bytes().all(is_printable)
}

impl Recipe {
    /// The user's own tags, on what bears the tags `of` or will: they tell the base of a bake.
    pub fn own_tags(&self, of: &Tags) -> Tags {
        let value = |text: &str| of_base(text, of).chars().take(tags::MOST_CHARACTERS).collect::<String>();
        let own: Tags = self.tags.iter().map(|(key, text)| (key.to_owned(), value(text))).collect();
        match of.get(tags::BASE_NAME).filter(|_| self.tells_base_name()) {
            Some(name) => own.with(tags::BASE_NAME, name),
            None => own,
        }
    }

    /// The description of a home image, for a builder that bears the tags `of`; `None` if the recipe names none.
    pub fn image_description(&self, of: &Tags) -> Option<String> {
        Some(of_base(self.image.description.as_ref()?, of))
    }

    fn tells_base_name(&self) -> bool {
        let texts = self.tags.iter().map(|(_, text)| text).chain(self.image.description.as_deref());
        texts.into_iter().any(names::tells_base_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(head: &str, image: &str) -> Result<Recipe, crate::recipe::BadRecipe> {
        let document = format!(
            "name = \"web\"\n{head}\n[bake]\nbase = \"ami-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n{image}\n"
        );
        Recipe::parse("web", &document)
    }

    #[test]
    fn tags_and_description_tell_the_base_of_the_bake() {
        let recipe = parsed(
            "tags = { team = \"platform\", base = \"${base.name}\", of = \"${base.id}\" }",
            "[image]\ndescription = \"nginx on ${base.name}\"",
        )
        .unwrap();
        let of = Tags::new().with(tags::BASE, "ami-0a").with(tags::BASE_NAME, "al2023 of today");
        let own = recipe.own_tags(&of);
        assert_eq!((own.get("base"), own.get("of")), (Some("al2023 of today"), Some("ami-0a")));
        assert_eq!(own.get(tags::BASE_NAME), Some("al2023 of today"), "what is made of it needs it too");
        assert_eq!(recipe.image_description(&of).as_deref(), Some("nginx on al2023 of today"));
        assert_eq!(parsed("", "").unwrap().own_tags(&of), Tags::new());
    }

    #[test]
    fn imds_is_version_2_or_as_the_base_has_it() {
        assert!(parsed("", "[image]\nimds = \"v2.0\"").unwrap().image.imds_v2);
        assert!(!parsed("", "").unwrap().image.imds_v2);
        assert_eq!(parsed("", "[image]\nimds = \"v1.0\"").unwrap_err().violations[0].field, "image.imds");
    }

    #[test]
    fn a_description_that_ec2_does_not_take_is_refused() {
        for wrong in ["", "é", "two\\nlines", &"x".repeat(121)] {
            let bad = parsed("", &format!("[image]\ndescription = \"{wrong}\"")).unwrap_err().violations;
            assert_eq!(bad[0].field, "image.description", "{bad:?}");
        }
    }
}
