//! What every page has: its head, the way back, and its foot.

use maud::{DOCTYPE, Markup, html};

use super::time;
use crate::model::Catalog;

/// The style of all pages.
pub const STYLE: &str = "style.css";
/// The script of all pages. Without it, there is no filter and there are no buttons; all else is the same.
pub const SCRIPT: &str = "script.js";

/// Nothing but the catalogue's own style and script is loaded, whatever a page should come to contain.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// A page in its frame.
pub struct Frame<'a> {
    /// The title, for the browser's tab.
    pub title: &'a str,
    /// The way to the top: `""` on the first page, `"../"` on all others.
    pub up: &'a str,
    /// The links of the way back, the first page left out.
    pub way: &'a [Markup],
}

impl Frame<'_> {
    /// The whole page around its main part.
    pub fn around(&self, catalog: &Catalog, main: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    title { (self.title) }
                    // An empty picture: browsers then ask for no other.
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href={ (self.up) (STYLE) };
                    script src={ (self.up) (SCRIPT) } defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (self.top(catalog))
                    main #main tabindex="-1" { (main) }
                    (self.foot(catalog))
                }
            }
        }
    }

    fn top(&self, catalog: &Catalog) -> Markup {
        html! {
            header.top {
                nav aria-label="Way back" {
                    ol {
                        li { a.home href={ (self.up) "index.html" } { "Kiln catalogue" } }
                        @for link in self.way { li { (link) } }
                    }
                }
                p.where { "Account " span.id { (catalog.account) } ", home Region " span.id { (catalog.home) } }
            }
        }
    }

    fn foot(&self, catalog: &Catalog) -> Markup {
        let is_first = self.up.is_empty();
        let format = if is_first { "%-d %B %Y, %H:%M UTC" } else { "%-d %B %Y" };
        let made = if is_first { catalog.made_at } else { time::today(catalog.made_at) };
        html! {
            footer {
                p {
                    "Made by Kiln " (catalog.kiln) " from what it saw on " (made.format(format))
                    ". Ages count to that day. Tags on the images are the record; this is a picture of them. "
                    a href={ (self.up) "catalog.json" } { "The same as JSON" } "."
                }
            }
        }
    }
}
