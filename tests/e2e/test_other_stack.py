"""A stack of another name than `kiln`: its functions find its recipes, its bus and each other."""

from __future__ import annotations

import json
import time

import pytest

from e2e.conftest import BUILT
from e2e.kiln import DEFAULTS, FURTHER, HOME, RECIPE, tags_of
from local_aws.client import LocalAws
from local_aws.deploy import deploy

NAME = "other"


@pytest.mark.full
def test_a_stack_of_another_name_bakes_and_releases_in_every_region() -> None:
    timing = {"LOCAL_AWS_IMAGE_S": "0.2", "LOCAL_AWS_BOOT_S": "0.1"}
    with LocalAws(**timing) as aws:
        deploy(aws.url, BUILT, HOME, FURTHER, architecture="x86_64", say=lambda _: None, name=NAME)
        recipe = RECIPE.format(name="web", **DEFAULTS)
        aws.client("ssm").put_parameter(Name=f"/{NAME}/recipes/web", Value=recipe, Type="String")
        answer = aws.client("lambda").invoke(FunctionName=f"{NAME}-bake", Payload=b'{"recipe": "web"}')
        assert "FunctionError" not in answer, json.loads(answer["Payload"].read())

        deadline = time.monotonic() + 60
        while stages(aws) != ["released"] * (1 + len(FURTHER)):
            assert time.monotonic() < deadline, f"the images are {stages(aws)}"
            time.sleep(0.2)


@pytest.mark.parametrize("others_home", [FURTHER[0], pytest.param(HOME, marks=pytest.mark.full)])
def test_two_stacks_in_the_same_regions_leave_each_others_bakes_testers_and_images_alone(
    others_home: str,
) -> None:
    timing = {"LOCAL_AWS_IMAGE_S": "0.2", "LOCAL_AWS_BOOT_S": "0.1"}
    homes = {"kiln": HOME, NAME: others_home}
    with LocalAws(**timing) as aws:
        for stack, home in homes.items():
            further = [region for region in (HOME, *FURTHER) if region != home]
            deploy(aws.url, BUILT, home, further, architecture="x86_64", say=lambda _: None, name=stack)
            fields = {**DEFAULTS, "regions": json.dumps(further), "replicate": "verify = true"}
            recipe = RECIPE.format(name=f"{stack}-web", **fields)
            name = f"/{stack}/recipes/{stack}-web"
            aws.client("ssm", home).put_parameter(Name=name, Value=recipe, Type="String")
        for stack, home in homes.items():
            aws.client("lambda", home).invoke(FunctionName=f"{stack}-bake", Payload=b"{}")
            # While testers of the other are at work.
            aws.client("lambda", HOME).invoke(FunctionName="kiln-reconcile", Payload=b"{}")
        for stack, home in [*homes.items()] * 6:
            time.sleep(0.5)
            aws.client("lambda", home).invoke(FunctionName=f"{stack}-reconcile", Payload=b"{}")
        aws.wait_idle(60)
        for stack, home in homes.items():
            for function, payload in (("reconcile", {}), ("expire", {"dry_run": False})):
                answer = aws.client("lambda", home).invoke(
                    FunctionName=f"{stack}-{function}", Payload=json.dumps(payload).encode()
                )
                assert "FunctionError" not in answer, json.loads(answer["Payload"].read())
        aws.wait_idle(60)
        assert stages(aws) == ["released"] * 2 * (1 + len(FURTHER))
        said = [event for event in aws.journal(kind="event") if event["source"] == "kiln"]
        released = [event["detail"]["recipe"] for event in said if event["detail_type"] == "Image Released"]
        assert set(released) == {"kiln-web", f"{NAME}-web"}
        assert not {"Bake Failed", "Image Rejected"} & {event["detail_type"] for event in said}


def stages(aws: LocalAws) -> list[str | None]:
    """The stage of each image, the home Region's first."""
    return [
        tags_of(image).get("kiln:stage")
        for region in (HOME, *FURTHER)
        for image in aws.client("ec2", region).describe_images(Owners=["self"])["Images"]
    ]
