//! Errors of AWS calls. Each says which call failed, on which resource, in which Region, what AWS said, and what to do.

use serde::Serialize;
use thiserror::Error;

use crate::model::Region;

/// The result of an AWS call.
pub type Result<T, E = CloudError> = std::result::Result<T, E>;

/// An AWS call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{operation} on {resource} in {region} failed: {code}: {message} [{}]", .kind.advice())]
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
            | "AuthFailure"
            | "OptInRequired"
            | "OperationNotPermitted"
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

    /// What the error means, and what a person should do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Denied => {
                "AWS denied the call; allow it in the function's role, and check SCPs and key policies"
            }
            Self::Throttled => {
                "too many calls; Kiln tries again. If it persists, check what else calls this API in the account"
            }
            Self::Limit => "a quota is used up; Kiln tries again. If it persists, request a higher quota",
            Self::InsufficientCapacity => {
                "the zone cannot take the instance; Kiln tries again. If it persists, name more subnets or another instance type"
            }
            Self::NotFound => {
                "not found, or not visible yet; Kiln tries again. If it persists, check whether the resource exists"
            }
            Self::NameTaken => {
                "another image has this name; deregister it, or copy it under another name first"
            }
            Self::WrongState => {
                "its state does not allow the call; Kiln tries again. If it persists, check the state of the resource"
            }
            Self::InUse => "it is in use and is kept; nothing needs to be done",
            Self::InstanceTerminated => {
                "the instance of this bake was terminated; bake again, which gives a new version"
            }
            Self::TokenUsed => "an earlier call created it already; nothing needs to be done",
            Self::Unavailable => {
                "AWS did not answer, or had an internal error; Kiln tries again. If it persists, check the AWS Health Dashboard"
            }
            Self::Invalid => {
                "AWS does not accept the call; correct what its message names, in the recipe or the account"
            }
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
             perform this operation. [AWS denied the call; allow it in the function's role, and check SCPs and key policies]"
        );
        assert!(!error.kind.is_retryable());
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
        ] {
            assert_eq!(ErrorKind::of(code, message), kind, "{code}");
        }
    }
}
