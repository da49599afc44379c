//! `verdict WORD < console`: how a script ended, as the functions read it from a serial console, as JSON.

use std::error::Error;
use std::io::{self, Read};

use kiln_core::model::ScriptOutcome;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut console = Vec::new();
    io::stdin().read_to_end(&mut console)?;
    let outcome = ScriptOutcome::read(&String::from_utf8_lossy(&console), &words);
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}
