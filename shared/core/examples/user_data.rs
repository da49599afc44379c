//! `user_data builder|tester NAME WORD < script`: the user data that Kiln gives to an instance. `make guest` boots it.

use std::error::Error;
use std::io::{self, Read, Write};

use kiln_core::model::Role;
use kiln_core::model::user_data::user_data;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, name, word] = arguments.as_slice() else {
        return Err("usage: user_data builder|tester NAME WORD < script".into());
    };
    let role: Role = role.parse().map_err(|error| format!("{role}: {error:?}"))?;
    let name = name.parse().map_err(|error| format!("{name}: {error:?}"))?;
    let mut script = String::new();
    io::stdin().read_to_string(&mut script)?;
    Ok(io::stdout().write_all(user_data(role, &name, &script, &[], word).as_bytes())?)
}
