//! Where a version is: its image in each Region, and who may launch it.

use maud::{Markup, html};

use super::table::{table, text as words};
use super::text::{Tone, badge, copied, count, nothing};
use super::time::day;
use crate::model::{Catalog, Image, Sharing, State, Version};

/// The section.
pub fn section(catalog: &Catalog, version: &Version) -> Markup {
    let columns = [words("Region"), words("Image"), words("State"), words("Leaves"), words("Shared with")];
    let row = |image: &Image| {
        vec![
            html! { span.id { (image.region) } },
            copied(&image.image),
            state(image.state),
            leaves(catalog, image),
            image.sharing.map_or_else(|| nothing("unknown"), sharing),
        ]
    };
    html! {
        section aria-labelledby="images" {
            h2 #images { "Where it is" }
            @if version.images.is_empty() { p { (nothing("It has no image any more: only its record is left.")) } }
            @else {
                (table("images", &columns, version.images.iter().map(row)))
                (shared_with(version))
            }
        }
    }
}

/// Who may launch it, by name. The table has their numbers, for each image.
fn shared_with(version: &Version) -> Markup {
    html! {
        @match version.shared_with.as_deref() {
            None => p.small { (nothing("Who it is shared with is unknown.")) },
            Some([]) => p.small { "It is shared with nobody else." },
            Some(some) => {
                details.small {
                    summary { "Shared with " (count(some.len(), "other")) }
                    ul { @for one in some { li { (copied(one)) } } }
                }
            },
        }
    }
}

fn state(state: State) -> Markup {
    let tone = match state {
        State::Available => Tone::Good,
        State::Pending => Tone::Note,
        State::Failed => Tone::Bad,
        State::Disabled => Tone::Warn,
        State::Deregistered | State::Unknown => Tone::Quiet,
    };
    badge(tone, state.word())
}

/// What was done to remove it, and what EC2 does by itself.
fn leaves(catalog: &Catalog, image: &Image) -> Markup {
    let now = catalog.made_at;
    let steps = [
        (
            image.deprecated_at,
            if image.deprecated_at.is_some_and(|at| at > now) { "deprecates" } else { "deprecated" },
        ),
        (image.disabled_at, "disabled"),
        (image.deregistered_at, "deregistered"),
    ];
    let taken: Vec<_> = steps.into_iter().filter_map(|(at, word)| Some((at?, word))).collect();
    html! {
        @if taken.is_empty() { (nothing("no date")) }
        @for (at, word) in taken { div { (word) " " (day(at, now)) } }
    }
}

fn sharing(sharing: Sharing) -> Markup {
    let some: Vec<_> = [
        (sharing.accounts, "account"),
        (sharing.organizations, "organization"),
        (sharing.organizational_units, "organizational unit"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, noun)| count(number as usize, noun))
    .collect();
    html! {
        @if sharing.everyone { (badge(Tone::Warn, "everyone")) }
        @else if some.is_empty() { "nobody else" }
        @else { (some.join(", ")) }
    }
}
