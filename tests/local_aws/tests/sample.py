"""A small stack with every resource type of Kiln's template, and a function that does what its event says."""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from typing import Any

from local_aws.client import LocalAws

BUCKET = "artifacts"

BOOTSTRAP = """#!{python}
import json, os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"

def handle(event):
    asked = event.get("detail", event) if isinstance(event, dict) else {{}}
    mode = asked.get("mode", "echo")
    print("handling " + mode, flush=True)
    if mode == "fail":
        raise ValueError("asked to fail")
    if mode == "slow":
        time.sleep(float(asked.get("seconds", 0.5)))
    if mode == "env":
        return dict(os.environ)
    if mode == "exit":
        os._exit(3)
    if mode == "call":
        import boto3
        return len(boto3.client("ec2").describe_images(Owners=["self"])["Images"])
    return {{"pid": os.getpid(), "event": event}}

while True:
    with urllib.request.urlopen(api + "next") as answer:
        number, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
    try:
        path, body = "/response", handle(event)
    except Exception as bug:
        path, body = "/error", {{"errorMessage": str(bug), "errorType": type(bug).__name__}}
    data = json.dumps(body).encode()
    urllib.request.urlopen(urllib.request.Request(api + number + path, data, method="POST")).read()
"""

TEMPLATE: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Parameters": {
        "Greeting": {"Type": "String", "Default": "hello"},
        "Alarmed": {"Type": "String", "Default": "yes", "AllowedValues": ["yes", "no"]},
    },
    "Conditions": {"WithAlarm": {"Fn::Equals": [{"Ref": "Alarmed"}, "yes"]}},
    "Globals": {"Function": {"Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 5}},
    "Resources": {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "sample"}},
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "sample-dead"}},
        "DeadPolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Dead"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Dead", "Arn"]},
                        }
                    ],
                },
            },
        },
        "Worker": {
            "Type": "AWS::Serverless::Function",
            "Metadata": {"BuildMethod": "rust-cargolambda"},
            "Properties": {
                "FunctionName": {"Fn::Sub": "${AWS::StackName}-worker"},
                "CodeUri": {"Bucket": BUCKET, "Key": "worker.zip"},
                "MemorySize": 128,
                "Environment": {"Variables": {"GREETING": {"Ref": "Greeting"}}},
                "Policies": [
                    {"Statement": [{"Effect": "Allow", "Action": "ec2:DescribeImages", "Resource": "*"}]}
                ],
                "EventInvokeConfig": {
                    "MaximumRetryAttempts": 2,
                    "DestinationConfig": {
                        "OnFailure": {"Type": "SQS", "Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}
                    },
                },
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
                "Policies": [
                    {
                        "PolicyName": "invoke",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
                            ],
                        },
                    }
                ],
            },
        },
        "Single": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "FunctionName": {"Fn::Sub": "${AWS::StackName}-single"},
                "CodeUri": {"Bucket": BUCKET, "Key": "worker.zip"},
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "ReservedConcurrentExecutions": 1,
            },
        },
        "SingleInvokes": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Single"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 1,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}},
            },
        },
        "OnImage": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "on-image",
                "EventPattern": {
                    "source": ["aws.ec2"],
                    "detail-type": ["EC2 AMI State Change"],
                    "detail": {"State": ["available", "failed"]},
                },
                "Targets": [
                    {
                        "Id": "worker",
                        "Arn": {"Fn::GetAtt": ["Worker", "Arn"]},
                        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}},
                        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10},
                    }
                ],
            },
        },
        "OnBus": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "on-bus",
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["sample", "aws.ec2"]},
                "Targets": [{"Id": "worker", "Arn": {"Fn::GetAtt": ["Worker", "Arn"]}}],
            },
        },
        "OnSingle": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "on-single",
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["single"]},
                "Targets": [{"Id": "single", "Arn": {"Fn::GetAtt": ["Single", "Arn"]}}],
            },
        },
        "MayInvoke": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Worker"},
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": ["OnImage", "Arn"]},
            },
        },
        "Nightly": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "Name": "sample-nightly",
                "ScheduleExpression": "cron(0 2 * * ? *)",
                "ScheduleExpressionTimezone": "UTC",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {
                    "Arn": {"Fn::GetAtt": ["Worker", "Arn"]},
                    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Input": '{"scheduled_time": "<aws.scheduler.scheduled-time>"}',
                    "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}},
                    "RetryPolicy": {"MaximumRetryAttempts": 3},
                },
            },
        },
        "Recipe": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/sample/recipes/web", "Type": "String", "Value": 'name = "web"'},
        },
        "Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": "/aws/lambda/sample-worker", "RetentionInDays": 30},
        },
        "DeadAlarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Condition": "WithAlarm",
            "Properties": {
                "AlarmName": "sample-dead",
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Dead", "QueueName"]}}],
                "Statistic": "Maximum",
                "Period": 300,
                "EvaluationPeriods": 1,
                "Threshold": 0,
                "ComparisonOperator": "GreaterThanThreshold",
            },
        },
    },
    "Outputs": {
        "BusName": {"Value": {"Ref": "Bus"}},
        "DeadUrl": {"Value": {"Ref": "Dead"}},
        "WorkerArn": {"Value": {"Fn::GetAtt": ["Worker", "Arn"]}},
    },
}

REGIONAL: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {
        "Forward": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "forward",
                "EventPattern": {"source": ["aws.ec2"], "detail-type": ["EC2 AMI State Change"]},
                "Targets": [
                    {
                        "Id": "home",
                        "Arn": {"Fn::Sub": "arn:aws:events:us-east-1:${AWS::AccountId}:event-bus/sample"},
                        "RoleArn": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/forward"},
                    }
                ],
            },
        }
    },
}


def package() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, BOOTSTRAP.format(python=sys.executable))
    return out.getvalue()


def create_stack(
    aws: LocalAws, name: str, template: dict[str, Any], region: str = "us-east-1"
) -> dict[str, str]:
    """Deploy the stack and return its outputs. If it fails, the error has the events of the failed
    resources."""
    cfn = aws.client("cloudformation", region)
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=capabilities)
    deadline = time.monotonic() + 20
    while True:
        stack = cfn.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS") or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = cfn.describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if "FAILED" in event["ResourceStatus"]]
        raise AssertionError(f"{stack['StackStatus']}: {failed}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def deploy(aws: LocalAws) -> dict[str, str]:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="worker.zip", Body=package())
    outputs = create_stack(aws, "sample", TEMPLATE)
    create_stack(aws, "sample-region", REGIONAL, "eu-west-1")
    return outputs
