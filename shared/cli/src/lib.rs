//! The command line `kiln`: what a person asks of Kiln's functions, and their answers as text.
//!
//! What operates Kiln acts through `lambda:InvokeFunction` alone: it wakes a function with a payload, and shows the answer. So
//! it can do nothing that the functions do not do, and needs no other right. What deploys Kiln, puts recipes, and reads logs
//! and the catalogue acts with the rights of the person who asks: no function has them.
//!
//! [`arguments`] is what can be typed. A command of [`commands`] calls [`functions`], says what a module of [`render`] makes
//! of the answers on a [`screen`], and asks there before anything is changed. `deploy` brings CloudFormation's stacks to a
//! release. A [`failure`] tells what failed, and what to do.

pub mod answer;
pub mod arguments;
mod aws;
pub mod commands;
mod deploy;
pub mod failure;
pub mod functions;
mod interrupt;
pub mod reference;
pub mod render;
pub mod screen;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

use arguments::{Arguments, Output};
use screen::Screen;

/// What a command ended with.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The document of `--output json`.
    pub document: Value,
    /// The exit code, of those in [`exit`].
    pub code: u8,
}

impl Done {
    /// It is done.
    pub fn well(document: Value) -> Self {
        Self { document, code: exit::DONE }
    }
}

/// What a program that calls this one may rely on.
pub mod exit {
    /// It was done, or shown.
    pub const DONE: u8 = 0;
    /// It failed, or nobody said yes.
    pub const FAILED: u8 = 1;
    /// The arguments are wrong; clap ends with it too.
    pub const USAGE: u8 = 2;
    /// The plan removes something.
    pub const REMOVES: u8 = 3;
    /// It was interrupted: 128, and the number of the signal.
    pub const INTERRUPTED: u8 = 130;
}

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("kiln cannot start: {error}");
            return ExitCode::from(exit::FAILED);
        }
    };
    let code = runtime.block_on(async {
        tokio::select! {
            code = run(&arguments) => code,
            _ = tokio::signal::ctrl_c(), if !arguments.command.ends_by_itself() => {
                eprintln!("{}", interrupt::told());
                exit::INTERRUPTED
            }
        }
    });
    // Whatever still waits for a key to be pressed is not waited for.
    runtime.shutdown_background();
    ExitCode::from(code)
}

async fn run(arguments: &Arguments) -> u8 {
    let mut screen = Screen::of(&arguments.global, Box::new(io::stdout()));
    let ended = commands::run(arguments, &mut screen).await;
    let as_json = arguments.global.output == Output::Json;
    match ended {
        Ok(done) => {
            if as_json {
                screen.document(&done.document);
            }
            done.code
        }
        Err(failure) => {
            if as_json {
                screen.document(&failure.document());
            }
            eprintln!("{failure}");
            failure.code()
        }
    }
}
