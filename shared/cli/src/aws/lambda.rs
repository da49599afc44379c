//! Kiln's functions in Lambda: the one service that this program calls.

use aws_config::retry::RetryConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_types::error::display::DisplayErrorContext;
use serde_json::Value;

use super::{Session, is_network, refused};
use crate::failure::{Failure, Kind};
use crate::functions::{Effect, Functions};
use crate::interrupt::{self, Begun};

/// The functions of one stack.
pub(crate) struct Lambda {
    client: Client,
    session: Session,
    stack: String,
}

impl Lambda {
    /// The functions of the stack of this name.
    pub(crate) fn of(session: &Session, stack: &str) -> Self {
        Self { client: session.lambda(), session: session.clone(), stack: stack.into() }
    }
}

impl Functions for Lambda {
    async fn call(&self, function: &str, payload: &Value, effect: Effect) -> Result<Value, Failure> {
        let function = format!("{}-{function}", self.stack);
        // What changes something is sent once: when its answer is lost, nobody knows whether it was done.
        let retries = match effect {
            Effect::Reads => RetryConfig::standard(),
            Effect::Changes => RetryConfig::disabled(),
        };
        if effect == Effect::Changes {
            interrupt::something_begins(Begun::Functions);
        }
        let sent = self.client.invoke().function_name(&function).payload(Blob::new(payload.to_string()));
        let sent = sent.customize().config_override(Builder::new().retry_config(retries)).send().await;
        let output = sent.map_err(|error| self.refused(&function, effect, &error))?;
        self.answered(&function, &output)
    }
}

impl Lambda {
    /// What a function answered, or why it failed.
    fn answered(&self, function: &str, output: &InvokeOutput) -> Result<Value, Failure> {
        let bytes = output.payload().map(Blob::as_ref).unwrap_or_default();
        let answer: Value = serde_json::from_slice(bytes).map_err(|error| {
            let what = format!("{function} in {} answered no JSON: {error}.", self.session.home);
            Failure::new(Kind::Answer, what).advise(format!("Its log tells more: /aws/lambda/{function}."))
        })?;
        if output.function_error().is_none() {
            return Ok(answer);
        }
        let said = answer
            .get("errorMessage")
            .and_then(Value::as_str)
            .map_or_else(|| answer.to_string(), str::to_owned);
        let what = format!("{function} in {} failed: {said}", self.session.home);
        let failure = Failure::new(Kind::Function, what);
        Err(if said.contains("Task timed out") {
            failure.advise("What it did is done; a sweep goes on with the rest. kiln status shows how it is.")
        } else {
            failure
        })
    }

    /// Why a function was not woken.
    fn refused(&self, function: &str, effect: Effect, error: &SdkError<InvokeError>) -> Failure {
        let (region, stack) = (&self.session.home, &self.stack);
        let service = error.as_service_error();
        let code = service.and_then(ProvideErrorMetadata::code).unwrap_or_default();
        let said = service.and_then(ProvideErrorMetadata::message).unwrap_or_default();
        match code {
            "ResourceNotFoundException" => {
                let what = format!("There is no function {function} in {region}.");
                Failure::new(Kind::NotDeployed, what).advise(format!(
                    "Kiln is in another Region, account or stack (--region, --profile, --stack; this was --stack {stack}), or not deployed yet (kiln deploy)."
                ))
            }
            "AccessDeniedException" | "AccessDenied" => {
                let what = format!("You may not invoke {function} in {region}: {said}");
                Failure::new(Kind::Denied, what).advise(format!(
                    "You need the right lambda:InvokeFunction on it: ask for the policy in the output OperatorPolicy of the stack {stack} (for status alone: ViewerPolicy), or name another --profile."
                ))
            }
            "TooManyRequestsException" | "ThrottlingException" => {
                let what = format!("Lambda in {region} has no room for {function} now: {said}");
                Failure::new(Kind::Throttled, what).advise("Nothing was done. Try again in a minute.")
            }
            "" => self.unreached(function, effect, error),
            // The credentials, or what no one knows: as of any other call.
            _ => refused(&self.session, &format!("Invoke of {function}"), region, error),
        }
    }

    /// Why Lambda was not reached.
    fn unreached(&self, function: &str, effect: Effect, error: &SdkError<InvokeError>) -> Failure {
        let region = &self.session.home;
        if is_network(error) {
            return refused(&self.session, &format!("Invoke of {function}"), region, error);
        }
        let what = format!("{function} in {region} gave no answer: {}.", DisplayErrorContext(error));
        Failure::new(Kind::Other, what).advise(match effect {
            Effect::Reads => "Try again.",
            Effect::Changes => {
                "It may be at work all the same: kiln status shows it. Do not repeat it before you looked."
            }
        })
    }
}
