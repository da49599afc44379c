//! `user_data builder|tester NAME WORD [KEY=VALUE…] < PROGRAM`: the user data that Kiln gives to an instance, compressed, with
//! what the steps find in their environment. `make guest` boots it.
//!
//! The program is JSON: `{"script": "…"}`, or `{"steps": ["scripts/a.sh", "reboot"], "archive": ["sha256:…", "https://…"],
//! "fetch": [["s3://…#sha256=…", "https://…"]], "log": "https://…"}`.

use std::error::Error;
use std::io::{self, Write};

use kiln_core::model::program::Step;
use kiln_core::model::user_data::{Links, packed, user_data};
use kiln_core::model::{Program, Role};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Given {
    script: Option<String>,
    steps: Vec<String>,
    archive: Option<(String, String)>,
    fetch: Vec<(String, String)>,
    log: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, name, word, environment @ ..] = arguments.as_slice() else {
        return Err("usage: user_data builder|tester NAME WORD [KEY=VALUE…] < PROGRAM".into());
    };
    let pair = |given: &String| given.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let role: Role = role.parse().map_err(|error| format!("{role}: {error:?}"))?;
    let name = name.parse().map_err(|error| format!("{name}: {error:?}"))?;
    let given: Given = serde_json::from_reader(io::stdin())?;
    let step = |name: String| if name == "reboot" { Step::Reboot } else { Step::File(name) };
    let mut program = Program {
        steps: given.script.map(Step::Text).into_iter().chain(given.steps.into_iter().map(step)).collect(),
        environment: environment.iter().filter_map(pair).collect(),
        ..Program::default()
    };
    program.keep_log = if given.log.is_empty() { None } else { "7d".parse().ok() };
    let mut links = Links { log: given.log, ..Links::default() };
    if let Some((digest, link)) = given.archive {
        program.archive = Some(digest.parse().map_err(|error| format!("{digest}: {error:?}"))?);
        links.archive = link;
    }
    for (object, link) in given.fetch {
        program.fetch.push(object.parse().map_err(|error| format!("{object}: {error:?}"))?);
        links.fetch.push(link);
    }
    Ok(io::stdout().write_all(&packed(&user_data(role, &name, &program, &links, word)))?)
}
