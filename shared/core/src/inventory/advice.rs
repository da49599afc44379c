//! What a person should do about an error of AWS's, by its code and its message, each with the page of AWS's that says
//! so. An error that is not in the table gets no advice: AWS's own words say more than a guess.

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// The codes of the error.
    codes: &'static [&'static str],
    /// Texts of which the message must contain one, in lower case; none if the codes say it all.
    says: &'static [&'static str],
    /// What the error means, and what a person should do.
    pub text: &'static str,
    /// The page that the advice rests on.
    pub source: &'static str,
}

const CODES: &str = "https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html";
const ACCESS_DENIED: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html";
const SHARED_SNAPSHOTS: &str =
    "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html";
const SNS: &str = "https://docs.aws.amazon.com/sns/latest/api/API_Publish.html";
const DENIED: &[&str] = &["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];

/// The table. The first row that fits counts.
const TABLE: &[Advice] = &[
    Advice {
        codes: &["OperationNotPermitted", "InvalidParameter"],
        says: &[
            "ebs default key cannot be shared",
            "aws managed cmk can't be shared",
            "aws managed key can't be shared",
        ],
        text: "AWS's own key encrypts the volumes, and nobody else can use that key; encrypt the base, or the Region by default, with a key of your own",
        source: SHARED_SNAPSHOTS,
    },
    Advice {
        codes: DENIED,
        says: &["explicit deny in a service control policy", "no service control policy allows"],
        text: "a service control policy of the organization denies the call; whoever manages the organization can allow it",
        source: ACCESS_DENIED,
    },
    Advice {
        codes: DENIED,
        says: &["explicit deny in a permissions boundary", "no permissions boundary allows"],
        text: "the permissions boundary of the function's role denies the call; allow it there",
        source: ACCESS_DENIED,
    },
    Advice {
        codes: DENIED,
        says: &["explicit deny in a resource-based policy", "no resource-based policy allows"],
        text: "the policy of the resource itself denies the call (for a KMS key: its key policy); allow it there",
        source: ACCESS_DENIED,
    },
    Advice {
        codes: DENIED,
        says: &["explicit deny in an identity-based policy", "no identity-based policy allows"],
        text: "a policy of the function's role denies the call, or none allows it; deploy the stack anew, or correct the role",
        source: ACCESS_DENIED,
    },
    Advice {
        codes: DENIED,
        says: &[],
        text: "AWS denied the call, and does not say which policy did; check the function's role, service control policies, and the policy of the resource or key",
        source: ACCESS_DENIED,
    },
    Advice {
        codes: &["AuthorizationError"],
        says: &[],
        text: "the topic did not let the function publish; allow sns:Publish to its role, in the topic's own policy too if that denies it",
        source: SNS,
    },
    Advice {
        codes: &["KMSAccessDenied"],
        says: &[],
        text: "a KMS key encrypts the topic; let its key policy allow kms:GenerateDataKey and kms:Decrypt to the function's role",
        source: "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
    },
    Advice {
        codes: &["NotFound"],
        says: &["topic does not exist"],
        text: "there is no such topic in the home Region; correct the stack's parameter NotifyTopic",
        source: SNS,
    },
    Advice {
        codes: &["AuthFailure"],
        says: &["not authorized for images"],
        text: "the image belongs to another account, which has not shared it with this one; have it shared, or name another image",
        source: CODES,
    },
    Advice {
        codes: &["OptInRequired"],
        says: &["marketplace"],
        text: "the account has no subscription to that product of AWS Marketplace; accept its terms there",
        source: CODES,
    },
    Advice {
        codes: &["ExpiredToken", "ExpiredTokenException", "RequestExpired"],
        says: &[],
        text: "the credentials or the request were too old; check the clock and the credentials of whoever called",
        source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html",
    },
    Advice {
        codes: &[
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "EC2ThrottledException",
        ],
        says: &[],
        text: "too many calls; Kiln tries again. If it persists, check what else calls this API in the account",
        source: "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html",
    },
    Advice {
        codes: &["VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded"],
        says: &[],
        text: "the account's quota for running instances of this class is used up; Kiln tries again. If it persists, request a higher quota",
        source: "https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html",
    },
    Advice {
        codes: &[
            "SnapshotLimitExceeded",
            "ConcurrentSnapshotLimitExceeded",
            "PendingSnapshotLimitExceeded",
            "ResourceLimitExceeded",
        ],
        says: &[],
        text: "a quota of the account is used up; Kiln tries again. If it persists, request a higher quota",
        source: CODES,
    },
    Advice {
        codes: &["InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"],
        says: &[],
        text: "the zone has no room for the instance; Kiln tries again. If it persists, name more subnets or another instance type",
        source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html",
    },
    Advice {
        codes: &["InsufficientFreeAddressesInSubnet"],
        says: &[],
        text: "the subnet has no free address; name another subnet, or free some",
        source: CODES,
    },
    Advice {
        codes: &["Unsupported"],
        says: &["availability zone"],
        text: "the zone does not offer this instance type; name a subnet in another zone, or another instance type",
        source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html",
    },
    Advice {
        codes: &["InvalidAMIName.Duplicate"],
        says: &[],
        text: "another image has this name; deregister it, or copy it under another name first",
        source: CODES,
    },
    Advice {
        codes: &["InvalidSnapshot.InUse"],
        says: &[],
        text: "an image uses the snapshot, so it is kept; nothing needs to be done",
        source: CODES,
    },
    Advice {
        codes: &["IdempotentInstanceTerminated"],
        says: &[],
        text: "the instance of this bake was terminated; bake again, which gives a new version",
        source: "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html",
    },
    Advice {
        codes: &["IdempotentParameterMismatch"],
        says: &[],
        text: "an earlier call created it already; nothing needs to be done",
        source: "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html",
    },
    Advice {
        codes: &[
            "InternalError",
            "InternalFailure",
            "Unavailable",
            "ServiceUnavailable",
            "InternalServerError",
        ],
        says: &[],
        text: "AWS had an internal error; Kiln tries again. If it persists, check the AWS Health Dashboard",
        source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/query-api-troubleshooting.html",
    },
    Advice {
        codes: &["InvalidAMIID.NotFound", "InvalidInstanceID.NotFound", "InvalidSnapshot.NotFound"],
        says: &[],
        text: "it does not exist, or cannot be seen yet; Kiln tries again. If it persists, check whether it exists",
        source: "https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html",
    },
    Advice {
        codes: &["IncorrectState", "IncorrectInstanceState", "InvalidAMIID.Unavailable"],
        says: &[],
        text: "its state does not allow the call yet; Kiln tries again. If it persists, check the state of the resource",
        source: CODES,
    },
    Advice {
        codes: &["ParameterLimitExceeded", "ParameterMaxVersionLimitExceeded"],
        says: &[],
        text: "Parameter Store takes no more parameters, or no more versions of this one; remove the label of its oldest version, or old parameters",
        source: "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html",
    },
];

/// What to do about an error; `None` if AWS documents nothing that could be said with certainty.
pub fn advice(code: &str, message: &str) -> Option<&'static Advice> {
    let message = message.to_lowercase();
    let fits = |row: &&Advice| {
        row.codes.contains(&code)
            && (row.says.is_empty() || row.says.iter().any(|text| message.contains(text)))
    };
    TABLE.iter().find(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::ErrorKind;

    #[test]
    fn each_row_has_a_page_of_awss_and_can_be_reached() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(row.source.starts_with("https://docs.aws.amazon.com/"), "{}", row.text);
            assert!(!row.text.is_empty() && !row.codes.is_empty());
            for code in row.codes {
                let message = row.says.first().copied().unwrap_or_default();
                let first = advice(code, message).map(|found| found.text);
                assert_eq!(first, Some(row.text), "row {at} for {code} stands behind another");
            }
        }
    }

    #[test]
    fn the_message_tells_errors_of_one_code_apart() {
        let text = |code, message| advice(code, message).map(|advice| advice.text).unwrap_or_default();
        for (code, message) in [
            ("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared"),
            ("InvalidParameter", "Snapshots encrypted with the AWS Managed CMK can't be shared"),
        ] {
            assert!(text(code, message).contains("with a key of your own"), "{code}");
        }
        let denied = |why: &str| {
            let message = format!("not authorized to perform: ec2:RunInstances {why}");
            advice("UnauthorizedOperation", &message).map(|advice| advice.text).unwrap_or_default()
        };
        assert!(denied("with an explicit deny in a service control policy").contains("of the organization"));
        assert!(denied("because no identity-based policy allows the action").contains("function's role"));
        assert!(denied("").contains("does not say which policy"));
    }

    #[test]
    fn what_aws_does_not_document_gets_no_advice() {
        for (code, message) in [
            ("OperationNotPermitted", "The instance 'i-0a' may not be terminated."),
            ("InvalidParameter", "The parameter is bad"),
            ("InvalidParameterValue", "Value (x) for parameter"),
            ("Unsupported", "The requested configuration is currently not supported."),
            ("OptInRequired", "You are not subscribed to this service"),
            ("SomethingNew", ""),
            ("UnsupportedOperation", ""),
        ] {
            assert_eq!(advice(code, message), None, "{code}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_kind_of_error_gives_advice_by_itself(code in "[A-Za-z.]{1,30}", message in ".{0,60}") {
            // Whatever a code is classified as, only the table gives advice.
            let kind = ErrorKind::of(&code, &message);
            let known = TABLE.iter().any(|row| row.codes.contains(&code.as_str()));
            prop_assert!(known || advice(&code, &message).is_none(), "{kind:?}");
        }
    }
}
