"""An upgrade from a Kiln that was deployed as former versions did it: by create_stack, from a bucket with a
name that could be guessed. What it knew is kept, and nothing is baked twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import BUILT
from e2e.kiln import FURTHER, HOME, MAX_ATTEMPTS, REGIONS, Kiln, tags_of
from local_aws.client import LocalAws
from local_aws.deploy import deploy
from stack import template as templates
from stack.functions import folder
from stack.release import QUICK, zipped

TIMING = {"LOCAL_AWS_IMAGE_S": "0.2", "LOCAL_AWS_BOOT_S": "0.1", "LOCAL_AWS_RETRY_S": "0.3,0.6"}


def deploy_as_before(aws: LocalAws, built: Path) -> str:
    """Deploys the templates in the way of the former tool; gives the bucket."""
    account = aws.client("sts").get_caller_identity()["Account"]
    bucket, s3 = f"kiln-artifacts-{account}-{HOME}", aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    document = templates.read(templates.HOME_TEMPLATE)
    for properties in templates.functions(document).values():
        name = folder(properties)
        data = zipped(built / name / "bootstrap", QUICK)
        key = f"{name}/{hashlib.sha256(data).hexdigest()}.zip"
        s3.put_object(Bucket=bucket, Key=key, Body=data)
        properties["CodeUri"] = f"s3://{bucket}/{key}"
    s3.put_object(Bucket=bucket, Key="template.yaml", Body=templates.write(document).encode())
    given = {"Architecture": "x86_64", "MaxAttempts": MAX_ATTEMPTS, "BakeSchedule": "cron(0 1 * * ? *)"}
    create(aws, HOME, "kiln", {"TemplateURL": f"{aws.url}/{bucket}/template.yaml"}, given)
    body = templates.write(templates.read(templates.REGION_TEMPLATE))
    for region in FURTHER:
        create(aws, region, "kiln-region", {"TemplateBody": body}, {"HomeRegion": HOME, "BusName": "kiln"})
    return bucket


def create(
    aws: LocalAws, region: str, name: str, template: dict[str, str], parameters: dict[str, str]
) -> None:
    cloudformation = aws.client("cloudformation", region)
    cloudformation.create_stack(
        StackName=name,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        **template,
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


@pytest.fixture(scope="module")
def former() -> Iterator[Kiln]:
    with LocalAws(**TIMING) as aws:
        deploy_as_before(aws, BUILT)
        queue = aws.client("sqs").get_queue_url(QueueName="kiln-failures")["QueueUrl"]
        yield Kiln(aws, queue)


def test_an_upgrade_keeps_what_is_there_and_bakes_nothing_twice(former: Kiln) -> None:
    former.recipe(publish='parameter = "/golden/web"')
    assert former.bake().decisions
    before = {region: [image["ImageId"] for image in former.images(region)] for region in REGIONS}
    named = former.named()
    assert [len(images) for images in before.values()] == [1, 1, 1] and len(set(named)) == 1
    queue = former.aws.client("sqs").get_queue_url(QueueName="kiln-undelivered")["QueueUrl"]
    former.aws.client("sqs").send_message(QueueUrl=queue, MessageBody="waits for a person")

    said: list[str] = []
    upgraded = deploy(former.aws.url, BUILT, HOME, FURTHER, architecture="x86_64", say=said.append)

    assert upgraded.outputs["BusName"] == "kiln"
    outcomes = [line.strip() for line in said if line.strip() in ("created", "updated", "unchanged")]
    assert outcomes == ["created", "updated", "unchanged", "unchanged"], (
        "the functions come from a new bucket"
    )
    account = former.aws.client("sts").get_caller_identity()["Account"]
    assert f"To delete it: aws s3 rb --force s3://kiln-artifacts-{account}-{HOME}" in " ".join(said)
    messages = former.aws.client("sqs").receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"]
    assert [message["Body"] for message in messages] == ["waits for a person"]
    schedule = former.aws.client("scheduler").get_schedule(Name="kiln-bake")["ScheduleExpression"]
    assert schedule == "cron(0 1 * * ? *)", "a parameter that is not given keeps its value"

    mark = former.aws.journal_end()
    assert former.sweep() == []
    assert former.changes(mark) == [], "the new version finds nothing to do"
    assert {region: [one["ImageId"] for one in former.images(region)] for region in REGIONS} == before
    assert former.named() == named


def test_what_was_under_way_goes_on_after_the_upgrade_and_is_baked_once(former: Kiln) -> None:
    former.recipe("edge", publish='parameter = "/golden/edge"')
    former.invoke("bake", {"recipe": "edge"})
    deploy(former.aws.url, BUILT, HOME, FURTHER, architecture="x86_64", say=lambda _: None)
    former.settle()
    former.sweep()
    for region in REGIONS:
        (image,) = former.images(region, "edge")
        assert tags_of(image)["kiln:stage"] == "released"
    assert former.living() == []


def test_kiln_needs_the_former_bucket_no_longer(former: Kiln) -> None:
    s3 = former.aws.client("s3")
    account = former.aws.client("sts").get_caller_identity()["Account"]
    bucket = f"kiln-artifacts-{account}-{HOME}"
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket(Bucket=bucket)
    said: list[str] = []
    deploy(
        former.aws.url,
        BUILT,
        HOME,
        FURTHER,
        architecture="x86_64",
        parameters={"LogLevel": "debug"},
        say=said.append,
    )
    assert not any("former version" in line for line in said)
    former.start_anew("expire")
    assert not former.invoke("expire", {}).failed
