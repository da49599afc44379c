use super::*;
use crate::files::File;
use crate::source::documents;

fn source(document: &str, files: &[&str]) -> Source {
    let mut of_folder = Files::new();
    for path in files {
        of_folder.insert(path, File { bytes: b"true\n".to_vec(), executable: false }).unwrap();
    }
    Source {
        path: "recipes/web/recipe.toml".into(),
        name: "web".into(),
        document: document.to_owned(),
        files: (!files.is_empty()).then_some(of_folder),
        left_out: Vec::new(),
    }
}

const BAKE: &str = "[bake]\nbase = \"ami-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n";

fn told(document: &str, files: &[&str]) -> Vec<String> {
    let bad = ready(&source(document, files)).into_iter().filter_map(Result::err);
    bad.flat_map(|bad| bad.violations).map(|violation| violation.to_string()).collect()
}

#[test]
fn every_sample_is_right() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/recipes");
    let found: Vec<_> =
        ["", "examples"].iter().flat_map(|below| documents(&samples.join(below)).unwrap()).collect();
    let read: Vec<_> = found.iter().flat_map(|document| ready(&Source::read(document).unwrap())).collect();
    assert!(read.len() >= 10, "{}", read.len());
    for one in read {
        // Where there is no history, a commit has no name.
        if let Err(bad) = one {
            assert!(bad.violations.iter().all(|one| one.problem.contains("git says")), "{bad}");
        }
    }
}

#[test]
fn a_file_alone_is_put_as_it_is() {
    let document = format!("# ours\nname = \"web\"\n{BAKE}");
    let [Ok(ready)] = &ready(&source(&document, &[]))[..] else { panic!() };
    assert_eq!((&ready.document, ready.archive.is_none()), (&document, true));
}

#[test]
fn a_folder_is_put_with_the_digest_of_its_archive_and_its_comments() {
    let document = format!("# ours\nname = \"web\"\n{BAKE}steps = [\"scripts/a.sh\"]\n");
    let [Ok(ready)] = &ready(&source(&document, &["scripts/a.sh", "files/b"]))[..] else { panic!() };
    let digest = &ready.archive.as_ref().unwrap().digest;
    assert_eq!(ready.document, format!("archive = \"sha256:{digest}\"\n{document}"));
    assert_eq!(ready.recipe.archive.as_ref().unwrap().hex(), digest);
}

#[test]
fn each_variant_is_a_recipe_of_its_own() {
    let document = "name = \"web\"\ntags = { of = \"${recipe.name} ${recipe.variant}\" }\n[publish]\nparameter = \"/golden/${recipe.name}\"\n\
        [variants.arm64]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\n[variants.x86]\nbase = \"ami-0b\"\ninstance_type = \"t3.small\"\n";
    let found: Vec<Ready> = ready(&source(document, &[])).into_iter().map(Result::unwrap).collect();
    let names: Vec<&str> = found.iter().map(|one| one.recipe.name.as_str()).collect();
    assert_eq!(names, ["web-arm64", "web-x86"]);
    assert_eq!(found[1].recipe.tags.get("of"), Some("web-x86 x86"));
    assert_eq!(found[1].recipe.publish.parameter.as_deref(), Some("/golden/web-x86"));
    assert_eq!(Recipe::parse("web-x86", &found[1].document).as_ref(), Ok(&found[1].recipe));
}

#[test]
fn a_step_that_would_do_nothing_is_refused() {
    let document = format!("name = \"web\"\n{BAKE}steps = [\"scripts/a\"]\n");
    for (text, told) in [(" \n", "is empty"), ("#!/bin/sh\r\ntrue\r\n", "line ends of Unix")] {
        let mut source = source(&document, &["files/b"]);
        let file = File { bytes: text.into(), executable: false };
        source.files.as_mut().unwrap().insert("scripts/a", file).unwrap();
        let bad = ready(&source).remove(0).unwrap_err();
        assert!(
            bad.to_string().contains("line 5: bake.steps[0]: scripts/a") && bad.to_string().contains(told),
            "{bad}"
        );
    }
}

#[test]
fn every_mistake_is_told_with_the_line_of_the_document_as_it_was_written() {
    let bake = |more: &str| format!("name = \"web\"\n{BAKE}{more}\n");
    assert_eq!(
        told(&bake("steps = [\"scripts/a.sh\"]"), &["files/b"]),
        ["line 5: bake.steps[0]: there is no scripts/a.sh in the recipe's folder"]
    );
    let line = |document: &str, files: &[&str]| {
        told(document, files)[0].split(": ").take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line(&bake("timeout = 3"), &["files/b"]), "line 5 bake.timeout");
    assert_eq!(line(&bake("[variants.arm64]\ntimeout = 3"), &[]), "line 6 bake.timeout");
    assert_eq!(line(&bake("[variants.arm64]\npublish = { parameter = 3 }"), &[]), "line 6 publish.parameter");
    assert_eq!(line(&bake("[variants]\narm64 = 3"), &[]), "line 6 variants.arm64");
    assert_eq!(line(&format!("archive = \"x\"\n{}", bake("")), &[]), "line 1 archive");
    assert_eq!(line("name = \"web", &[]), "line 1 the document");
    assert!(
        told(&format!("tags = {{ a = \"${{recipe.variant}}\" }}\n{}", bake("")), &[])[0]
            .contains("no variants")
    );
}
