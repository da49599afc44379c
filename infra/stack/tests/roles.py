"""What each role must be able to do, and what it must not: each call with what AWS tells of it."""

from __future__ import annotations

from typing import Any

from stack.functions import Function

Call = tuple[str, str, Any]
"""An action, the resource that it is asked for, and the keys of its context."""

INSTANCE = "arn:aws:ec2:us-east-1:123456789012:instance/i-0a1b2c3d4e5f60718"
VOLUME = "arn:aws:ec2:us-east-1:123456789012:volume/vol-0a1b2c3d4e5f60718"
IMAGE = "arn:aws:ec2:us-east-1::image/ami-0c1f2a3b4d5e6f708"
SNAPSHOT = "arn:aws:ec2:us-east-1::snapshot/snap-0c1f2a3b4d5e6f708"
REPLICA = "arn:aws:ec2:eu-west-1::image/ami-0d2e3f4a5b6c7d819"
REPLICA_SNAPSHOT = "arn:aws:ec2:eu-west-1::snapshot/snap-0d2e3f4a5b6c7d819"
RECIPES = "arn:aws:ssm:us-east-1:123456789012:parameter/kiln/recipes"
WAITING = "arn:aws:ssm:us-east-1:123456789012:parameter/kiln/waiting/web-20261123T020000Z"
PUBLIC = "arn:aws:ssm:us-east-1::parameter/aws/service/ami-amazon-linux-latest/al2023"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
FAR_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"


def tags(*pairs: str, of: str = "aws:ResourceTag") -> dict[str, str]:
    return {f"{of}/kiln:{key}": value for key, _, value in (pair.partition("=") for pair in pairs)}


BUILDER = tags("recipe=web", "role=builder", "version=20261123T020000Z")
LONG_LIVED = tags("recipe=web")
OURS = tags("recipe=web", "version=20261123T020000Z", "stage=captured")
DESCRIPTION = {"ec2:Attribute/Description": "web-20261123T020000Z"}
COPY = OURS | tags("origin=us-east-1/ami-0c1f2a3b4d5e6f708")
ASKED = tags("recipe=web", "role=builder", of="aws:RequestTag")
REQUIRED = {"ec2:MetadataHttpTokens": "required", "ec2:InstanceType": "t4g.small"}
OPTIONAL = REQUIRED | {"ec2:MetadataHttpTokens": "optional"}
LAUNCH = ASKED | REQUIRED
MARKS = {"aws:TagKeys": ["kiln:version", "kiln:deadline", "kiln:seal"]}
HERE = {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}
THERE = {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}
GRANT = {"kms:GrantIsForAWSResource": "true"}

REPORT = "arn:aws:ec2:eu-west-1:123456789012:image-usage-report/amiur-0a1b2c3d"
ASKED_FOR = {"ec2:CreateAction": "CreateImageUsageReport", "aws:TagKeys": ["kiln:image"]}

TESTER = tags("recipe=web", "role=tester", "version=20261123T020000Z")
TEST = tags("recipe=web", "role=tester", "image=ami-1", of="aws:RequestTag")
GIVEN = tags("recipe=web")
TAKEN = tags("adopted=us-east-1/ami-1", "recipe=web", of="aws:RequestTag")
PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/golden/web/latest"
TEMPLATE = "arn:aws:ec2:eu-west-1:123456789012:launch-template/lt-0a1b2c3d4e5f60718"
FAR_INSTANCE = INSTANCE.replace("us-east-1", "eu-west-1")
FAR_VOLUME = VOLUME.replace("us-east-1", "eu-west-1")
OWN = {"aws:ResourceAccount": "123456789012"}
CONTENTS = "<Store.Arn>/contents/web/20261123T020000Z.txt"
SHARE = [
    ("ec2:DescribeImages", "*", {}),
    ("ec2:DescribeImageAttribute", REPLICA, {}),
    ("ec2:DescribeSnapshotAttribute", REPLICA_SNAPSHOT, {}),
    ("ec2:ModifyImageAttribute", REPLICA, COPY),
    ("ec2:ModifyImageAttribute", REPLICA, COPY | DESCRIPTION),
    ("ec2:ModifySnapshotAttribute", REPLICA_SNAPSHOT, COPY),
    ("ec2:ModifySnapshotAttribute", REPLICA_SNAPSHOT, COPY | {"ec2:Add/userId": ["111111111111"]}),
    ("ec2:AttachImageWatermark", IMAGE, OURS),
    ("ec2:AttachImageWatermark", REPLICA, COPY),
    ("ec2:DetachImageWatermark", REPLICA, COPY),
    ("ec2:EnableImageDeprecation", REPLICA, COPY),
    ("ec2:DisableImageDeprecation", REPLICA, COPY),
    ("ec2:EnableImageDeregistrationProtection", REPLICA, COPY),
    ("ec2:DisableImageDeregistrationProtection", REPLICA, COPY),
    ("ec2:GetImageFindings", IMAGE, {}),
    ("ec2:CreateTags", REPLICA, COPY | {"aws:TagKeys": ["kiln:stage", "kiln:seal", "kiln:published-as"]}),
]
ACCOUNT_WRITER = "arn:aws:iam::111122223333:role/kiln-parameters"
ACCOUNT_READER = "arn:aws:iam::111122223333:role/kiln-parameters-reader"
RELEASE = [
    ("sts:AssumeRole", ACCOUNT_WRITER, {}),
    ("ssm:GetParameters", PARAMETER, {}),
    ("ssm:PutParameter", PARAMETER, {"ssm:Overwrite": "true"}),
    ("ec2:DescribeLaunchTemplateVersions", "*", {}),
    ("ec2:CreateLaunchTemplateVersion", TEMPLATE, GIVEN),
    ("ec2:ModifyLaunchTemplate", TEMPLATE, GIVEN),
    ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:released-at", "kiln:released-in"]}),
    ("ec2:CreateTags", REPLICA, COPY | {"aws:TagKeys": ["kiln:release-tried"]}),
    ("s3:GetObject", CONTENTS, OWN),
]
# Who uses images.
USE: list[Call] = [
    ("ec2:DescribeInstances", "*", {}),
    ("ec2:DescribeLaunchTemplates", "*", {}),
    ("ec2:DescribeLaunchTemplateVersions", "*", {}),
    ("ec2:DescribeFleets", "*", {}),
    ("ec2:DescribeSpotFleetRequests", "*", {}),
    ("autoscaling:DescribeLaunchConfigurations", "*", {}),
    ("autoscaling:DescribeAutoScalingGroups", "*", {}),
    ("ec2:DescribeSpotInstanceRequests", "*", {}),
    ("ec2:DescribeImageUsageReports", "*", {}),
    ("ec2:DescribeImageUsageReportEntries", "*", {}),
    ("ec2:DescribeImageReferences", "*", {}),
    ("ec2:DescribeRegions", "*", {}),
    ("ssm:DescribeParameters", "*", {}),
    ("imagebuilder:ListImageRecipes", "*", {}),
    ("imagebuilder:ListContainerRecipes", "*", {}),
    ("imagebuilder:GetContainerRecipe", "*", {}),
]
# What every function does, and what none may do: to what is not Kiln's, or beyond Kiln's own work.
COMMON: list[Call] = [
    ("ssm:GetParametersByPath", RECIPES, {}),
    ("ssm:GetParameter", f"{RECIPES}/web", {}),
    ("sqs:SendMessage", "<Failures.Arn>", {}),
]
# reconcile changes nothing, so it has nothing to say.
ANNOUNCE: Call = ("events:PutEvents", "<Bus.Arn>", {"events:source": ["kiln"]})
NEVER: list[Call] = [
    ("events:PutEvents", "<Bus.Arn>", {"events:source": ["aws.ec2"]}),
    ("events:PutEvents", "<Bus.Arn>", {"events:source": ["kiln", "aws.ec2"]}),
    ("events:PutEvents", "<Bus.Arn>", {}),
    ("iam:PassRole", "arn:aws:iam::123456789012:role/admin", {}),
    ("sts:AssumeRole", "arn:aws:iam::111122223333:role/admin", {}),
    ("sts:AssumeRole", "arn:aws:iam::111122223333:role/kiln-parameters-writer", {}),
    ("s3:PutObject", "<Store.Arn>/archives/0123.tar.gz", {}),
    ("s3:GetObject", "arn:aws:s3:::payroll/salaries.csv", {}),
    ("s3:DeleteObject", "<Store.Arn>/archives/0123.tar.gz", {}),
    ("kms:Decrypt", KEY, {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}),
    ("ssm:PutParameter", f"{RECIPES}/web", {"ssm:Overwrite": "true"}),
    ("ec2:StopInstances", INSTANCE, {}),
    ("ec2:TerminateInstances", INSTANCE, {}),
    ("ec2:DisableImage", IMAGE, {}),
    ("ec2:DeregisterImage", IMAGE, {}),
    ("ec2:DeleteSnapshot", SNAPSHOT, {}),
    ("ec2:ModifyImageAttribute", IMAGE, {}),
    ("ec2:ModifySnapshotAttribute", SNAPSHOT, {}),
    ("ec2:AttachImageWatermark", IMAGE, {}),
    ("ec2:DetachImageWatermark", IMAGE, {}),
    ("ec2:DisableImageDeregistrationProtection", IMAGE, {}),
    ("ec2:ModifyLaunchTemplate", TEMPLATE, {}),
    # No function ends a hold.
    ("ec2:DeleteTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:hold"]}),
]
# It only restrains, and expire holds what a person asks it to hold.
HOLD: Call = ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:hold"]})
# Each call that a function makes beside those of COMMON, with what AWS tells of it.
# What instances do by the URLs that a function signed.
BUILDERS_LOG = "<Store.Arn>/logs/90d/web/20261123T020000Z/builder-us-east-1.log"
TESTERS_LOG = "<Store.Arn>/logs/90d/web/20261123T020000Z/tester-eu-west-1.log"
SIGNED: list[Call] = [
    ("s3:GetObject", "<Store.Arn>/archives/0123.tar.gz", OWN),
    ("s3:PutObject", BUILDERS_LOG, OWN),
]
NEEDED: dict[str, list[Call]] = {
    "BakeRole": [
        *SIGNED,
        ("ec2:DescribeInstances", "*", {}),
        ("ec2:DescribeSecurityGroups", "*", {}),
        ("ec2:DescribeRouteTables", "*", {}),
        ("ec2:DescribeVpcEndpoints", "*", {}),
        ("ec2:DescribeImages", "*", {}),
        ("ec2:DescribeInstanceTypes", "*", {}),
        ("ec2:DescribeSnapshots", "*", {}),
        ("ec2:DescribeSubnets", "*", {}),
        ("ec2:DescribeRegions", "*", {}),
        ("ec2:GetImageBlockPublicAccessState", "*", {}),
        ("ec2:GetEbsEncryptionByDefault", "*", {}),
        ("ec2:GetEbsDefaultKmsKeyId", "*", {}),
        ("kms:DescribeKey", FAR_KEY, {}),
        ("servicequotas:GetServiceQuota", "arn:aws:servicequotas:us-east-1:123456789012:ec2/L-1216C47A", {}),
        ("ssm:GetParameters", PARAMETER, {}),
        ("ssm:PutParameter", PARAMETER, {"ssm:Overwrite": "false"}),
        ("ssm:GetParameter", PUBLIC, {}),
        ("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/golden/base/latest", {}),
        ("ec2:RunInstances", IMAGE, {}),
        ("ec2:RunInstances", SNAPSHOT, {}),
        ("ec2:RunInstances", "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1", {}),
        ("ec2:RunInstances", "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1", {}),
        ("ec2:RunInstances", "arn:aws:ec2:us-east-1:123456789012:network-interface/*", {}),
        ("ec2:RunInstances", INSTANCE, LAUNCH),
        ("ec2:RunInstances", VOLUME, ASKED),
        ("ec2:CreateTags", INSTANCE, {"ec2:CreateAction": "RunInstances"}),
        ("ec2:CreateTags", VOLUME, {"ec2:CreateAction": "RunInstances"}),
        ("ec2:CreateTags", INSTANCE, LONG_LIVED | {"aws:TagKeys": [*MARKS["aws:TagKeys"], "kiln:last-bake"]}),
        ("ec2:DeleteTags", INSTANCE, LONG_LIVED | {"aws:TagKeys": [*MARKS["aws:TagKeys"], "kiln:last-bake"]}),
        ("ec2:StopInstances", INSTANCE, LONG_LIVED),
        ("ssm:PutParameter", WAITING, {"ssm:Overwrite": "true"}),
        ("ssm:DeleteParameter", WAITING, {}),
        ("ssm:GetParametersByPath", WAITING, {}),
        ("kms:Decrypt", KEY, HERE),
        ("kms:CreateGrant", KEY, HERE | GRANT),
    ],
    "CaptureRole": [
        ("ec2:DescribeInstances", "*", {}),
        ("ec2:DescribeImages", "*", {}),
        ("ec2:GetConsoleOutput", INSTANCE, BUILDER),
        ("s3:GetObject", BUILDERS_LOG, OWN),
        ("ec2:CreateImage", INSTANCE, BUILDER),
        ("ec2:CreateImage", INSTANCE, LONG_LIVED),
        ("ec2:CreateImage", IMAGE, ASKED),
        ("ec2:CreateImage", SNAPSHOT, ASKED),
        ("ec2:CreateTags", IMAGE, {"ec2:CreateAction": "CreateImage"}),
        ("ec2:CreateTags", SNAPSHOT, {"ec2:CreateAction": "CreateImage"}),
        ("ec2:CreateTags", INSTANCE, BUILDER | {"aws:TagKeys": ["kiln:image", "kiln:end-told"]}),
        ("ec2:StartInstances", INSTANCE, LONG_LIVED),
        ("ec2:DeleteTags", INSTANCE, LONG_LIVED | MARKS),
        ("ec2:TerminateInstances", INSTANCE, BUILDER),
        ("ec2:DeregisterImage", IMAGE, OURS),
        ("ec2:DeleteSnapshot", SNAPSHOT, OURS),
        ("kms:CreateGrant", KEY, HERE | GRANT),
    ],
    "VerifyRole": [
        *SIGNED,
        ("ec2:DescribeInstances", "*", {}),
        ("ec2:DescribeImages", "*", {}),
        ("ec2:DescribeSubnets", "*", {}),
        ("ec2:DescribeSecurityGroups", "*", {}),
        ("ec2:RunInstances", IMAGE, OURS),
        ("ec2:RunInstances", REPLICA, COPY),
        ("ec2:RunInstances", SNAPSHOT, {}),
        ("ec2:RunInstances", "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1", {}),
        ("ec2:RunInstances", "arn:aws:ec2:eu-west-1:123456789012:security-group/sg-1", {}),
        ("ec2:RunInstances", "arn:aws:ec2:eu-west-1:123456789012:network-interface/*", {}),
        ("ec2:RunInstances", FAR_INSTANCE, TEST | REQUIRED),
        ("ec2:RunInstances", FAR_VOLUME, TEST),
        ("ec2:CreateTags", FAR_INSTANCE, {"ec2:CreateAction": "RunInstances"}),
        ("ec2:CreateTags", FAR_VOLUME, {"ec2:CreateAction": "RunInstances"}),
        ("ec2:GetConsoleOutput", INSTANCE, TESTER),
        ("s3:GetObject", TESTERS_LOG, OWN),
        ("ec2:TerminateInstances", FAR_INSTANCE, TESTER),
        ("ec2:CreateTags", REPLICA, COPY | {"aws:TagKeys": ["kiln:stage", "kiln:contents", "kiln:seal"]}),
        ("s3:PutObject", CONTENTS, OWN),
        ("ec2:ModifyImageAttribute", REPLICA, COPY | DESCRIPTION),
        ("ec2:CreateTags", IMAGE, GIVEN | TAKEN | {"aws:TagKeys": ["kiln:adopted", "team"]}),
        ("ec2:CreateTags", IMAGE, TAKEN | {"aws:TagKeys": ["kiln:adopted", "team"]}),
        ("ec2:CreateTags", SNAPSHOT, TAKEN | {"aws:TagKeys": ["kiln:adopted", "team"]}),
        ("kms:Decrypt", FAR_KEY, THERE),
        ("kms:CreateGrant", FAR_KEY, THERE | GRANT),
    ],
    "PublishRole": [
        *SHARE,
        *RELEASE,
        ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:pin-holds", "kiln:loss-told"]}),
        *USE,
        ("ec2:CreateTags", REPLICA, COPY | {"aws:TagKeys": ["kiln:stage", "kiln:recalled", "kiln:seal"]}),
        ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:recalled-at", "kiln:recopy"]}),
    ],
    "ReplicateRole": [
        *SHARE,
        *RELEASE,
        ("ec2:DescribeImages", "*", {}),
        ("ec2:CopyImage", IMAGE, {}),
        ("ec2:CopyImage", REPLICA, ASKED),
        ("ec2:CopyImage", REPLICA_SNAPSHOT, ASKED),
        ("ec2:CreateTags", REPLICA, {"ec2:CreateAction": "CopyImage"} | ASKED),
        ("ec2:CreateTags", REPLICA_SNAPSHOT, {"ec2:CreateAction": "CopyImage"} | ASKED),
        ("ec2:CreateTags", REPLICA, COPY | {"aws:TagKeys": ["kiln:stage", "kiln:seal"]}),
        ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:stage", "kiln:seal"]}),
        ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:recopy"]}),
        ("ec2:DeregisterImage", REPLICA, COPY),
        ("ec2:DeleteSnapshot", REPLICA_SNAPSHOT, COPY),
        ("kms:Decrypt", KEY, HERE),
        ("kms:ReEncryptFrom", KEY, HERE),
        ("kms:GenerateDataKeyWithoutPlaintext", FAR_KEY, THERE),
        ("kms:CreateGrant", FAR_KEY, THERE | GRANT),
    ],
    "ExpireRole": [
        HOLD,
        *USE,
        ("ec2:ModifyImageAttribute", REPLICA, COPY | DESCRIPTION),
        ("ec2:DescribeImages", "*", {}),
        ("ec2:DescribeSnapshots", "*", {}),
        ("ec2:DescribeVolumes", "*", {}),
        ("ec2:DescribeLockedSnapshots", "*", {}),
        ("ec2:DescribeImageAttribute", REPLICA, COPY),
        ("ec2:CreateImageUsageReport", REPLICA, COPY),
        ("ec2:CreateImageUsageReport", REPORT, {}),
        ("ec2:CreateTags", REPORT, ASKED_FOR),
        ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:fleet-size", "kiln:recipe-retired-at"]}),
        ("ssm:GetParameters", "arn:aws:ssm:eu-west-1:123456789012:parameter/golden/web/latest", {}),
        (
            "ec2:CreateTags",
            REPLICA,
            COPY | {"aws:TagKeys": ["kiln:stage", "kiln:disabled-at", "kiln:unused-since"]},
        ),
        ("ec2:CreateTags", SNAPSHOT, OURS | {"aws:TagKeys": ["kiln:orphaned-since"]}),
        ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:stage", "kiln:seal", "kiln:recopy"]}),
        ("ec2:CreateTags", REPLICA, COPY | {"aws:TagKeys": ["kiln:restored-at"]}),
        ("ec2:DisableImage", REPLICA, COPY),
        ("ec2:EnableImage", REPLICA, COPY),
        ("ec2:EnableImageDeprecation", REPLICA, COPY),
        ("ec2:DisableImageDeprecation", IMAGE, OURS),
        ("ec2:ListImagesInRecycleBin", "*", {}),
        ("ec2:DeregisterImage", IMAGE, OURS),
        ("ec2:DeleteSnapshot", REPLICA_SNAPSHOT, COPY),
        (
            "ec2:DisableImageDeregistrationProtection",
            REPLICA,
            COPY | tags("published-as=protected-0123456789abcdef"),
        ),
    ],
}
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:kiln-{}"
NEEDED["ReconcileRole"] = [
    ("sts:AssumeRole", ACCOUNT_READER, {}),
    ("ec2:DescribeInstances", "*", {}),
    ("ec2:DescribeImages", "*", {}),
    ("ec2:DescribeSnapshots", "*", {}),
    ("ec2:DescribeVolumes", "*", {}),
    ("ec2:DescribeLockedSnapshots", "*", {}),
    ("ec2:DescribeSubnets", "*", {}),
    ("ec2:DescribeSecurityGroups", "*", {}),
    ("ec2:DescribeLaunchTemplateVersions", "*", {}),
    ("ec2:ListImagesInRecycleBin", "*", {}),
    ("ec2:DescribeImageAttribute", REPLICA, {}),
    ("ec2:DescribeSnapshotAttribute", REPLICA_SNAPSHOT, {}),
    ("ec2:GetImageFindings", IMAGE, {}),
    ("ec2:GetConsoleOutput", INSTANCE, BUILDER),
    ("ec2:GetConsoleOutput", FAR_INSTANCE, TESTER),
    ("s3:GetObject", BUILDERS_LOG, OWN),
    ("s3:GetObject", TESTERS_LOG, OWN),
    ("ssm:GetParameters", PARAMETER, {}),
    ("ssm:GetParametersByPath", WAITING, {}),
    *(
        ("lambda:InvokeFunction", FUNCTION.format(name), {})
        for name in ("bake", "capture", "verify", "publish", "replicate", "expire")
    ),
    *(
        (f"sqs:{action}", f"<{queue}.Arn>", {})
        for queue in ("Failures", "Undelivered", "EndedBadly")
        for action in ("ReceiveMessage", "ChangeMessageVisibility", "DeleteMessage")
    ),
]
HISTORY = "<Store.Arn>/history/web/20261123T024107Z-image-released-1f0d.json"
PAGE = "<Store.Arn>/catalog/index.html"
LISTED = OWN | {"s3:prefix": "history/web/"}
NEEDED["CatalogRole"] = [
    *USE,
    *(
        ("sqs:GetQueueAttributes", f"<{queue}.Arn>", {})
        for queue in ("Failures", "Undelivered", "EndedBadly")
    ),
    ("ec2:DescribeImages", "*", {}),
    ("ec2:DescribeSnapshots", "*", {}),
    ("ec2:DescribeVolumes", "*", {}),
    ("ec2:DescribeLockedSnapshots", "*", {}),
    ("ec2:DescribeImageAttribute", REPLICA, {}),
    ("ec2:GetImageFindings", IMAGE, {}),
    ("ssm:GetParameters", PARAMETER, {}),
    ("ssm:GetParametersByPath", WAITING, {}),
    ("s3:GetObject", CONTENTS, OWN),
    ("s3:GetObject", HISTORY, OWN),
    ("s3:GetObject", PAGE, OWN),
    ("s3:PutObject", HISTORY, OWN),
    ("s3:PutObject", PAGE, OWN),
    ("s3:ListBucket", "<Store.Arn>", LISTED),
]
NEWS = "arn:aws:sns:us-east-1:123456789012:news"
NEEDED["NotifyRole"] = [("sns:Publish", NEWS, {})]
# What would let a role out of its own job, beside NEVER.
FORBIDDEN: dict[str, list[Call]] = {
    "BakeRole": [
        ("ec2:RunInstances", INSTANCE, LAUNCH | {"ec2:MetadataHttpTokens": "optional"}),
        (
            "ec2:RunInstances",
            INSTANCE,
            {"ec2:MetadataHttpTokens": "required", "ec2:InstanceType": "t4g.small"},
        ),
        ("ec2:RunInstances", VOLUME, {}),
        ("ec2:RunInstances", "arn:aws:ec2:eu-west-1:123456789012:instance/*", LAUNCH),
        ("ec2:StopInstances", INSTANCE, BUILDER),
        ("ec2:TerminateInstances", INSTANCE, BUILDER),
        ("ec2:CreateTags", INSTANCE, MARKS),
        ("ec2:CreateTags", INSTANCE, LONG_LIVED | {"aws:TagKeys": ["kiln:version", "kiln:role"]}),
        ("ec2:CreateTags", INSTANCE, LONG_LIVED),
        ("kms:CreateGrant", KEY, HERE),
        ("ssm:PutParameter", PARAMETER, {"ssm:Overwrite": "true"}),
        ("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/prod/db/password", {}),
    ],
    "CaptureRole": [
        ("ec2:TerminateInstances", INSTANCE, LONG_LIVED),
        ("ec2:TerminateInstances", INSTANCE, tags("role=builder")),
        ("ec2:TerminateInstances", INSTANCE, tags("recipe=web", "role=tester")),
        ("ec2:GetConsoleOutput", INSTANCE, LONG_LIVED),
        ("ec2:CreateImage", INSTANCE, {}),
        ("ec2:CreateImage", SNAPSHOT, {}),
        ("ec2:CreateTags", IMAGE, OURS),
        ("ec2:CreateTags", INSTANCE, {"aws:TagKeys": ["kiln:image"]}),
        ("ec2:CreateTags", INSTANCE, BUILDER | {"aws:TagKeys": ["kiln:image", "kiln:role"]}),
        ("ec2:DeleteTags", INSTANCE, LONG_LIVED | {"aws:TagKeys": ["kiln:recipe"]}),
        ("ec2:StartInstances", INSTANCE, BUILDER),
        ("ec2:DeregisterImage", REPLICA, COPY),
        ("ec2:RunInstances", INSTANCE, LAUNCH),
    ],
    "VerifyRole": [
        ("ec2:RunInstances", IMAGE, {}),
        ("ec2:RunInstances", INSTANCE, LAUNCH),
        ("ec2:RunInstances", INSTANCE, TEST | OPTIONAL),
        ("ec2:TerminateInstances", INSTANCE, BUILDER),
        ("ec2:TerminateInstances", INSTANCE, LONG_LIVED),
        ("ec2:TerminateInstances", INSTANCE, tags("role=tester")),
        ("ec2:GetConsoleOutput", INSTANCE, BUILDER),
        ("ec2:CreateTags", IMAGE, OURS | TAKEN),
        ("ec2:CreateTags", SNAPSHOT, OURS | TAKEN),
        ("ec2:CreateTags", SNAPSHOT, {"aws:TagKeys": ["kiln:recipe", "kiln:version"]}),
        ("ec2:CreateTags", IMAGE, OURS | {"aws:TagKeys": ["kiln:stage", "kiln:hold"]}),
        ("ec2:ModifyImageAttribute", IMAGE, OURS),
        ("ssm:PutParameter", PARAMETER, {"ssm:Overwrite": "true"}),
        ("kms:Decrypt", KEY, {}),
    ],
    "PublishRole": [
        ("ec2:ModifyImageAttribute", IMAGE, GIVEN),
        ("ec2:ModifySnapshotAttribute", SNAPSHOT, OURS | {"ec2:Add/group": "all"}),
        ("ssm:PutParameter", PARAMETER.replace("golden", "kiln/recipes"), {"ssm:Overwrite": "true"}),
        ("ssm:PutParameter", PARAMETER.replace("golden", "database"), {"ssm:Overwrite": "true"}),
        ("ec2:RunInstances", INSTANCE, LAUNCH),
        ("ec2:DisableImage", IMAGE, OURS),
    ],
    "ReplicateRole": [
        ("ec2:CreateTags", REPLICA, {"ec2:CreateAction": "CopyImage"}),
        ("ec2:CreateTags", REPLICA, COPY | {"aws:TagKeys": ["kiln:stage", "kiln:recipe"]}),
        ("ec2:CreateTags", IMAGE, {"aws:TagKeys": ["kiln:stage"]}),
        ("ec2:DeregisterImage", IMAGE, OURS),
        ("ec2:DeregisterImage", REPLICA, {}),
        ("ec2:DeleteSnapshot", REPLICA_SNAPSHOT, {}),
        ("ec2:CreateTags", REPLICA, COPY | {"aws:TagKeys": ["kiln:restored-at"]}),
        ("ec2:DisableImage", REPLICA, COPY),
        ("ec2:EnableImage", REPLICA, COPY),
        ("ec2:ListImagesInRecycleBin", "*", {}),
        ("kms:Decrypt", KEY, {}),
        ("kms:CreateGrant", FAR_KEY, THERE),
    ],
    "ExpireRole": [
        ("ec2:EnableImageDeprecation", IMAGE, {}),
        ("ec2:DeregisterImage", IMAGE, tags("recipe=web")),
        ("ec2:TerminateInstances", INSTANCE, BUILDER),
        ("ec2:CreateTags", REPORT, {"aws:TagKeys": ["kiln:image"]}),
        ("ec2:CreateImageUsageReport", IMAGE, {}),
        ("ec2:ModifyImageAttribute", IMAGE, OURS),
        ("kms:Decrypt", KEY, {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}),
        ("ec2:DisableImageDeregistrationProtection", IMAGE, OURS),
        ("ec2:CreateTags", IMAGE, {"aws:TagKeys": ["kiln:hold"]}),
    ],
}
READS = ("Describe", "Get", "List")


def changes(call: Call) -> bool:
    return not call[0].partition(":")[2].startswith(READS)


# It may make none of the changes that any other function may make.
FORBIDDEN["ReconcileRole"] = [
    ANNOUNCE,
    *(call for role, calls in NEEDED.items() if role != "ReconcileRole" for call in calls if changes(call)),
    ("ec2:GetConsoleOutput", INSTANCE, LONG_LIVED),
    ("ssm:GetParameters", PARAMETER.replace("golden", "database"), {}),
    ("lambda:InvokeFunction", FUNCTION.format("reconcile"), {}),
    ("lambda:InvokeFunction", FUNCTION.format("bake").replace("kiln", "other"), {}),
]
# It writes pages, and changes nothing that AWS shows of images.
FORBIDDEN["CatalogRole"] = [
    ANNOUNCE,
    *(call for role, calls in NEEDED.items() if role != "CatalogRole" for call in calls if changes(call)),
    ("s3:PutObject", CONTENTS, OWN),
    ("s3:DeleteObject", PAGE, OWN),
    ("s3:DeleteObject", HISTORY, OWN),
    ("s3:ListBucket", "<Store.Arn>", OWN | {"s3:prefix": "logs/"}),
    ("lambda:InvokeFunction", FUNCTION.format("expire"), {}),
]
# It tells, and changes nothing.
FORBIDDEN["NotifyRole"] = [
    ANNOUNCE,
    *(call for role, calls in NEEDED.items() if role != "NotifyRole" for call in calls if changes(call)),
    ("sns:Publish", NEWS.replace("news", "orders"), {}),
    ("lambda:InvokeFunction", FUNCTION.format("publish"), {}),
]
PINNED = OURS | {"aws:ResourceTag/kiln:pin-holds": "yes"}
FORBIDDEN["ExpireRole"] += [(f"ec2:{call}", IMAGE, PINNED) for call in ("DisableImage", "DeregisterImage")]
HELD = {"aws:ResourceTag/kiln:hold": "audit"}
for role, held in {
    "CaptureRole": [("ec2:DeregisterImage", IMAGE, OURS), ("ec2:DeleteSnapshot", SNAPSHOT, OURS)],
    "ReplicateRole": [("ec2:DeregisterImage", REPLICA, COPY), ("ec2:DeleteSnapshot", REPLICA_SNAPSHOT, COPY)],
    "ExpireRole": [
        ("ec2:DisableImage", IMAGE, OURS),
        ("ec2:DeregisterImage", REPLICA, COPY),
        ("ec2:DeleteSnapshot", SNAPSHOT, OURS),
    ],
}.items():
    FORBIDDEN[role] += [(action, resource, context | HELD) for action, resource, context in held]


def needed(function: Function) -> list[Call]:
    """What the role of a function must be able to do."""
    own_log: Call = ("logs:PutLogEvents", f"<{function.log}.Arn>", {})
    silent = ("ReconcileRole", "CatalogRole", "NotifyRole")
    announce = [ANNOUNCE] if function.role not in silent else []
    return [*COMMON, *announce, own_log, *NEEDED.get(function.role, [])]


def forbidden(function: Function) -> list[Call]:
    """What the role of a function must not be able to do."""
    unheld = [] if function.role == "ExpireRole" else [HOLD]
    return [*NEVER, *unheld, *FORBIDDEN.get(function.role, [])]
