"""The recipes of infra/recipes/examples go through the whole chain, with what each of them asks for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from e2e.kiln import HOME, Kiln, tags_of
from e2e.test_network import AWAY, Vpc

EXAMPLES = Path(__file__).parents[2] / "infra/recipes/examples"
NAMES = sorted(file.stem for file in EXAMPLES.glob("*.toml"))


def put(kiln: Kiln, name: str) -> dict[str, str]:
    """Puts an example, with what the test has in place of what it names. Gives what is in whose place."""
    text = (EXAMPLES / f"{name}.toml").read_text()
    instead: dict[str, str] = {}
    for region, letters in ((HOME, "ab"), (AWAY, "c")):
        vpc = Vpc(kiln, region)
        instead[f"sg-0000000000000000{letters[0]}"] = vpc.group
        instead |= {f"subnet-0000000000000000{one}": vpc.subnets[at] for at, one in enumerate(letters)}
    for old, new in instead.items():
        text = text.replace(old, new)
    if "ami-windows-latest" in text:
        parameter = re.search(r'"ssm:([^"]+)"', text)
        assert parameter
        image = {"region": HOME, "name": "Windows_Server", "architecture": "x86_64", "platform": "windows"}
        (base,) = kiln.aws.seed(images=[{**image, "size_gb": 30}])["images"]
        kiln.aws.seed(parameters=[{"region": HOME, "name": parameter[1], "value": base}])
    for region in (HOME, AWAY):
        kms = kiln.aws.client("kms", region)
        if not any(one["AliasName"] == "alias/golden" for one in kms.list_aliases()["Aliases"]):
            kms.create_alias(AliasName="alias/golden", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    if "launch_template" in text:
        kiln.ec2().create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t4g.small"}
        )
    kiln.recipe(name, text)
    return instead


def released(kiln: Kiln, name: str) -> dict[str, Any]:
    kiln.bake(name)
    kiln.sweep()
    (news,) = kiln.said("Image Released")
    assert news["recipe"] == name and kiln.living() == []
    (image,) = kiln.images(recipe=name)
    return image


def sizes(image: dict[str, Any]) -> dict[str, int]:
    found = [one for one in image["BlockDeviceMappings"] if "Ebs" in one]
    return {one["DeviceName"]: one["Ebs"]["VolumeSize"] for one in found}


@pytest.mark.parametrize("name", NAMES)
def test_the_example_passes_and_its_images_have_its_tags(kiln: Kiln, name: str) -> None:
    put(kiln, name)
    image = released(kiln, name)
    assert "team" in tags_of(image) and "${" not in str(image["Tags"])


def test_the_database_has_its_volume_and_its_key_and_the_postgresql_that_it_names(kiln: Kiln) -> None:
    put(kiln, "database")
    image = released(kiln, "database")
    assert sizes(image) == {image["RootDeviceName"]: 20, "/dev/sdf": 100}
    assert all(one["Ebs"]["Encrypted"] for one in image["BlockDeviceMappings"] if "Ebs" in one)
    assert tags_of(image)["postgresql"] == "16"


def test_the_bastion_is_baked_and_tested_in_private_subnets_alone(kiln: Kiln) -> None:
    instead = put(kiln, "bastion")
    released(kiln, "bastion")
    launches = [str(call) for call in kiln.calls("RunInstances")]
    assert len(launches) == 3 and all("AssociatePublicIpAddress" in call for call in launches)
    named = {one for call in launches for one in re.findall(r"(?:subnet|sg)-[0-9a-f]+", call)}
    assert named <= set(instead.values())


def test_the_docker_host_has_room_and_a_template_that_follows(kiln: Kiln) -> None:
    put(kiln, "docker-host")
    image = released(kiln, "docker-host")
    assert sizes(image)[image["RootDeviceName"]] == 40
    assert tags_of(image)["engine"] == "docker 25.0.8, compose 2.39.2"
    versions = kiln.ec2().describe_launch_template_versions(
        LaunchTemplateName="docker-host", Versions=["$Default"]
    )["LaunchTemplateVersions"]
    assert versions[0]["LaunchTemplateData"]["ImageId"] == image["ImageId"]
