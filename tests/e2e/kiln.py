"""Kiln on the local AWS, from a test's side: wake it, and see what it did."""

from __future__ import annotations

import json
import time
from typing import Any

from local_aws.client import LocalAws
from local_aws.seals import plain

HOME = "us-east-1"
FURTHER = ("eu-west-1", "ap-southeast-2")
REGIONS = (HOME, *FURTHER)
MAX_ATTEMPTS = "2"
"""A failing call is tried once more. More attempts would prove the SDK's patience, and nothing of Kiln's."""

RECIPE = """
name = "{name}"
tags = {{ team = "platform" }}
[bake]
base = {base}
instance_type = "t4g.small"
timeout = "45m"
script = '''
{script}
'''
{bake}
[verify]
timeout = "15m"
{verify}
[publish]
{publish}
[replicate]
regions = {regions}
{replicate}
[expire]
keep = {keep}
older_than = "{older_than}"
confirm_after = "{confirm_after}"
quarantine = "{quarantine}"
{expire}
"""
DEFAULTS = {
    "base": '"ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"',
    "script": "dnf -y install nginx",
    "bake": "",
    "verify": "",
    "publish": "",
    "regions": '["eu-west-1", "ap-southeast-2"]',
    "replicate": "",
    "keep": 2,
    "older_than": "30d",
    "confirm_after": "0d",
    "quarantine": "0d",
    "expire": "",
}


class Answer:
    """What a function answered when it was woken by hand."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.body: dict[str, Any] = json.loads(response["Payload"].read())
        self.failed = "FunctionError" in response

    @property
    def error(self) -> str:
        assert self.failed, f"it did not fail: {self.body}"
        return str(self.body["errorMessage"])

    @property
    def decisions(self) -> list[dict[str, Any]]:
        assert not self.failed, f"it failed: {self.body}"
        return list(self.body["decisions"])


class Kiln:
    """The stack and the cloud under it."""

    def __init__(self, aws: LocalAws, failures: str) -> None:
        self.aws = aws
        self._failures = failures
        self._ssm = aws.client("ssm")
        self._lambda = aws.client("lambda")
        self._sqs = aws.client("sqs")

    def fresh(self) -> None:
        """As on the first day: nothing of Kiln's, no recipes, no faults."""
        self.aws.wait_idle(60)
        self.aws.reset()
        self._sqs.purge_queue(QueueUrl=self._failures)
        found = self._ssm.get_parameters_by_path(Path="/kiln", Recursive=True)["Parameters"]
        for parameter in found:
            self._ssm.delete_parameter(Name=parameter["Name"])
        for region in REGIONS:
            ssm = self.aws.client("ssm", region)
            for parameter in ssm.get_parameters_by_path(Path="/golden", Recursive=True)["Parameters"]:
                ssm.delete_parameter(Name=parameter["Name"])

    def recipe(self, name: str = "web", document: str | None = None, **fields: Any) -> None:
        text = document or RECIPE.format(name=name, **{**DEFAULTS, **fields})
        self._ssm.put_parameter(Name=f"/kiln/recipes/{name}", Value=text, Type="String", Overwrite=True)

    def invoke(self, function: str, payload: Any) -> Answer:
        data = json.dumps(payload).encode()
        return Answer(self._lambda.invoke(FunctionName=f"kiln-{function}", Payload=data))

    def start_anew(self, function: str) -> None:
        """The next call starts the function: a warm one remembers what it looked at, and goes slowly for long
        after it was throttled."""
        name = f"kiln-{function}"
        timeout = self._lambda.get_function_configuration(FunctionName=name)["Timeout"]
        # The local AWS goes on with a warm one unless something is set that it was started with.
        self._lambda.update_function_configuration(FunctionName=name, Timeout=timeout)

    def bake(self, name: str = "web", **more: Any) -> Answer:
        """Bakes one recipe by hand, and waits until all that follows from it is done."""
        answer = self.invoke("bake", {"recipe": name, **more})
        self.settle()
        return answer

    def bake_all(self) -> Answer:
        return self.invoke("bake", {})

    def wait_for_state(self, state: str) -> None:
        """Waits until the one living instance is in that state."""
        deadline = time.monotonic() + 10
        while [instance["State"]["Name"] for instance in self.living()] != [state]:
            assert time.monotonic() < deadline, f"no instance became {state}"
            time.sleep(0.05)

    def wait_for_console(self, instance: str, text: str) -> None:
        """Waits until the console of an instance says that: EC2 posts it a little later."""
        deadline, said = time.monotonic() + 10, ""
        while text not in said:
            assert time.monotonic() < deadline, f"the console of {instance} says {said!r}"
            time.sleep(0.05)
            # The SDK decodes it.
            said = self.ec2().get_console_output(InstanceId=instance, Latest=True).get("Output", "")

    def settle(self) -> None:
        self.aws.wait_idle(60)

    def ec2(self, region: str = HOME) -> Any:
        return self.aws.client("ec2", region)

    def images(self, region: str = HOME, recipe: str = "web") -> list[dict[str, Any]]:
        """The recipe's images in one Region, oldest first, in any state."""
        filters = [{"Name": "tag:kiln:recipe", "Values": [recipe]}]
        found = self.ec2(region).describe_images(Owners=["self"], Filters=filters, IncludeDisabled=True)
        return sorted(found["Images"], key=lambda image: image["Name"])

    def snapshots(self, region: str = HOME) -> list[dict[str, Any]]:
        return list(self.ec2(region).describe_snapshots(OwnerIds=["self"])["Snapshots"])

    def snapshots_of(self, recipe: str, region: str = HOME) -> list[dict[str, Any]]:
        return [found for found in self.snapshots(region) if tags_of(found).get("kiln:recipe") == recipe]

    def living(self, region: str = HOME) -> list[dict[str, Any]]:
        """The instances that are not terminated."""
        reservations = self.ec2(region).describe_instances()["Reservations"]
        instances = [instance for reservation in reservations for instance in reservation["Instances"]]
        return [i for i in instances if i["State"]["Name"] not in ("terminated", "shutting-down")]

    def calls(self, action: str, after: int = 0, region: str | None = None) -> list[dict[str, Any]]:
        """The calls of that name which Kiln's functions made."""
        found = self.aws.journal(after, kind="call")
        return [
            call
            for call in found
            if call["action"] == action and call["who"] != "-" and region in (None, call["region"])
        ]

    def changes(self, after: int) -> list[str]:
        """The names of all calls by Kiln's functions since then that change anything in EC2."""
        found = self.aws.journal(after, kind="call")
        reads = ("Describe", "Get", "List")
        return [
            call["action"]
            for call in found
            if call["service"] == "ec2" and call["who"] != "-" and not call["action"].startswith(reads)
        ]

    def launch_template(self, name: str) -> None:
        """A launch template in each Region, as a person makes it for the recipe `web`."""
        for region in REGIONS:
            self.ec2(region).create_launch_template(
                LaunchTemplateName=name,
                LaunchTemplateData={"InstanceType": "t4g.small", "ImageId": "ami-0123456789abcdef0"},
                TagSpecifications=[
                    {"ResourceType": "launch-template", "Tags": [{"Key": "kiln:recipe", "Value": "web"}]}
                ],
            )

    def said(self, detail_type: str, after: int = 0) -> list[dict[str, Any]]:
        """The details of the events of that type on Kiln's bus, each that was said once.

        Two invocations at once may both say what both found: copies of an event have the same id."""
        found = self.aws.journal(after, kind="event")
        said = [e["detail"] for e in found if e["source"] == "kiln" and e["detail_type"] == detail_type]
        return list({detail["id"]: detail for detail in reversed(said)}.values())[::-1]

    def told_of(self, detail_type: str, after: int = 0) -> list[dict[str, Any]]:
        """What events of several images tell of each, with its recipe; each image that was told of once."""
        told = [
            {"recipe": detail["recipe"], **image}
            for detail in self.said(detail_type, after)
            for image in detail["images"]
        ]
        return [one for at, one in enumerate(told) if one not in told[:at]]

    def parameter(self, region: str = HOME, name: str = "/golden/web") -> str | None:
        """What a parameter holds; None where there is none."""
        found = self.aws.client("ssm", region).get_parameters(Names=[name])["Parameters"]
        return str(found[0]["Value"]) if found else None

    def named(self, recipe: str = "web", name: str | None = None) -> list[str | None]:
        """The version that the parameter of each Region names."""
        versions: list[str | None] = []
        for region in REGIONS:
            value = self.parameter(region, name or f"/golden/{recipe}")
            images = {image["ImageId"]: image for image in self.images(region, recipe)}
            versions.append(tags_of(images[value])["kiln:version"] if value in images else value)
        return versions

    def allowed(self, image: str, region: str = HOME) -> list[str]:
        """Who may launch an image."""
        found = self.ec2(region).describe_image_attribute(ImageId=image, Attribute="launchPermission")
        return sorted(str(next(iter(one.values()))) for one in found["LaunchPermissions"])

    def copiers(self, image: dict[str, Any], region: str = HOME) -> list[str]:
        """Who may make volumes of an image's first snapshot."""
        snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        found = self.ec2(region).describe_snapshot_attribute(
            SnapshotId=snapshot, Attribute="createVolumePermission"
        )
        return sorted(str(next(iter(one.values()))) for one in found["CreateVolumePermissions"])

    def sweep(self) -> list[str]:
        """One sweep through its schedule; what it said that it repaired."""
        before = self.aws.journal_end()
        self.aws.schedule("kiln-reconcile")
        self.settle()
        return ["+".join(news["actions"]) for news in self.said("Drift Repaired", before)]

    def dead_letters(self) -> list[dict[str, Any]]:
        """What lies in the queue of failed invocations."""
        found = self._sqs.receive_message(QueueUrl=self._failures, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]

    def builder_stops(self, instance: str) -> None:
        """EC2's own event, once more."""
        detail = {"instance-id": instance, "state": "stopped"}
        self.aws.emit("EC2 Instance State-change Notification", detail)

    def release(
        self, recipe: str, version: str, regions: tuple[str, ...] = REGIONS, **fields: Any
    ) -> dict[str, str]:
        """A release that was made before: an image and its replicas. Gives their ids by Region."""
        when = (
            f"{version[:4]}-{version[4:6]}-{version[6:8]}T{version[9:11]}:{version[11:13]}:{version[13:15]}Z"
        )
        tags = {"kiln:recipe": recipe, "kiln:version": version, "kiln:stage": "released"}
        tags |= fields.pop("tags", {})
        common = {"name": f"{recipe}-{version}", "created": when, **fields}
        made = {"source_instance": "i-0123456789abcdef0"}
        (home,) = self.aws.seed(images=[{**made, **common, "region": HOME, "tags": tags}])["images"]
        ids = {HOME: home}
        for region in regions[1:]:
            copied = {**tags, "kiln:origin": f"{HOME}/{home}", "kiln:attempt": "1"}
            made = {"source_image": home, "source_region": HOME}
            (ids[region],) = self.aws.seed(images=[{**made, **common, "region": region, "tags": copied}])[
                "images"
            ]
        return ids


def tags_of(thing: dict[str, Any]) -> dict[str, str]:
    """The tags of a resource, as a person reads them: each value without its seal."""
    return {tag["Key"]: plain(tag["Value"]) for tag in thing.get("Tags", [])}
