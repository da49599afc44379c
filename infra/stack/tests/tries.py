"""Every call as it is tried: by each role, on what is Kiln's and on what is not, with what must come out.

A role must be able to make the calls that it needs (roles.py), and none that only another role needs. From
each of its calls follow the same calls on what is not Kiln's, which must be refused: on a resource without
tags, without the tags of the call, on another resource, on a resource that bears kiln:hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stack.functions import functions
from stack.tests.arns import kind, real
from stack.tests.expand import ACCOUNT, home
from stack.tests.roles import FAR_KEY, HELD, HERE, KEY, THERE, Call, forbidden, needed

OURS, NOT_OURS = "Kiln's", "not Kiln's"


@dataclass(frozen=True)
class Try:
    """One call by one role."""

    role: str
    action: str
    resource: str
    context: dict[str, Any]
    of: str
    """Whether it is about what is Kiln's."""
    allowed: bool
    """What must come out."""
    because: str

    @property
    def row(self) -> tuple[str, str]:
        """Where it stands in the table: the action, and what it is about."""
        return self.action, {"image-usage-report": "report"}.get(kind(self.resource), kind(self.resource))


SEAL = {"kms:MacAlgorithm": "HMAC_SHA_256"}
# What Lambda and EC2 ask of a role on behalf of its function, beside the calls of the function's own code.
ON_BEHALF = {
    "logs:CreateLogStream": "Lambda begins a log",
    "logs:PutLogEvents": "Lambda writes the log",
    "sqs:SendMessage": "Lambda keeps an event on which the function failed",
    "ssm:DescribeParameters": "EC2 reads parameters for DescribeImageReferences",
    "imagebuilder:ListImageRecipes": "EC2 reads recipes for DescribeImageReferences",
    "imagebuilder:ListContainerRecipes": "EC2 reads recipes for DescribeImageReferences",
    "imagebuilder:GetContainerRecipe": "EC2 reads recipes for DescribeImageReferences",
    "kms:Decrypt": "EC2 reads an encrypted snapshot",
    "kms:CreateGrant": "EC2 lends a key to a volume or a snapshot",
    "kms:GenerateDataKey": "EC2 encrypts a copy",
    "kms:GenerateDataKeyWithoutPlaintext": "EC2 encrypts a volume or a copy",
    "kms:ReEncryptFrom": "EC2 encrypts a volume or a copy with another key",
    "kms:ReEncryptTo": "EC2 encrypts a volume or a copy with another key",
}
# To launch an encrypted image, and to copy one.
# (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIEncryption.html)
_LAUNCH = ("DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo")
KEYS: dict[str, list[Call]] = {
    "BakeRole": [(f"kms:{name}", KEY, HERE) for name in _LAUNCH],
    "VerifyRole": [(f"kms:{name}", FAR_KEY, THERE) for name in _LAUNCH],
    "ReplicateRole": [(f"kms:{name}", FAR_KEY, THERE) for name in (*_LAUNCH, "GenerateDataKey")],
}
# What is asked about anything, Kiln's or not, with the reason. EC2 takes no narrower resource for its lists.
ANYTHING = {
    ("ec2:RunInstances", "snapshot"): "a launch reads the snapshots of its image",
    ("ec2:RunInstances", "subnet"): "a recipe names any subnet",
    ("ec2:RunInstances", "security-group"): "EC2 takes the default group of the VPC",
    ("ec2:RunInstances", "network-interface"): "a launch makes one",
    ("ec2:CopyImage", "image"): "EC2 tells no tags of the source: what is copied is the function's alone",
    ("ec2:CopyImage", "snapshot"): "EC2 tells no tags of the source: what is copied is the function's alone",
    ("ec2:DescribeImageAttribute", "image"): "a read, also of an image that is handed over",
    ("ec2:DescribeSnapshotAttribute", "snapshot"): "a read, also of an image that is handed over",
    ("ec2:GetImageFindings", "image"): "a read, also of an image that is handed over",
    (
        "ec2:CreateImageUsageReport",
        "image-usage-report",
    ): "a report is made; the image that it is about is Kiln's",
}
ANYTHING_BY = {
    ("BakeRole", "ec2:RunInstances", "image"): "a base is anybody's image",
    ("BakeRole", "kms:DescribeKey", "key"): "a preflight reads the state of the key that a recipe names",
    (
        "ExpireRole",
        "ssm:GetParameters",
        "parameter",
    ): "launch templates of the account may name any parameter",
    (
        "CatalogRole",
        "ssm:GetParameters",
        "parameter",
    ): "launch templates of the account may name any parameter",
}
# Where a role may also do what another role needs of the same action: the other's Region, or fewer tags.
TOO = {
    "BakeRole": {("ec2:DeleteTags", "instance"), ("ec2:RunInstances", "image"), ("kms:DescribeKey", "key")},
    "VerifyRole": {
        *(("ec2:RunInstances", one) for one in ("subnet", "security-group", "network-interface", "volume")),
        *(("ec2:CreateTags", one) for one in ("instance", "volume", "image")),
        ("ec2:GetConsoleOutput", "instance"),
        *((f"kms:{name}", "key") for name in ("Decrypt", "CreateGrant", *_LAUNCH)),
    },
    "PublishRole": {
        ("ssm:PutParameter", "parameter"),
        ("ec2:CreateTags", "image"),
        ("ec2:DescribeImageAttribute", "image"),
        ("ec2:DisableImageDeprecation", "image"),
        ("ec2:DisableImageDeregistrationProtection", "image"),
    },
    "ReplicateRole": {
        ("ssm:PutParameter", "parameter"),
        ("ec2:CreateTags", "image"),
        ("ec2:DescribeImageAttribute", "image"),
        ("ec2:DisableImageDeprecation", "image"),
        ("ec2:DisableImageDeregistrationProtection", "image"),
        *((f"kms:{name}", "key") for name in ("Decrypt", "CreateGrant", *_LAUNCH)),
    },
    "ExpireRole": {
        ("ec2:CreateTags", "image"),
        ("ec2:DescribeImageAttribute", "image"),
        ("ec2:DisableImageDeprecation", "image"),
        ("ec2:DeleteSnapshot", "snapshot"),
        ("ec2:DeregisterImage", "image"),
        ("ssm:GetParameters", "parameter"),
    },
    "CatalogRole": {("ec2:DescribeImageAttribute", "image"), ("ssm:GetParameters", "parameter")},
    "ReconcileRole": {("ec2:GetConsoleOutput", "instance"), ("ec2:DescribeImageAttribute", "image")},
}
ENDS = {"ec2:DisableImage", "ec2:DeregisterImage", "ec2:DeleteSnapshot"}
OTHERS = {
    "sqs": f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders",
    "events": f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default",
    "lambda": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders",
    "sns": f"arn:aws:sns:us-east-1:{ACCOUNT}:orders",
    "logs": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/orders:log-stream:1",
    "ssm": f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/orders/password",
    "s3": "arn:aws:s3:::payroll/salaries.csv",
    "sts": "arn:aws:iam::111122223333:role/admin",
    "servicequotas": f"arn:aws:servicequotas:us-east-1:{ACCOUNT}:s3/L-DC2B2D3D",
}


def own(role: str) -> list[Call]:
    """Every call that a role must be able to make, on real ARNs."""
    (function,) = (one for one in functions() if one.role == role)
    log: Call = ("logs:CreateLogStream", f"<{function.log}.Arn>", {})
    # notify reads and writes no tag, so it has no seals to check or to make.
    seals: list[Call] = [] if role == "NotifyRole" else [("kms:GenerateMac", "<FirstSealKey.Arn>", SEAL)]
    return [plain(call) for call in (*needed(function), log, *seals, *KEYS.get(role, []))]


def plain(call: Call) -> Call:
    """A call with the ARN that AWS sees. Logs are written to one stream of a group."""
    action, resource, context = call
    resource = real(home(), resource)
    return action, resource.replace(":*", ":log-stream:1") if ":logs:" in resource else resource, context


def all_tries() -> list[Try]:
    """All of them, in the order of the chain."""
    return [one for function in functions() for one in tries_of(function.role)]


def tries_of(role: str) -> Iterator[Try]:
    """Those of one role."""
    mine = own(role)
    for call in mine:
        yield Try(role, *call, OURS, True, "the function needs it")
        yield from _elsewhere(role, call, mine)
    (function,) = (one for one in functions() if one.role == role)
    for call in forbidden(function):
        yield Try(role, *plain(call), NOT_OURS, False, "no role, or not this one, may do that")
    seen = list(mine)
    for other in functions():
        for call in own(other.role):
            again = (call[0], kind(call[1])) in TOO.get(role, ())
            if call not in seen and not again:
                seen.append(call)
                yield Try(role, *call, OURS, False, f"only others need it, such as {other.name}")


def anything(role: str, call: Call) -> str | None:
    """Why a call is about anything, if it is."""
    action, what = call[0], kind(call[1])
    if not what:
        return "a list, or a setting of the account"
    return ANYTHING_BY.get((role, action, what)) or ANYTHING.get((action, what))


def _elsewhere(role: str, call: Call, mine: list[Call]) -> Iterator[Try]:
    action, resource, context = call
    variants = list(_not_ours(call))
    if anything(role, call):
        yield Try(role, *call, NOT_OURS, True, anything(role, call) or "")
        return
    assert variants, f"{role} {action} on {resource}: what would it be on what is not Kiln's?"
    for because, variant in variants:
        if variant not in mine:
            yield Try(role, *variant, NOT_OURS, False, because)
    if action in ENDS:
        yield Try(role, action, resource, context | HELD, NOT_OURS, False, "it bears kiln:hold")


def _not_ours(call: Call) -> Iterator[tuple[str, Call]]:
    """The same call on what is not Kiln's, each with what is different."""
    action, resource, context = call
    for prefix, because in (
        ("aws:ResourceTag/", "the resource bears no tag of Kiln's"),
        ("aws:RequestTag/", "the call sets no tag of Kiln's"),
        ("ec2:CreateAction", "the resource was there before"),
        ("kms:ViaService", "the call comes from the code itself"),
        ("kms:GrantIsForAWSResource", "the grant is for anybody"),
        ("aws:ResourceAccount", "the bucket is another account's"),
    ):
        rest = {key: value for key, value in context.items() if not key.startswith(prefix)}
        if rest != context:
            yield because, (action, resource, rest)
    if "aws:TagKeys" in context and "aws:RequestTag/kiln:adopted" not in context:
        others = next(one for one in ("kiln:hold", "kiln:role") if one not in context["aws:TagKeys"])
        more = {"aws:TagKeys": [*context["aws:TagKeys"], others]}
        yield "it writes a tag that is not this function's", (action, resource, context | more)
    if other := OTHERS.get(action.partition(":")[0]):
        yield "another resource", (action, other, context)
    if action == "kms:GenerateMac":
        yield "another key", (action, KEY, context)
        yield "another algorithm", (action, resource, {"kms:MacAlgorithm": "HMAC_SHA_512"})
