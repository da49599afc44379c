//! The small pieces that every page is put together from.

use maud::{Markup, Render, html};

use super::path;
use crate::model::{Catalog, Cost, Findings, Link, Recipe, Stage};

/// How serious something is. Shown by a word and a mark; colour only repeats them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// It needs somebody now.
    Bad,
    /// Somebody should look at it.
    Warn,
    /// It is good to know.
    Note,
    /// It is as it should be.
    Good,
    /// It is over.
    Quiet,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Note => "note",
            Self::Good => "good",
            Self::Quiet => "quiet",
        }
    }
}

/// A text of somebody's, apart from what stands around it: its direction of writing stays its own.
pub fn own(text: impl Render) -> Markup {
    html! { bdi { (text) } }
}

/// What stands where nothing is known, in words.
pub fn nothing(words: &str) -> Markup {
    html! { span.nothing { (words) } }
}

/// A text to be copied as it is: an id, a command.
pub fn copied(text: &str) -> Markup {
    html! { code data-copy="" { (text) } }
}

/// A word with its mark.
pub fn badge(tone: Tone, word: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (word) } }
}

/// The stage of a version, with a mark of its own.
pub fn stage(stage: Stage) -> Markup {
    let tone = match stage {
        Stage::Released => Tone::Good,
        Stage::Captured | Stage::Verified | Stage::Published => Tone::Note,
        Stage::Rejected | Stage::Recalled => Tone::Bad,
        Stage::Disabled => Tone::Warn,
        Stage::Unchanged | Stage::Deregistered | Stage::Unknown => Tone::Quiet,
    };
    badge(tone, stage.word())
}

/// A number with its noun: `1 image`, `2 images`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Dollars a month. Below ten dollars the cents count.
pub fn dollars(cost: Cost) -> String {
    // The sum of nothing is a negative zero, which would be shown as one.
    let usd = cost.monthly_usd + 0.0;
    if usd < 9.995 { format!("${usd:.2}") } else { format!("${usd:.0}") }
}

/// The size of snapshots, with so many decimals.
pub fn gigabytes(cost: Cost, decimals: usize) -> String {
    // As above.
    format!("{:.decimals$} GB", cost.gb + 0.0)
}

/// The findings in a scan: those that need somebody first.
pub fn findings(found: Option<Findings>) -> Markup {
    let Some(found) = found else { return nothing("not scanned") };
    let all = [
        (found.critical, "critical", Tone::Bad),
        (found.high, "high", Tone::Warn),
        (found.medium, "medium", Tone::Quiet),
        (found.low, "low", Tone::Quiet),
    ];
    html! {
        span.findings {
            @for (number, word, tone) in all.into_iter().filter(|(number, ..)| *number > 0) {
                (badge(tone, &format!("{number} {word}"))) " "
            }
            @if all.iter().all(|(number, ..)| *number == 0) { (badge(Tone::Good, "none found")) }
        }
    }
}

/// Where a file lies: a link where a browser can follow it, else its name to be copied.
pub fn file(link: Option<&Link>, words: &str, depth: usize, missing: &str) -> Markup {
    let Some(link) = link else { return nothing(missing) };
    match link.href(depth) {
        Some(href) => html! { a href=(href) { (words) } },
        None => copied(link.as_str()),
    }
}

/// A version of a recipe, from that recipe's folder: a link, if there is a page of it.
pub fn version_here(recipe: &Recipe, version: &str) -> Markup {
    version_at(Some(recipe), version, || path::file(version))
}

/// A version of any recipe, from a page that lies `up` (`""` or `"../"`): a link, if there is a page of it.
pub fn version_of(catalog: &Catalog, recipe: &str, version: &str, up: &str) -> Markup {
    version_at(catalog.recipe(recipe), version, || format!("{up}{}", path::version(recipe, version)))
}

fn version_at(recipe: Option<&Recipe>, version: &str, href: impl Fn() -> String) -> Markup {
    match recipe.and_then(|recipe| recipe.version(version)) {
        Some(_) => html! { a.version href=(href()) { (own(version)) } },
        None => html! { span.version { (own(version)) } },
    }
}

/// A recipe, from a page that lies `up` (`""` or `"../"`): a link, if there is a page of it.
pub fn recipe(catalog: &Catalog, name: &str, up: &str) -> Markup {
    match catalog.recipe(name) {
        Some(_) => html! { a href={ (up) (path::recipe(name)) } { (own(name)) } },
        None => own(name),
    }
}

/// A sentence of Kiln's: reasons come without a full stop, and begin in lower case.
pub fn sentence(text: &str) -> Markup {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    own(format!("{first}{}{stop}", chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_a_sentence() {
        assert_eq!(sentence("it is used by i-1").into_string(), "<bdi>It is used by i-1.</bdi>");
        assert_eq!(sentence("").into_string(), "<bdi>.</bdi>");
    }

    #[test]
    fn nothing_costs_nothing() {
        let none: f64 = [0.0_f64; 0].iter().sum();
        let of = |monthly_usd| dollars(Cost { gb: 0.0, monthly_usd });
        assert_eq!([of(none), of(0.315), of(9.996), of(1234.5)], ["$0.00", "$0.32", "$10", "$1234"]);
        assert_eq!(gigabytes(Cost { gb: none, monthly_usd: none }, 0), "0 GB");
    }

    #[test]
    fn what_a_browser_cannot_follow_is_shown_to_be_copied() {
        let link = |text: &str| file(Some(&Link(text.into())), "log", 1, "not kept").into_string();
        assert_eq!(link("s3://b/k"), "<code data-copy=\"\">s3://b/k</code>");
        assert_eq!(link("logs/a.log"), "<a href=\"../logs/a.log\">log</a>");
        assert_eq!(link("javascript:alert(1)"), "<code data-copy=\"\">javascript:alert(1)</code>");
    }
}
