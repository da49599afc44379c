//! Why a call was refused, as a person reads it.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Session, sign_in};
use crate::failure::{Failure, Kind};

/// The code of a service's refusal; empty if none came. S3 answers a HEAD by the status alone.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    let told = error.as_service_error().and_then(ProvideErrorMetadata::code);
    told.unwrap_or_else(|| match error.raw_response().map(|response| response.status().as_u16()) {
        Some(404) => "NotFound",
        Some(403) => "AccessDenied",
        // As S3 tells of credentials that have ended.
        Some(400) => "BadRequest",
        _ => "",
    })
}

/// Why a call was refused. `call` is its name, and of what, such as `CreateChangeSet of stack kiln`.
pub(crate) fn refused<E>(
    session: &Session,
    call: &str,
    region: &str,
    error: &SdkError<E, HttpResponse>,
) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let said = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
    match code(error) {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            let what = format!("{call} in {region} was denied: {}", or(said, "AWS gives no reason"));
            Failure::new(Kind::Denied, what).advise("Ask for that right, or name another --profile.")
        }
        "ExpiredTokenException"
        | "ExpiredToken"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "SignatureDoesNotMatch"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "BadRequest"
        | "AuthFailure"
        | "OptInRequired"
        | "MissingAuthenticationTokenException" => {
            let said = or(said, "they may have ended");
            let what = format!("AWS does not accept your credentials in {region} for {call}: {said}");
            let how = sign_in(session.profile.as_deref());
            Failure::new(Kind::Credentials, what).advise(match region == session.home {
                true => how,
                false => format!("The Region may not be enabled for the account. If it is: {how}"),
            })
        }
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "SlowDown" => {
            let what = format!("{call} in {region} has no room now: {said}");
            Failure::new(Kind::Throttled, what).advise("Try again in a minute.")
        }
        "" if is_network(error) => {
            let what = format!("AWS in {region} cannot be reached for {call}: {}.", innermost(error));
            let advice = "Check the network, a VPN or proxy (HTTPS_PROXY), the name of the Region, and AWS_ENDPOINT_URL if it is set.";
            Failure::new(Kind::Network, what).advise(advice)
        }
        "" if DisplayErrorContext(error).to_string().contains("credentials") => {
            let what =
                format!("There are no credentials any more for {call} in {region}: {}.", innermost(error));
            Failure::new(Kind::Credentials, what).advise(sign_in(session.profile.as_deref()))
        }
        "" => {
            let what = format!("{call} in {region} gave no answer: {}.", DisplayErrorContext(error));
            Failure::new(Kind::Other, what).advise("Try again.")
        }
        code => Failure::new(Kind::Other, format!("{call} in {region} failed: {code}: {said}")),
    }
}

/// Whether AWS was not reached at all.
pub(crate) fn is_network<E>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(error, SdkError::TimeoutError(_))
        || matches!(error, SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout())
}

/// The cause of all causes, which is what a person can do something about.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}
