//! The pages as a whole: what is escaped, what a link leads to, how large they are.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]
// Not every test uses all of the sample.
#![allow(dead_code)]

#[path = "../examples/sample/fleet.rs"]
mod fleet;
#[path = "../examples/sample/hostile.rs"]
mod hostile;
#[path = "../examples/sample/installed.rs"]
mod installed;
#[path = "../examples/sample/story.rs"]
mod story;
#[path = "../examples/sample/twists.rs"]
mod twists;

use std::collections::BTreeSet;
use std::time::Instant;

use kiln_catalog::{Catalog, Page, pages};

fn html(catalog: &Catalog) -> Vec<Page> {
    pages(catalog).filter(|page| page.path.ends_with(".html")).collect()
}

#[test]
fn no_text_of_anybodys_becomes_an_element_or_leaves_its_attribute() {
    let pages = html(&hostile::catalog());
    assert_eq!(pages.len(), 1 + 2 + 2 * 3);
    for page in pages {
        for tag in ["<script>document", "<img", "</title></style>", "<!-- "] {
            assert!(!page.body.contains(tag), "{}: {tag}", page.path);
        }
        assert_eq!(page.body.matches("<script").count(), 1, "{}", page.path);
        assert!(page.body.contains("&lt;script&gt;document.title="), "{}: the text is there", page.path);
        assert!(!page.body.contains("href=\"javascript:"), "{}", page.path);
        assert!(!page.body.contains(">kiln "), "{}: a command with such a name", page.path);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-./~".contains(&byte);
        assert!(page.path.bytes().all(is_plain), "{}", page.path);
    }
}

#[test]
fn every_link_of_the_sample_leads_to_a_page_or_a_file() {
    let (catalog, files) = story::catalog();
    let mut there: BTreeSet<String> = pages(&catalog).map(|page| page.path).collect();
    there.extend(files.into_iter().map(|(path, _)| path));
    there.insert("catalog.json".into());
    let mut seen = 0;
    for page in html(&catalog) {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in page.body.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            if link.starts_with('#') || link.starts_with("data:") {
                continue;
            }
            let target = match link.strip_prefix("../") {
                Some(rest) => rest.to_owned(),
                None if folder.is_empty() => link.to_owned(),
                None => format!("{folder}/{link}"),
            };
            assert!(there.contains(&target), "{} leads to {target}, which is not there", page.path);
            seen += 1;
        }
    }
    assert!(seen > 500, "only {seen} links");
}

#[test]
fn nothing_is_loaded_from_anywhere_else_and_nothing_runs_inline() {
    for page in html(&story::catalog().0) {
        for word in ["http://", "https://", " style=", " onclick=", "<style"] {
            assert!(!page.body.contains(word), "{}: {word}", page.path);
        }
        assert!(page.body.contains("default-src 'none'; style-src 'self'; script-src 'self'"));
    }
}

#[test]
fn the_pages_of_a_later_hour_of_the_same_day_are_the_same_but_for_the_first() {
    let (mut catalog, _) = story::catalog();
    let before: Vec<Page> = pages(&catalog).collect();
    catalog.made_at += chrono::TimeDelta::hours(5);
    let changed: Vec<String> = before
        .iter()
        .zip(pages(&catalog))
        .filter(|(a, b)| **a != *b)
        .map(|(page, _)| page.path.clone())
        .collect();
    // The bake that is under way passed its deadline meanwhile.
    assert_eq!(changed, ["index.html", "gpu-train/index.html"]);
}

#[test]
fn every_command_is_one_of_kiln_and_names_the_home_region() {
    let reference = include_str!("../../../docs/reference/command-line.md");
    let pages = html(&story::catalog().0);
    let lines = pages.iter().flat_map(|page| page.body.split(">kiln ").skip(1));
    let lines: BTreeSet<&str> = lines.map(|rest| rest.split('<').next().unwrap()).collect();
    let words: BTreeSet<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(
        words,
        BTreeSet::from([
            "approve",
            "explain",
            "hold",
            "plan",
            "preflight",
            "recall",
            "reinstate",
            "restore",
            "retest",
            "rollback",
        ]),
        "each is shown somewhere"
    );
    for word in words {
        assert!(reference.contains(&format!("\n## {word}\n")), "{word} is no command of kiln");
    }
    assert!(lines.iter().all(|line| line.ends_with(" --region us-east-1")), "{lines:?}");
    for line in [
        "approve base-al2023 certified",
        "recall web 20261126T020000Z --why WHY",
        "reinstate bastion 20261124T020000Z",
        "rollback web --to 20261119T020000Z",
    ] {
        assert!(lines.contains(format!("{line} --region us-east-1").as_str()), "{line}: {lines:?}");
    }
}

#[test]
fn what_waits_for_a_channel_stands_on_the_first_page_and_on_that_of_its_recipe() {
    let (mut catalog, _) = story::catalog();
    let page = |catalog: &Catalog, path: &str| pages(catalog).find(|page| page.path == path).unwrap().body;
    let approval = ">kiln approve base-al2023 certified --region us-east-1<";
    for path in ["index.html", "base-al2023/index.html", "base-al2023/20261119T020000Z.html"] {
        let body = page(&catalog, path);
        assert!(body.contains(approval), "{path}");
    }
    let first = page(&catalog, "index.html");
    assert!(
        first.contains("Waits for a channel") && first.contains("29 Nov 2026"),
        "the other comes by itself"
    );
    assert!(!page(&catalog, "base-al2023/20261126T020000Z.html").contains(approval));
    catalog.recipes.iter_mut().for_each(|recipe| recipe.channels.clear());
    assert!(!page(&catalog, "index.html").contains("Waits for a channel"));
}

#[test]
fn whom_a_version_is_shared_with_stands_by_name_or_that_it_is_unknown() {
    let (mut catalog, _) = story::catalog();
    let page = |catalog: &Catalog| {
        pages(catalog).find(|page| page.path == "web/20261126T020000Z.html").unwrap().body
    };
    let known = page(&catalog);
    assert!(known.contains("Shared with 4 others") && known.contains("organization/o-1a2b3c4d5e"));
    let version = |catalog: &mut Catalog, with| {
        let recipe = catalog.recipes.iter_mut().find(|one| one.name == "web").unwrap();
        recipe.versions[0].shared_with = with;
    };
    version(&mut catalog, Some(vec![]));
    assert!(page(&catalog).contains("It is shared with nobody else."));
    version(&mut catalog, None);
    assert!(page(&catalog).contains("Who it is shared with is unknown."));
}

#[test]
fn a_document_of_a_catalogue_is_read_back_as_it_was() {
    let (catalog, _) = story::catalog();
    let text = serde_json::to_string(&catalog).unwrap();
    assert_eq!(serde_json::from_str::<Catalog>(&text).unwrap(), catalog);
    assert!(!text.contains("null"), "what is not known is left out");
}

#[test]
fn the_first_page_of_200_recipes_is_at_most_500_kb() {
    let catalog = fleet::catalog(200, 4, 5);
    let index = pages(&catalog).find(|page| page.path == "index.html").unwrap();
    assert!(index.body.len() <= 500_000, "{} bytes", index.body.len());
}

#[test]
#[ignore = "it measures time, which needs an optimised build and a quiet machine"]
fn two_hundred_recipes_of_fifty_releases_take_at_most_ten_seconds() {
    let catalog = fleet::catalog(200, 50, 5);
    let begun = Instant::now();
    let (count, bytes) =
        pages(&catalog).fold((0, 0), |(count, bytes), page| (count + 1, bytes + page.body.len()));
    let took = begun.elapsed();
    println!("{count} files, {bytes} bytes, {} ms", took.as_millis());
    assert_eq!(count, 3 + 200 + 200 * 50);
    assert!(took.as_secs() < 10, "{took:?}");
}
