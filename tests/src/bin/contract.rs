//! Checks what Kiln assumes of AWS at AWS_ENDPOINT_URL, through Kiln's own AWS code.
//!
//!     contract BASE-IMAGE [ASSUMPTION…]
//!
//! Prints one line for each assumption. It launches instances and creates images, so use it with the local AWS or moto.

#![allow(clippy::print_stdout, reason = "it is a command")]

use std::process::ExitCode;
use std::time::Duration;

use kiln::aws::Aws;
use kiln_core::model::{ImageId, SealKeys};
use kiln_tests::contract::{ALL, ContractAdapter, OF_MOTO, check};

struct Endpoint {
    aws: Aws,
    base: ImageId,
}

impl ContractAdapter for Endpoint {
    type Cloud = Aws;

    fn cloud(&self) -> &Aws {
        &self.aws
    }

    async fn base(&self) -> ImageId {
        self.base.clone()
    }

    async fn wait(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let base = words.next().and_then(|word| word.parse::<ImageId>().ok());
    let (Some(base), true) = (base, std::env::var_os("AWS_ENDPOINT_URL").is_some()) else {
        eprintln!("name a base image, and set AWS_ENDPOINT_URL: this launches instances and makes images");
        return ExitCode::from(2);
    };
    let asked: Vec<String> = words.collect();
    let names: Vec<&str> = match asked.first().map(String::as_str) {
        None => ALL.to_vec(),
        Some("moto") => OF_MOTO.to_vec(),
        Some(_) => asked.iter().map(String::as_str).collect(),
    };
    let Ok(home) = "us-east-1".parse() else { return ExitCode::FAILURE };
    let adapter = Endpoint {
        aws: Aws::new(home, "kiln".into(), "kiln".into(), "kiln-store".into(), Vec::new())
            .sealed_with(SealKeys::new([7; 32])),
        base,
    };
    let mut kept = ExitCode::SUCCESS;
    for name in names {
        match check(&adapter, name).await {
            Ok(()) => println!("ok {name}"),
            Err(why) => {
                println!("FAILED {name}: {why}");
                kept = ExitCode::FAILURE;
            }
        }
    }
    kept
}
