//! Checks recipes without an account.

use std::path::PathBuf;

use kiln_recipes::{Checked, Mistake, check};
use serde_json::json;

use crate::arguments::Format;
use crate::screen::Screen;
use crate::{Done, exit};

/// Checks all recipes below these paths, and lists every mistake.
pub(super) fn validate(paths: &[PathBuf], format: Format, screen: &mut Screen<'_>) -> Done {
    let found = check(paths);
    screen.say(lines(&found, format));
    let place =
        |mistake: &Mistake| json!({ "path": mistake.path, "line": mistake.line, "problem": mistake.problem });
    let mistakes: Vec<_> = found.bad.iter().flat_map(kiln_recipes::Bad::mistakes).collect();
    let document = json!({
        "valid": found.valid.iter().map(|(path, name)| json!({ "path": path, "recipe": name })).collect::<Vec<_>>(),
        "left_out": found.left_out.iter().map(|(_, path)| path).collect::<Vec<_>>(),
        "mistakes": mistakes.iter().map(place).collect::<Vec<_>>(),
    });
    Done { document, code: if mistakes.is_empty() { exit::DONE } else { exit::FAILED } }
}

fn lines(found: &Checked, format: Format) -> Vec<String> {
    let mistakes = found.bad.iter().flat_map(kiln_recipes::Bad::mistakes);
    let mistakes: Vec<_> = mistakes.collect();
    if format == Format::Github {
        return mistakes.iter().map(annotation).collect();
    }
    let mut lines: Vec<_> = found
        .left_out
        .iter()
        .map(|(document, path)| format!("{document}: left out: {path}, by its name"))
        .collect();
    lines.extend(found.valid.iter().map(|(document, name)| format!("{document}: recipe {name} is valid")));
    lines.extend(mistakes.iter().map(ToString::to_string));
    let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    lines.push(format!("{}, {}", many(found.valid.len(), "valid recipe"), many(mistakes.len(), "mistake")));
    lines
}

/// As GitHub Actions shows it beside the line.
/// (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>)
fn annotation(mistake: &Mistake) -> String {
    let line = mistake.line.map(|line| format!(",line={line}")).unwrap_or_default();
    let path = escaped(&mistake.path).replace(':', "%3A").replace(',', "%2C");
    format!("::error file={path}{line}::{}", escaped(&mistake.problem))
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_names_file_and_line_and_stays_one_line() {
        let mut mistake = Mistake {
            path: "recipes/a,b.toml".into(),
            line: Some(7),
            problem: "100 % wrong\nand more".into(),
        };
        let expected = "::error file=recipes/a%2Cb.toml,line=7::100 %25 wrong%0Aand more";
        assert_eq!(annotation(&mistake), expected);
        mistake.line = None;
        assert!(annotation(&mistake).starts_with("::error file=recipes/a%2Cb.toml::100"));
    }
}
