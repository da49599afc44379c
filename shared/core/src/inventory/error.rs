//! Errors with an address: what failed, on which resource, in which Region, what AWS said, what to do.

use serde::Serialize;
use thiserror::Error;

use crate::model::Region;

/// The result of a call to the cloud.
pub type Result<T, E = CloudError> = std::result::Result<T, E>;

/// A call to the cloud that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{operation} on {resource} in {region} failed: {code}: {message} [{}]", .kind.advice())]
pub struct CloudError {
    /// AWS's name of the call.
    pub operation: &'static str,
    /// On what.
    pub resource: String,
    /// Where.
    pub region: Region,
    /// AWS's code.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// What the code means to Kiln.
    pub kind: ErrorKind,
}

/// What an error means, whatever the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The role may not make the call.
    Denied,
    /// Too many calls at the moment.
    Throttled,
    /// A quota of the account is used up at the moment.
    Limit,
    /// The zone has no room for the instance at the moment.
    InsufficientCapacity,
    /// The thing is not there, or not yet seen.
    NotFound,
    /// The name belongs to another image.
    NameTaken,
    /// The thing is in a state in which the call cannot be made, perhaps only for a moment.
    WrongState,
    /// The thing is used by another.
    InUse,
    /// The token was used for an instance that has been terminated since.
    InstanceTerminated,
    /// The token was used before, by a call that differs: what it stands for was made then.
    TokenUsed,
    /// AWS did not answer, or failed itself.
    Unavailable,
    /// The call itself is wrong.
    Invalid,
}

impl ErrorKind {
    /// Reads a code and its message as AWS documents them.
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
            // CreateImage on an instance that has only just stopped answers so.
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

    /// Whether the same call may succeed later with nothing changed by a person.
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

    /// What a person should do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Denied => {
                "allow the call in the function's role, and see that no SCP or key policy denies it"
            }
            Self::Throttled => {
                "it is tried again; should it last, look for what else calls EC2 in this account"
            }
            Self::Limit => "it is tried again; should it last, ask for a higher quota",
            Self::InsufficientCapacity => {
                "it is tried again; name more subnets or another instance type in the recipe"
            }
            Self::NotFound => {
                "it is tried again, for new things are seen late; should it last, someone removed it"
            }
            Self::NameTaken => "rename or deregister the image that has the name",
            Self::WrongState => "it is tried again; should it last, look at the thing's state",
            Self::InUse => "nothing; it stays while it is used",
            Self::InstanceTerminated => {
                "the builder of this bake was terminated; bake again, which is another version"
            }
            Self::TokenUsed => "nothing; a call with this token has made it before",
            Self::Unavailable => "it is tried again; should it last, look at AWS's health page",
            Self::Invalid => "correct what the message names, in the recipe or in the account",
        }
    }
}

impl CloudError {
    /// An error of `operation` on `resource`, with what AWS said.
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
    fn a_missing_permission_names_the_call_the_thing_the_region_and_the_fix() {
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
             perform this operation. [allow the call in the function's role, and see that no SCP or key policy denies it]"
        );
        assert!(!error.kind.is_retryable());
    }

    #[test]
    fn codes_mean_what_aws_documents() {
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
