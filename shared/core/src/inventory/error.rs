//! Errors of AWS calls. Each says which call failed, on which resource, in which Region, what AWS said, and what to do.

use serde::Serialize;
use thiserror::Error;

use super::advice::advice;
use crate::model::Region;

/// The result of an AWS call.
pub type Result<T, E = CloudError> = std::result::Result<T, E>;

/// An AWS call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{operation} on {resource} in {region} failed: {code}: {message}{}", bracketed(.code, .message))]
pub struct CloudError {
    /// The name of the API operation.
    pub operation: &'static str,
    /// The resource on which it was called.
    pub resource: String,
    /// The Region in which it was called.
    pub region: Region,
    /// The error code from AWS.
    pub code: String,
    /// The error message from AWS.
    pub message: String,
    /// What the error means to Kiln.
    pub kind: ErrorKind,
}

/// The advice on an error, in brackets; nothing if there is none.
fn bracketed(code: &str, message: &str) -> String {
    advice(code, message).map_or(String::new(), |advice| format!(" [{}]", advice.text))
}

/// The meaning of an error, independent of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// AWS denied the call, or did not accept the credentials.
    Denied,
    /// AWS received too many calls.
    Throttled,
    /// A quota of the account is used up.
    Limit,
    /// The Availability Zone or subnet cannot take the instance.
    InsufficientCapacity,
    /// The resource does not exist, or is not visible yet.
    NotFound,
    /// Another image of the account has the name.
    NameTaken,
    /// The state of the resource does not allow the call.
    WrongState,
    /// Another resource uses this one.
    InUse,
    /// The client token launched an instance before, and that instance was terminated.
    InstanceTerminated,
    /// The client token was used before, with other parameters. What that call created exists.
    TokenUsed,
    /// AWS did not answer, or had an internal error.
    Unavailable,
    /// Any other error: AWS does not accept the call as it is.
    Invalid,
}

impl ErrorKind {
    /// Classifies an error by its code and message, as AWS documents them.
    /// (<https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html>)
    pub fn of(code: &str, message: &str) -> Self {
        match code {
            "UnauthorizedOperation"
            | "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "KMSAccessDenied"
            | "AuthFailure"
            | "OptInRequired"
            | "UnrecognizedClientException"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "InvalidClientTokenId" => Self::Denied,
            "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "EC2ThrottledException"
            | "SlowDown"
            | "BandwidthLimitExceeded"
            | "TooManyUpdates"
            | "SnapshotCreationPerVolumeRateExceeded"
            | "ConcurrentTagAccess" => Self::Throttled,
            "ResourceLimitExceeded"
            | "ConcurrentSnapshotLimitExceeded"
            | "PendingSnapshotLimitExceeded"
            | "SnapshotLimitExceeded"
            | "VcpuLimitExceeded"
            | "InstanceLimitExceeded"
            | "ConcurrentCreateImageNoRebootLimitExceeded"
            | "MaxSpotInstanceCountExceeded" => Self::Limit,
            "InsufficientInstanceCapacity"
            | "InsufficientHostCapacity"
            | "InsufficientFreeAddressesInSubnet"
            | "InsufficientCapacity"
            | "Unsupported" => Self::InsufficientCapacity,
            "InvalidAMIName.Duplicate" => Self::NameTaken,
            "IdempotentInstanceTerminated" => Self::InstanceTerminated,
            "IdempotentParameterMismatch" => Self::TokenUsed,
            "InvalidSnapshot.InUse" => Self::InUse,
            "InvalidAMIID.Unavailable" | "IncorrectState" | "IncorrectInstanceState" => Self::WrongState,
            // The answer of CreateImage for an instance that stopped a moment ago.
            "InvalidParameterValue" if message.contains("is not in state") => Self::WrongState,
            "InternalError"
            | "InternalFailure"
            | "Unavailable"
            | "ServiceUnavailable"
            | "ServiceUnavailableException"
            | "InternalServerError"
            | "InternalServerException"
            | "DispatchFailure"
            | "TimeoutError" => Self::Unavailable,
            "ParameterNotFound" | "ResourceNotFoundException" => Self::NotFound,
            other if other.ends_with(".NotFound") || other.ends_with("NotFoundException") => Self::NotFound,
            _ => Self::Invalid,
        }
    }

    /// Whether the same call may succeed later, without a change by a person.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Throttled
            | Self::Limit
            | Self::InsufficientCapacity
            | Self::NotFound
            | Self::WrongState
            | Self::Unavailable => true,
            Self::Denied
            | Self::NameTaken
            | Self::InUse
            | Self::InstanceTerminated
            | Self::TokenUsed
            | Self::Invalid => false,
        }
    }
}

impl CloudError {
    /// An error of `operation` on `resource`, classified by AWS's code and message.
    pub fn new(
        operation: &'static str,
        resource: impl Into<String>,
        region: &Region,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let (code, message) = (code.into(), message.into());
        let kind = ErrorKind::of(&code, &message);
        Self { operation, resource: resource.into(), region: region.clone(), code, message, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_call_names_operation_resource_region_and_what_to_do() {
        let error = CloudError::new(
            "CopyImage",
            "ami-0123456789abcdef0",
            &"eu-west-1".parse().unwrap(),
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
        );
        assert_eq!(
            error.to_string(),
            "CopyImage on ami-0123456789abcdef0 in eu-west-1 failed: UnauthorizedOperation: You are not authorized to \
             perform this operation. [AWS denied the call, and does not say which policy did; check the function's role, \
             service control policies, and the policy of the resource or key]"
        );
        assert!(!error.kind.is_retryable());
    }

    #[test]
    fn an_error_that_no_page_of_awss_explains_is_told_in_awss_words_alone() {
        let home = "us-east-1".parse().unwrap();
        let message = "The instance 'i-0a' may not be terminated.";
        let error = CloudError::new("TerminateInstances", "i-0a", &home, "OperationNotPermitted", message);
        assert_eq!(
            error.to_string(),
            "TerminateInstances on i-0a in us-east-1 failed: OperationNotPermitted: The instance 'i-0a' may not be terminated."
        );
    }

    #[test]
    fn codes_are_classified_as_aws_documents_them() {
        for (code, message, kind) in [
            ("RequestLimitExceeded", "", ErrorKind::Throttled),
            ("ResourceLimitExceeded", "", ErrorKind::Limit),
            ("InvalidAMIName.Duplicate", "", ErrorKind::NameTaken),
            ("InvalidAMIID.NotFound", "", ErrorKind::NotFound),
            (
                "InvalidParameterValue",
                "Instance is not in state 'running' or 'stopping' or 'stopped'",
                ErrorKind::WrongState,
            ),
            ("InvalidParameterValue", "Value (x) for parameter", ErrorKind::Invalid),
            ("InsufficientInstanceCapacity", "", ErrorKind::InsufficientCapacity),
            ("IdempotentInstanceTerminated", "", ErrorKind::InstanceTerminated),
            ("IdempotentParameterMismatch", "", ErrorKind::TokenUsed),
            ("SomethingNew", "", ErrorKind::Invalid),
            ("OperationNotPermitted", "The instance may not be terminated", ErrorKind::Invalid),
        ] {
            assert_eq!(ErrorKind::of(code, message), kind, "{code}");
        }
    }
}
