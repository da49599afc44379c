//! Turns the SDK's errors into Kiln's, each with its operation, resource and Region.

use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use kiln_core::inventory::CloudError;
use kiln_core::model::Region;

/// What a call is about; part of its error if it fails.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// AWS's name of the call.
    pub operation: &'static str,
    /// The Region.
    pub region: &'a Region,
}

impl<'a> Call<'a> {
    /// A call of this name in this Region.
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
            let answer = error.as_service_error().map(|service| {
                (
                    service.code().unwrap_or("Unknown").to_owned(),
                    service.message().unwrap_or_default().to_owned(),
                )
            });
            let (code, message) =
                answer.unwrap_or_else(|| (local_code(&error), DisplayErrorContext(&error).to_string()));
            CloudError::new(self.operation, resource, self.region, code, message)
        }
    }

    /// The error for an answer that lacks something AWS promises.
    pub fn lacks(self, what: &'static str, resource: impl ToString) -> CloudError {
        CloudError::new(
            self.operation,
            resource.to_string(),
            self.region,
            "IncompleteAnswer",
            format!("the answer has no {what}"),
        )
    }
}

/// Whether a code says that the image itself is gone. A call about an image may also fail because something else is
/// missing.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html>)
pub fn is_of_image(code: &str) -> bool {
    matches!(code, "InvalidAMIID.NotFound" | "InvalidAMIID.Unavailable")
}

/// Whether a code says that the launch template itself is gone. A call about its versions may also fail because
/// something that one of them names is missing.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html>)
pub fn is_of_template(code: &str) -> bool {
    matches!(code, "InvalidLaunchTemplateId.NotFound" | "InvalidLaunchTemplateName.NotFoundException")
}

/// The code of an error that no service returned.
fn local_code<E, R>(error: &SdkError<E, R>) -> String {
    let code = match error {
        SdkError::TimeoutError(_) => "TimeoutError",
        SdkError::DispatchFailure(_) => "DispatchFailure",
        SdkError::ResponseError(_) => "Unavailable",
        _ => "ClientError",
    };
    code.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_codes_say_that_a_launch_template_is_gone() {
        assert!(is_of_template("InvalidLaunchTemplateId.NotFound"));
        assert!(is_of_template("InvalidLaunchTemplateName.NotFoundException"));
        let of_others = [
            "ParameterNotFound",
            "InvalidAMIID.NotFound",
            "InvalidLaunchTemplateId.VersionNotFound",
            "InvalidSnapshot.NotFound",
        ];
        assert!(!of_others.into_iter().any(is_of_template));
    }
}
