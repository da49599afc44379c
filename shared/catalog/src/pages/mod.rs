//! The pages that people read: static HTML that works from a folder as well as from S3.
//!
//! Each page is made when it is asked for, so no more than one is in memory. What a page says changes with the document
//! and, for its ages, at midnight UTC, never with the minute at which it was made; only the first page says that. So
//! whoever puts the pages can leave out those whose bytes are there already.

mod attention;
mod commands;
mod facts;
mod index;
mod layout;
mod path;
mod recipe;
mod releases;
mod table;
mod text;
mod time;
mod version;
mod version_images;
mod waits;

use crate::model::{Catalog, Recipe};

/// A file of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it lies, relative to the catalogue: `index.html`, `web/20261126T020000Z.html`. Only of letters, digits,
    /// `-`, `.`, `~` and `/`, whatever the names in the document are.
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub body: String,
}

impl Page {
    fn html(path: String, body: maud::Markup) -> Self {
        Self { path, media_type: "text/html; charset=utf-8", body: body.into_string() }
    }
}

/// All files of the catalogue but `catalog.json` and what its links lead to: the style, the script, the first page, and
/// a page for each recipe and each version.
pub fn pages(catalog: &Catalog) -> impl Iterator<Item = Page> {
    let style = Page {
        path: layout::STYLE.into(),
        media_type: "text/css; charset=utf-8",
        body: include_str!("style.css").into(),
    };
    let script = Page {
        path: layout::SCRIPT.into(),
        media_type: "text/javascript; charset=utf-8",
        body: include_str!("script.js").into(),
    };
    let index = || Page::html("index.html".into(), index::page(catalog));
    let files = [style, script].into_iter().chain(std::iter::once_with(index));
    files.chain(catalog.recipes.iter().flat_map(move |recipe| of_recipe(catalog, recipe)))
}

fn of_recipe<'a>(catalog: &'a Catalog, recipe: &'a Recipe) -> impl Iterator<Item = Page> + use<'a> {
    let own = move || Page::html(path::recipe(&recipe.name), recipe::page(catalog, recipe));
    let version = move |at: usize| {
        let version = &recipe.versions[at];
        Page::html(path::version(&recipe.name, &version.version), version::page(catalog, recipe, at))
    };
    std::iter::once_with(own).chain((0..recipe.versions.len()).map(version))
}
