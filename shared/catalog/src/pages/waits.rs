//! What waits for a channel of its recipe: until a day, or until somebody approves it.

use maud::{Markup, html};

use super::commands;
use super::table::{table, text as words};
use super::text::{self, Tone, badge, copied, nothing, own};
use super::time::day;
use crate::model::{Catalog, Channel, Recipe, Wait};

/// All that waits, as a section; nothing if nothing does.
pub fn section(catalog: &Catalog) -> Markup {
    let all: Vec<(&Recipe, &Channel, &Wait)> = catalog.recipes.iter().flat_map(of_recipe).collect();
    let columns = [
        words("Recipe"),
        words("Version"),
        words("Channel"),
        words("Since"),
        words("Until"),
        words("Approve"),
    ];
    let row = |(recipe, channel, waiting): (&Recipe, &Channel, &Wait)| {
        vec![
            text::recipe(catalog, &recipe.name, ""),
            text::version_of(catalog, &recipe.name, &waiting.version, ""),
            own(&channel.name),
            day(waiting.since, catalog.made_at),
            for_what(catalog, waiting),
            match commands::approval(catalog, &recipe.name, channel) {
                Some(command) => copied(&command.line),
                None => nothing("not needed"),
            },
        ]
    };
    html! {
        @if !all.is_empty() {
            section aria-labelledby="waiting" {
                h2 #waiting { "Waits for a channel" }
                (table("waiting", &columns, all.into_iter().map(row)))
            }
        }
    }
}

fn of_recipe(recipe: &Recipe) -> impl Iterator<Item = (&Recipe, &Channel, &Wait)> {
    recipe.channels.iter().filter_map(move |channel| Some((recipe, channel, channel.waiting.as_ref()?)))
}

/// What it waits for.
pub fn for_what(catalog: &Catalog, waiting: &Wait) -> Markup {
    match waiting.comes_at {
        Some(at) => html! { "comes " (day(at, catalog.made_at)) },
        None => badge(Tone::Note, "waits for approval"),
    }
}
