//! A function, woken with a payload of one's own.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Done;
use crate::failure::{Failure, Kind};
use crate::functions::{Effect, Functions};
use crate::screen::Screen;

/// Wakes a function, and shows its answer as it came.
pub(super) async fn invoke<F: Functions>(
    functions: &F,
    function: &str,
    event: &Path,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let payload = fs::read_to_string(event)
        .map_err(|error| error.to_string())
        .and_then(|text| serde_json::from_str::<Value>(&text).map_err(|error| error.to_string()));
    let payload = payload.map_err(|error| {
        let what = format!("{} is not a JSON file that can be read: {error}.", event.display());
        Failure::new(Kind::NotDone, what)
    })?;
    let answer = functions.call(function, &payload, Effect::Changes).await?;
    screen.say([serde_json::to_string_pretty(&answer).unwrap_or_default()]);
    Ok(Done::well(json!({ "answer": answer })))
}
