//! From the SDK's errors to Kiln's: every one with its operation, resource and Region.

use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use kiln_core::inventory::CloudError;
use kiln_core::model::Region;

/// What a call was about, to be told when it fails.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// AWS's name of the call.
    pub operation: &'static str,
    /// Where.
    pub region: &'a Region,
}

impl<'a> Call<'a> {
    /// A call of that name.
    pub fn new(operation: &'static str, region: &'a Region) -> Self {
        Self { operation, region }
    }

    /// Turns the SDK's error on `resource` into Kiln's.
    pub fn on<E, R>(self, resource: impl ToString) -> impl FnOnce(SdkError<E, R>) -> CloudError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let resource = resource.to_string();
        move |error| {
            let said = error.as_service_error().map(|service| {
                (
                    service.code().unwrap_or("Unknown").to_owned(),
                    service.message().unwrap_or_default().to_owned(),
                )
            });
            let (code, message) =
                said.unwrap_or_else(|| (nameless(&error), DisplayErrorContext(&error).to_string()));
            CloudError::new(self.operation, resource, self.region, code, message)
        }
    }

    /// An answer that lacks what AWS promises to be in it.
    pub fn lacks(self, what: &'static str, resource: impl ToString) -> CloudError {
        CloudError::new(
            self.operation,
            resource.to_string(),
            self.region,
            "IncompleteAnswer",
            format!("no {what}"),
        )
    }
}

/// Whether a code says of an image itself that it is gone: a call about it may also fail for something else that is missing.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html>)
pub fn is_of_image(code: &str) -> bool {
    matches!(code, "InvalidAMIID.NotFound" | "InvalidAMIID.Unavailable")
}

/// The code of an error that came from no service.
fn nameless<E, R>(error: &SdkError<E, R>) -> String {
    let code = match error {
        SdkError::TimeoutError(_) => "TimeoutError",
        SdkError::DispatchFailure(_) => "DispatchFailure",
        SdkError::ResponseError(_) => "Unavailable",
        _ => "ClientError",
    };
    code.to_owned()
}
