"""The ARNs of a template's resources, as AWS would give them: policies with them can be judged by anybody."""

from __future__ import annotations

import re
from typing import Any

from stack.tests.expand import ACCOUNT, Expanded

_REFERENCE = re.compile(r"<(\w+)(?:\.Arn)?>")


def real(template: Expanded, value: Any) -> Any:
    """A resolved value with the ARN of each resource that it refers to."""
    if isinstance(value, dict):
        return {key: real(template, item) for key, item in value.items()}
    if isinstance(value, list):
        return [real(template, item) for item in value]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: arn(template, found[1]), value)
    return value


def arn(template: Expanded, name: str) -> str:
    """The ARN of a resource, as `Fn::GetAtt` returns it."""
    resource = template.resources[name]
    properties = resource.get("Properties", {})
    here = f"{template.region}:{ACCOUNT}"
    match resource["Type"]:
        case "AWS::SQS::Queue":
            return f"arn:aws:sqs:{here}:{properties['QueueName']}"
        case "AWS::Events::EventBus":
            return f"arn:aws:events:{here}:event-bus/{properties['Name']}"
        case "AWS::Events::Rule":
            bus = f"{template.stack}/" if "EventBusName" in properties else ""
            return f"arn:aws:events:{here}:rule/{bus}{properties['Name']}"
        case "AWS::Lambda::Function":
            return f"arn:aws:lambda:{here}:function:{properties['FunctionName']}"
        case "AWS::Logs::LogGroup":
            # This one ends in `:*`, which stands for the streams of the group.
            return f"arn:aws:logs:{here}:log-group:{properties['LogGroupName']}:*"
        case "AWS::KMS::Key":
            return f"arn:aws:kms:{here}:key/{name}"
        case "AWS::IAM::Role":
            return f"arn:aws:iam::{ACCOUNT}:role{properties.get('Path', '/')}{template.stack}-{name}"
        case "AWS::S3::Bucket":
            # CloudFormation names it where the template does not.
            return f"arn:aws:s3:::{properties.get('BucketName', f'{template.stack}-{name}-x'.lower())}"
        case kind:
            raise AssertionError(f"the ARN of {kind} is not known here")


def kind(resource: str) -> str:
    """What a resource is, by its ARN: `image`, `parameter`; nothing for everything."""
    if resource == "*":
        return ""
    _, _, service, _, _, rest = resource.split(":", 5)
    if service == "sqs":
        return "queue"
    if service == "sns":
        return "topic"
    if service == "s3":
        return "object"
    if service == "logs":
        return "log-stream"
    if service == "servicequotas":
        return "quota"
    return re.split("[:/]", rest)[0]
