//! The payloads that invoke `catalog`, and what is kept of them as the history of a recipe.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::payload::{BadEvent, unexpected};
use crate::model::RecipeName;

/// An invocation of `catalog`.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogCall {
    /// Make the catalogue, whatever was made before.
    Make,
    /// Keep what happened, and make the catalogue unless it shows that already.
    After(Box<Past>),
    /// Answer how each recipe is, or this one; nothing is written.
    Status(Option<RecipeName>),
}

/// Something that Kiln told, as the history keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The recipe that it is about.
    pub recipe: RecipeName,
    /// The detail-type of the event.
    pub kind: String,
    /// When it was told.
    pub time: DateTime<Utc>,
    /// What copies of the event have in common.
    pub id: String,
    /// The detail, as it was sent.
    pub detail: Value,
}

/// The list, and the sentence that names all of it.
macro_rules! kept {
    ($($kind:literal),+; $last:literal) => {
        /// What the history keeps, by its detail-type.
        pub const KEPT: &[&str] = &[$($kind,)+ $last];
        const CATALOG: &str =
            concat!(r#"expected {}, {"status": true}, with "recipe" for one alone, or one of Kiln's own"#, $(" '", $kind, "',",)+ " or '", $last, "'");
    };
}

kept! {
    "Image Released",
    "Image Rolled Back",
    "Image Promoted",
    "Image Recalled",
    "Image Reinstated",
    "Image Rejected",
    "Image Unchanged",
    "Bake Failed";
    "Bake Refused"
}
/// What leaves nothing in EC2, so that the history alone tells of it.
const WITHOUT_TRACE: [&str; 2] = ["Bake Failed", "Bake Refused"];
/// What tells of a failure.
const FAILURES: [&str; 3] = ["Bake Failed", "Bake Refused", "Image Rejected"];

/// The most bytes that are kept of one detail. Its largest fields are left out first.
const MOST_BYTES: usize = 16 * 1024;

impl CatalogCall {
    /// Parses the payload of `catalog`.
    ///
    /// # Errors
    /// What is wrong with the payload, and which payloads are accepted.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        let bad = |problem: &str| BadEvent { problem: problem.into(), expected: CATALOG };
        match payload.as_object() {
            None => return Err(bad("it is not a JSON object")),
            Some(fields) if fields.is_empty() => return Ok(Self::Make),
            Some(fields) if fields.contains_key("status") => {
                return status(fields).map_err(|problem| bad(&problem));
            }
            Some(_) => {}
        }
        match payload.get("detail-type").and_then(Value::as_str) {
            None => Err(bad("it has no detail-type")),
            Some(kind) if !KEPT.contains(&kind) => Err(unexpected(kind, CATALOG)),
            Some(_) => {
                let past = Past::read(payload).ok_or_else(|| bad("its time, recipe or id cannot be read"))?;
                Ok(Self::After(Box::new(past)))
            }
        }
    }
}

/// Parses the question how the recipes are. Every mistake in it is told.
fn status(fields: &Map<String, Value>) -> Result<CatalogCall, String> {
    let mut mistakes = Vec::new();
    let mut recipe = None;
    for (name, value) in fields {
        match name.as_str() {
            "status" if *value == Value::Bool(true) => {}
            "status" => mistakes.push(format!("status is {value}, and can only be true")),
            "recipe" => match value.as_str().map(str::parse::<RecipeName>) {
                Some(Ok(name)) => recipe = Some(name),
                Some(Err(error)) => mistakes.push(error.to_string()),
                None => mistakes.push(format!("recipe is {value}, and must be the name of a recipe")),
            },
            other => mistakes.push(format!("unknown field `{other}`")),
        }
    }
    if mistakes.is_empty() { Ok(CatalogCall::Status(recipe)) } else { Err(mistakes.join("; ")) }
}

impl Past {
    /// Reads an event, or what was kept of one; `None` if it is neither.
    pub fn read(event: &Value) -> Option<Self> {
        let detail = event.get("detail")?;
        let text = |of: &Value, key: &str| Some(of.get(key)?.as_str()?.to_owned());
        let id = text(detail, "id").or_else(|| text(event, "id"))?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if id.is_empty() || id.len() > 64 || !id.bytes().all(is_plain) {
            return None;
        }
        Some(Self {
            recipe: text(detail, "recipe")?.parse().ok()?,
            kind: text(event, "detail-type").filter(|kind| KEPT.contains(&kind.as_str()))?,
            time: DateTime::parse_from_rfc3339(event.get("time")?.as_str()?).ok()?.to_utc(),
            id,
            detail: detail.clone(),
        })
    }

    /// Its key below the stack's bucket: the same for each copy of the event that EventBridge delivers.
    pub fn key(&self) -> String {
        let kind = self.kind.to_lowercase().replace(' ', "-");
        let time = self.time.format("%Y%m%dT%H%M%SZ");
        format!("{}{time}-{kind}-{}.json", history_prefix(&self.recipe), self.id)
    }

    /// What is kept of it.
    pub fn body(&self) -> String {
        let mut detail = self.detail.clone();
        while let Value::Object(fields) = &mut detail {
            let sizes = fields.iter().map(|(key, value)| (value.to_string().len(), key.clone()));
            let sizes: Vec<_> = sizes.collect();
            let Some((_, largest)) = sizes.iter().max().cloned() else { break };
            if sizes.iter().map(|(size, key)| size + key.len()).sum::<usize>() <= MOST_BYTES {
                break;
            }
            fields.remove(&largest);
        }
        let time = self.time.to_rfc3339_opts(SecondsFormat::Secs, true);
        json!({ "id": self.id, "time": time, "detail-type": self.kind, "detail": detail }).to_string()
    }

    /// Whether it tells of a failure.
    pub fn is_failure(&self) -> bool {
        FAILURES.contains(&self.kind.as_str())
    }

    /// Whether EC2 shows nothing of it.
    pub fn leaves_no_trace(&self) -> bool {
        WITHOUT_TRACE.contains(&self.kind.as_str())
    }

    /// A text of its detail.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.detail.get(field)?.as_str()
    }
}

/// What the keys of the history of a recipe begin with. After it they sort by time.
pub fn history_prefix(recipe: &RecipeName) -> String {
    format!("history/{recipe}/")
}

/// Whether what is kept below a key of the history of a recipe tells of a failure.
pub fn is_key_of_failure(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    // Behind the time, and its hyphen.
    let kind = name.get(17..).unwrap_or_default();
    FAILURES.iter().any(|failure| kind.starts_with(&failure.to_lowercase().replace(' ', "-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, detail: Value) -> Value {
        json!({ "detail-type": kind, "source": "kiln", "time": "2026-11-26T02:41:07Z", "detail": detail })
    }

    fn failed(more: &str) -> Value {
        let detail = json!({ "id": "00ff", "recipe": "web", "version": "20261126T020000Z", "reason": "it failed", "console-tail": more });
        event("Bake Failed", detail)
    }

    fn past(payload: &Value) -> Past {
        match CatalogCall::read(payload) {
            Ok(CatalogCall::After(past)) => *past,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn by_hand_and_by_its_schedule_everything_is_made() {
        assert_eq!(CatalogCall::read(&json!({})), Ok(CatalogCall::Make));
        for wrong in [json!([]), json!({"recipe": "web"}), event("Image Captured", json!({}))] {
            assert!(CatalogCall::read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn how_the_recipes_are_is_asked_of_all_or_of_one() {
        assert_eq!(CatalogCall::read(&json!({"status": true})), Ok(CatalogCall::Status(None)));
        let one = CatalogCall::read(&json!({"status": true, "recipe": "web"}));
        assert_eq!(one, Ok(CatalogCall::Status("web".parse().ok())));
    }

    #[test]
    fn a_malformed_question_is_refused_whole_and_every_mistake_is_told() {
        let asked = json!({"status": "yes", "recipe": "We b", "dry_run": true});
        let error = CatalogCall::read(&asked).unwrap_err().to_string();
        for told in [
            "status is \"yes\"",
            "'We b' is not a recipe name",
            "unknown field `dry_run`",
            "nothing was done",
        ] {
            assert!(error.contains(told), "{told}: {error}");
        }
        assert!(CatalogCall::read(&json!({"status": true, "recipe": 7})).is_err());
    }

    #[test]
    fn a_key_tells_whether_a_failure_lies_below_it() {
        assert!(is_key_of_failure(&past(&failed("")).key()));
        let detail = json!({ "id": "0a", "recipe": "image-rejected" });
        assert!(!is_key_of_failure(&past(&event("Image Released", detail)).key()));
        assert!(!is_key_of_failure("history/web/"));
    }

    #[test]
    fn what_is_kept_is_taken_and_named_to_whoever_sends_anything_else() {
        let refused = CatalogCall::read(&event("Image Captured", json!({}))).unwrap_err();
        for kind in KEPT {
            let detail = json!({ "id": "00ff", "recipe": "web" });
            assert!(CatalogCall::read(&event(kind, detail)).is_ok(), "{kind}");
            assert!(refused.expected.contains(&format!(" '{kind}'")), "{kind}");
        }
        assert!(refused.expected.ends_with("'Bake Failed', or 'Bake Refused'"), "{}", refused.expected);
    }

    #[test]
    fn an_event_is_kept_under_its_recipe_time_kind_and_id_and_reads_back() {
        let past = past(&failed(""));
        assert_eq!(past.key(), "history/web/20261126T024107Z-bake-failed-00ff.json");
        let kept: Value = serde_json::from_str(&past.body()).unwrap();
        assert_eq!(Past::read(&kept), Some(past));
    }

    #[test]
    fn of_a_detail_that_is_too_long_the_largest_field_is_left_out() {
        let past = past(&failed(&"x".repeat(100_000)));
        let kept: Value = serde_json::from_str(&past.body()).unwrap();
        assert_eq!(
            (kept["detail"].get("console-tail"), &kept["detail"]["reason"]),
            (None, &json!("it failed"))
        );
    }

    #[test]
    fn no_id_and_no_recipe_leads_to_another_key() {
        for (id, recipe) in [("../x", "web"), ("", "web"), ("00", "../web"), ("00", "")] {
            let detail = json!({ "id": id, "recipe": recipe });
            assert!(CatalogCall::read(&event("Image Released", detail)).is_err(), "{id} {recipe}");
        }
    }
}
