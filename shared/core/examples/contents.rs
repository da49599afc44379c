//! `contents WORD < console`: what a tester listed, as the functions read it from a serial console.

use std::error::Error;
use std::io::{self, Read, Write};

use kiln_core::model::contents::Listing;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut console = Vec::new();
    io::stdin().read_to_end(&mut console)?;
    let listing =
        Listing::read(&String::from_utf8_lossy(&console), &words).ok_or("no list is on the console")?;
    let contents = listing.contents.ok_or("the list is not whole")?;
    Ok(io::stdout().write_all(contents.text().as_bytes())?)
}
