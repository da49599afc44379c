//! From which version to which each Region goes: before it does, and after.

use kiln_catalog::status::Pointer;
use serde_json::{Value, json};

use super::table;
use crate::answer::{Answer, Moved};

const MOVES: [&str; 2] = ["move-parameters", "move-template"];

/// The version that what names the recipe's releases is made to name; `None` if nothing of it moves. A function that does not
/// tell which parameters move has moved these.
pub fn target<'a>(answer: &'a Answer, before: &[Pointer]) -> Option<&'a str> {
    let moves = answer.decisions.iter().filter(|entry| MOVES.contains(&entry.action.as_str()));
    let own =
        moves.filter(|entry| entry.moves.is_empty() || entry.moves.iter().any(|one| is_own(one, before)));
    own.filter_map(|entry| entry.version.as_deref()).next()
}

/// What moves beside it: a line for each parameter of a channel.
pub fn of_channels(answer: &Answer, before: &[Pointer]) -> Vec<String> {
    let mut found: Vec<((&str, &str), Vec<String>)> = Vec::new();
    for entry in &answer.decisions {
        for one in entry.moves.iter().filter(|one| !is_own(one, before)) {
            let of = (one.parameter.as_str(), entry.version.as_deref().unwrap_or(&one.image));
            match found.iter_mut().find(|(known, _)| *known == of) {
                Some((_, regions)) => regions.push(one.region.clone()),
                None => found.push((of, vec![one.region.clone()])),
            }
        }
    }
    let line = |((parameter, to), regions): ((&str, &str), Vec<String>)| {
        format!("parameter {parameter} goes to {to}, in {}", regions.join(", "))
    };
    found.into_iter().map(line).collect()
}

fn is_own(one: &Moved, before: &[Pointer]) -> bool {
    before.iter().any(|pointer| pointer.name == one.parameter)
}

/// What a Region names, in a person's words.
pub fn named(pointer: &Pointer) -> String {
    match pointer {
        Pointer { error: Some(error), .. } => format!("not seen: {error}"),
        Pointer { version: Some(version), .. } => version.clone(),
        Pointer { image: Some(image), .. } => image.clone(),
        _ => "nothing".into(),
    }
}

/// What is shown before anything moves.
pub fn planned(before: &[Pointer], to: Option<&str>) -> Vec<String> {
    rows(before, |pointer| match to {
        Some(to) if pointer.version.as_deref() != Some(to) => to.into(),
        _ => "stays".into(),
    })
}

/// What is shown afterwards. A Region may show a moment later what was done.
pub fn moved(before: &[Pointer], after: &[Pointer], to: Option<&str>) -> Vec<String> {
    rows(before, |pointer| {
        let now = after.iter().find(|one| is_same(one, pointer));
        let now_named = now.map_or_else(|| "not seen".into(), named);
        match to {
            Some(to) if now.and_then(|now| now.version.as_deref()) != Some(to) => {
                format!("{now_named} ({to} is not seen there yet)")
            }
            _ if now_named == named(pointer) => format!("{now_named} (as before)"),
            _ => now_named,
        }
    })
}

/// Whether every Region that a release waits for names this version.
pub fn is_settled(after: &[Pointer], to: &str) -> bool {
    after.iter().filter(|pointer| pointer.required).all(|pointer| pointer.version.as_deref() == Some(to))
}

/// The same for the document.
pub fn document(before: &[Pointer], after: &[Pointer]) -> Value {
    let of = |pointer: &Pointer| {
        let now = after.iter().find(|one| is_same(one, pointer));
        json!({
            "region": pointer.region, "kind": pointer.kind, "name": pointer.name,
            "from": pointer.version.as_ref().or(pointer.image.as_ref()),
            "to": now.and_then(|now| now.version.as_ref().or(now.image.as_ref())),
        })
    };
    before.iter().map(of).collect()
}

fn is_same(one: &Pointer, other: &Pointer) -> bool {
    (&one.region, one.kind, &one.name) == (&other.region, other.kind, &other.name)
}

fn rows(before: &[Pointer], to: impl Fn(&Pointer) -> String) -> Vec<String> {
    let rows: Vec<_> = before
        .iter()
        .map(|pointer| {
            let by = format!("{} {}", pointer.kind.words(), pointer.name);
            vec![pointer.region.clone(), by, named(pointer), to(pointer)]
        })
        .collect();
    table(&["REGION", "NAMED BY", "FROM", "TO"], &rows, &[])
}

#[cfg(test)]
mod tests {
    use kiln_catalog::status::PointerKind;

    use super::*;

    const OLD: &str = "20261116T020000Z";
    const NEW: &str = "20261126T020000Z";

    fn pointer(region: &str, version: Option<&str>) -> Pointer {
        Pointer {
            region: region.into(),
            required: true,
            kind: PointerKind::Parameter,
            name: "/golden/web".into(),
            image: version.map(|_| "ami-0a1b2c3d".into()),
            version: version.map(Into::into),
            error: None,
        }
    }

    #[test]
    fn before_a_rollback_each_region_is_told_with_where_it_goes() {
        let before = [pointer("us-east-1", Some(NEW)), pointer("eu-west-1", Some(OLD))];
        let expected = "\
REGION     NAMED BY               FROM              TO
us-east-1  parameter /golden/web  20261126T020000Z  20261116T020000Z
eu-west-1  parameter /golden/web  20261116T020000Z  stays";
        assert_eq!(planned(&before, Some(OLD)).join("\n"), expected);
        assert!(planned(&before, None)[1].ends_with("stays"));
    }

    #[test]
    fn afterwards_what_is_not_seen_yet_is_told_as_such() {
        let before =
            [pointer("us-east-1", Some(NEW)), pointer("eu-west-1", Some(NEW)), pointer("eu-north-1", None)];
        let after =
            [pointer("us-east-1", Some(OLD)), pointer("eu-west-1", Some(NEW)), pointer("eu-north-1", None)];
        let lines = moved(&before, &after, Some(OLD)).join("\n");
        assert!(lines.contains("20261126T020000Z  20261116T020000Z\n"), "{lines}");
        assert!(lines.contains("20261126T020000Z (20261116T020000Z is not seen"), "{lines}");
        assert!(!is_settled(&after, OLD) && is_settled(&after[..1], OLD));
        assert!(moved(&before, &before, None)[1].ends_with("(as before)"));
    }

    #[test]
    fn what_a_region_names_may_be_unknown_foreign_or_nothing() {
        let unread = Pointer { error: Some("denied".into()), ..pointer("x", None) };
        let foreign = Pointer { version: None, ..pointer("x", Some(NEW)) };
        assert_eq!(
            [named(&unread), named(&foreign), named(&pointer("x", None))],
            ["not seen: denied", "ami-0a1b2c3d", "nothing"]
        );
    }

    #[test]
    fn the_document_tells_from_and_to() {
        let (before, after) = ([pointer("us-east-1", Some(NEW))], [pointer("us-east-1", Some(OLD))]);
        let expected = json!([{ "region": "us-east-1", "kind": "parameter", "name": "/golden/web", "from": NEW, "to": OLD }]);
        assert_eq!(document(&before, &after), expected);
    }

    #[test]
    fn what_channels_name_is_told_beside_what_the_recipe_itself_names() {
        let moved = |parameter: &str, region: &str| json!({ "parameter": parameter, "region": region, "image": "ami-0a" });
        let entry = |version: &str, moves: Value| {
            json!({ "region": "us-east-1", "action": "move-parameters", "reason": "it", "outcome": "planned",
                    "version": version, "moves": moves })
        };
        let prod = json!([moved("/golden/web/prod", "us-east-1"), moved("/golden/web/prod", "eu-west-1")]);
        let answer = |decisions: Value| Answer::read(&json!({ "decisions": decisions })).unwrap();
        let before = [pointer("us-east-1", Some(NEW))];
        let of_channel = answer(json!([entry(OLD, prod.clone())]));
        assert_eq!(target(&of_channel, &before), None, "the recipe's own parameter stays");
        let line = "parameter /golden/web/prod goes to 20261116T020000Z, in us-east-1, eu-west-1";
        assert_eq!(of_channels(&of_channel, &before), [line]);
        let own = json!([moved("/golden/web", "us-east-1")]);
        let both = answer(json!([entry(OLD, prod), entry(NEW, own)]));
        assert_eq!(target(&both, &before), Some(NEW));
        assert_eq!(of_channels(&both, &before), [line]);
        let untold = answer(json!([entry(OLD, json!([]))]));
        assert_eq!((target(&untold, &before), of_channels(&untold, &before)), (Some(OLD), vec![]));
    }
}
