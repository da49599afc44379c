//! `user_data builder|tester NAME WORD [KEY=VALUE…] < script`: the user data that Kiln gives to an instance, with what the
//! script finds in its environment. `make guest` boots it.

use std::error::Error;
use std::io::{self, Read, Write};

use kiln_core::model::Role;
use kiln_core::model::user_data::user_data;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, name, word, environment @ ..] = arguments.as_slice() else {
        return Err("usage: user_data builder|tester NAME WORD [KEY=VALUE…] < script".into());
    };
    let pair = |given: &String| given.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let environment: Vec<(String, String)> = environment.iter().filter_map(pair).collect();
    let role: Role = role.parse().map_err(|error| format!("{role}: {error:?}"))?;
    let name = name.parse().map_err(|error| format!("{name}: {error:?}"))?;
    let mut script = String::new();
    io::stdin().read_to_string(&mut script)?;
    Ok(io::stdout().write_all(user_data(role, &name, &script, &environment, word).as_bytes())?)
}
