//! Kiln's functions in Lambda: the one service that this program calls.

use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_types::error::display::DisplayErrorContext;
use serde_json::Value;

use crate::arguments::Global;
use crate::failure::{Failure, Kind};
use crate::functions::{Effect, Functions};
use crate::interrupt;

/// How long a connection may take to be made. An answer may take as long as its function.
const CONNECT: Duration = Duration::from_secs(5);

/// The functions of one stack.
pub(crate) struct Lambda {
    client: Client,
    region: String,
    profile: Option<String>,
    stack: String,
}

impl Lambda {
    /// Finds credentials and Region as the AWS CLI does.
    ///
    /// # Errors
    /// What is missing, and how it is given.
    pub(crate) async fn connect(global: &Global) -> Result<Self, Failure> {
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https.clone())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(region) = &global.region {
            loader = loader.region(Region::new(region.to_string()));
        }
        if let Some(profile) = &global.profile {
            // A profile that somebody names is meant, whatever the environment holds.
            let with = ProviderConfig::default().with_http_client(https);
            let named =
                ProfileFileCredentialsProvider::builder().configure(&with).profile_name(profile).build();
            loader = loader.profile_name(profile).credentials_provider(named);
        }
        let config = loader.load().await;
        let profile = global.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
        signed_in(&config, profile.as_deref()).await?;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            Failure::new(Kind::Region, "No Region is set, so it is not known where Kiln is.")
                .advise("Name Kiln's home Region: --region us-east-1, AWS_REGION, or region in your profile.")
        })?;
        Ok(Self { client: Client::new(&config), region, profile, stack: global.stack.clone() })
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
            interrupt::something_begins();
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
            let what = format!("{function} in {} answered no JSON: {error}.", self.region);
            Failure::new(Kind::Answer, what).advise(format!("Its log tells more: /aws/lambda/{function}."))
        })?;
        if output.function_error().is_none() {
            return Ok(answer);
        }
        let said = answer
            .get("errorMessage")
            .and_then(Value::as_str)
            .map_or_else(|| answer.to_string(), str::to_owned);
        let what = format!("{function} in {} failed: {said}", self.region);
        let failure = Failure::new(Kind::Function, what);
        Err(if said.contains("Task timed out") {
            failure.advise("What it did is done; a sweep goes on with the rest. kiln status shows how it is.")
        } else {
            failure
        })
    }

    /// Why a function was not woken.
    fn refused(&self, function: &str, effect: Effect, error: &SdkError<InvokeError>) -> Failure {
        let (region, stack) = (&self.region, &self.stack);
        let service = error.as_service_error();
        let code = service.and_then(ProvideErrorMetadata::code).unwrap_or_default();
        let said = service.and_then(ProvideErrorMetadata::message).unwrap_or_default();
        match code {
            "ResourceNotFoundException" => {
                let what = format!("There is no function {function} in {region}.");
                Failure::new(Kind::NotDeployed, what).advise(format!(
                    "Kiln is in another Region, account or stack (--region, --profile, --stack; this was --stack {stack}), or not deployed yet (make deploy)."
                ))
            }
            "AccessDeniedException" | "AccessDenied" => {
                let what = format!("You may not invoke {function} in {region}: {said}");
                Failure::new(Kind::Denied, what).advise(format!(
                    "You need the right lambda:InvokeFunction on it: ask for the policy in the output OperatorPolicy of the stack {stack} (for status alone: ViewerPolicy), or name another --profile."
                ))
            }
            "ExpiredTokenException"
            | "ExpiredToken"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "InvalidClientTokenId"
            | "MissingAuthenticationTokenException" => {
                let what = format!("AWS does not accept your credentials in {region}: {said}");
                Failure::new(Kind::Credentials, what).advise(sign_in(self.profile.as_deref()))
            }
            "TooManyRequestsException" | "ThrottlingException" => {
                let what = format!("Lambda in {region} has no room for {function} now: {said}");
                Failure::new(Kind::Throttled, what).advise("Nothing was done. Try again in a minute.")
            }
            "" => self.unreached(function, effect, error),
            _ => {
                let what = format!("{function} in {region} was not woken: {code}: {said}");
                Failure::new(Kind::Other, what)
                    .advise("Try again; if it stays, Lambda's own console tells more.")
            }
        }
    }

    /// Why Lambda was not reached.
    fn unreached(&self, function: &str, effect: Effect, error: &SdkError<InvokeError>) -> Failure {
        let region = &self.region;
        let is_network = matches!(error, SdkError::TimeoutError(_))
            || matches!(error, SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout());
        let cause = innermost(error);
        if is_network {
            let what = format!("Lambda in {region} cannot be reached: {cause}.");
            let advice = "Check the network, a VPN or proxy (HTTPS_PROXY), the name of the Region, and AWS_ENDPOINT_URL if it is set.";
            return Failure::new(Kind::Network, what).advise(advice);
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

/// Looks for credentials before anything is called: why there are none is told best by who looks for them.
async fn signed_in(config: &SdkConfig, profile: Option<&str>) -> Result<(), Failure> {
    let Some(provider) = config.credentials_provider() else {
        return Err(Failure::new(Kind::Credentials, "There are no AWS credentials.").advise(sign_in(profile)));
    };
    let Err(error) = provider.provide_credentials().await else { return Ok(()) };
    let said = DisplayErrorContext(&error).to_string();
    let is_missing =
        said.contains("was not defined") || matches!(error, CredentialsError::CredentialsNotLoaded(_));
    if let Some(profile) = profile.filter(|_| is_missing) {
        let what =
            format!("There is no profile {profile} in your AWS configuration, or it has no credentials.");
        return Err(Failure::new(Kind::Profile, what)
            .advise("aws configure list-profiles lists those that there are; name one with --profile."));
    }
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) || said.contains("IMDS") {
        let what = "There are no AWS credentials, neither in the environment nor in your AWS configuration.";
        return Err(Failure::new(Kind::Credentials, what).advise(sign_in(profile)));
    }
    let what = format!("There are no AWS credentials that can be used: {}.", innermost(&error));
    Err(Failure::new(Kind::Credentials, what).advise(sign_in(profile)))
}

fn sign_in(profile: Option<&str>) -> String {
    let profile = profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default();
    format!("Sign in anew (aws sso login{profile}, or aws configure{profile}), or name another --profile.")
}

/// The cause of all causes, which is what a person can do something about.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
