"""The recipes of infra/recipes/examples go through the whole chain, with what each of them asks for."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from e2e import folder
from e2e.kiln import HOME, Kiln, tags_of
from e2e.test_network import AWAY, Vpc

EXAMPLES = Path(__file__).parents[2] / "infra/recipes/examples"
SOURCES = {path.stem: path for path in sorted(EXAMPLES.iterdir()) if path.stem != "app"}
ORDERS = folder.packed({"orders": "#!/bin/sh\necho orders\n"})


def put(kiln: Kiln, name: str, to: Path) -> dict[str, str]:
    """Puts an example as `kiln recipes push` does, with what the test has in place of what it names.

    Gives what is in whose place."""
    names = folder.pack(SOURCES.get(name, EXAMPLES / name), to)
    instead: dict[str, str] = {}
    for region, letters in ((HOME, "ab"), (AWAY, "c")):
        vpc = Vpc(kiln, region)
        instead[f"sg-0000000000000000{letters[0]}"] = vpc.group
        instead |= {f"subnet-0000000000000000{one}": vpc.subnets[at] for at, one in enumerate(letters)}
    for region in (HOME, AWAY):
        kms = kiln.aws.client("kms", region)
        if not any(one["AliasName"] == "alias/golden" for one in kms.list_aliases()["Aliases"]):
            kms.create_alias(AliasName="alias/golden", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    for document in (to / "recipes").iterdir():
        text = document.read_text()
        for old, new in instead.items():
            text = text.replace(old, new)
        for parameter in re.findall('"ssm:(/aws/service/ami-windows-latest/[^"]+)"', text):
            windows(kiln, parameter)
        document.write_text(
            re.sub("(orders.*#sha256=)[0-9a-f]+", rf"\g<1>{sha256(ORDERS).hexdigest()}", text)
        )
        for region in (HOME, AWAY) if "launch_template" in text else ():
            kiln.ec2(region).create_launch_template(
                LaunchTemplateName=document.stem, LaunchTemplateData={"InstanceType": "t4g.small"}
            )
    for archive in (to / "archives").iterdir():
        kiln.aws.client("s3").put_object(
            Bucket=folder.store(kiln), Key=f"archives/{archive.name}", Body=archive.read_bytes()
        )
    for document in (to / "recipes").iterdir():
        kiln.aws.client("ssm").put_parameter(
            Name=f"/kiln/recipes/{document.stem}",
            Value=document.read_text(),
            Type="String",
            Tier="Intelligent-Tiering",
            Overwrite=True,
        )
    assert names
    return instead


def windows(kiln: Kiln, parameter: str) -> None:
    """A Windows image of AWS's, as that public parameter names it."""
    image = {"region": HOME, "name": "Windows_Server", "architecture": "x86_64", "platform": "windows"}
    (base,) = kiln.aws.seed(images=[{**image, "size_gb": 30}])["images"]
    kiln.aws.seed(parameters=[{"region": HOME, "name": parameter, "value": base}])


def released(kiln: Kiln, name: str) -> dict[str, Any]:
    kiln.bake(name)
    kiln.sweep()
    assert [one["recipe"] for one in kiln.said("Image Released")][-1:] == [name], kiln.said("Bake Failed")
    assert kiln.living() == []
    (image,) = kiln.images(recipe=name)
    return image


def sizes(image: dict[str, Any]) -> dict[str, int]:
    found = [one for one in image["BlockDeviceMappings"] if "Ebs" in one]
    return {one["DeviceName"]: one["Ebs"]["VolumeSize"] for one in found}


def made(kiln: Kiln, recipe: str, role: str) -> str:
    """What the steps of the newest builder or tester printed, as its log has it."""
    s3, bucket = kiln.aws.client("s3"), folder.store(kiln)
    found = s3.list_objects_v2(Bucket=bucket, Prefix="logs/")["Contents"]
    own = [one for one in found if f"/{recipe}/" in one["Key"] and f"/{role}-{HOME}" in one["Key"]]
    return folder.log_of(kiln, max(own, key=lambda one: one["LastModified"])["Key"])


@pytest.mark.parametrize("name", SOURCES)
def test_the_example_passes_and_its_images_have_its_tags(kiln: Kiln, name: str, tmp_path: Path) -> None:
    put(kiln, name, tmp_path)
    for document in sorted((tmp_path / "recipes").iterdir()):
        image = released(kiln, document.stem)
        assert "team" in tags_of(image) and "${" not in str(image["Tags"]) + image["Description"]


def test_the_database_has_its_volume_and_its_key_and_the_postgresql_that_it_names(
    kiln: Kiln, tmp_path: Path
) -> None:
    put(kiln, "database", tmp_path)
    image = released(kiln, "database")
    assert sizes(image) == {image["RootDeviceName"]: 20, "/dev/sdf": 100}
    assert all(one["Ebs"]["Encrypted"] for one in image["BlockDeviceMappings"] if "Ebs" in one)
    assert tags_of(image)["postgresql"] == "16"


def test_the_bastion_is_baked_and_tested_in_private_subnets_alone(kiln: Kiln, tmp_path: Path) -> None:
    instead = put(kiln, "bastion", tmp_path)
    released(kiln, "bastion")
    launches = [str(call) for call in kiln.calls("RunInstances")]
    assert len(launches) == 3 and all("AssociatePublicIpAddress" in call for call in launches)
    named = {one for call in launches for one in re.findall(r"(?:subnet|sg)-[0-9a-f]+", call)}
    assert named <= set(instead.values())


def test_the_docker_host_is_one_recipe_for_each_architecture(kiln: Kiln, tmp_path: Path) -> None:
    put(kiln, "docker-host", tmp_path)
    for variant, architecture in (("arm64", "arm64"), ("x86", "x86_64")):
        image = released(kiln, f"docker-host-{variant}")
        assert (image["Architecture"], sizes(image)[image["RootDeviceName"]]) == (architecture, 40)
        assert tags_of(image)["engine"] == "docker 25.0.8, compose 2.39.2"
        base = tags_of(image)["base"]
        assert base.startswith("al2023-ami-2023.") and image["Description"].startswith(
            f"docker 25.0.8 on {base}"
        )
        (version,) = kiln.ec2().describe_launch_template_versions(
            LaunchTemplateName=f"docker-host-{variant}", Versions=["$Default"]
        )["LaunchTemplateVersions"]
        assert version["LaunchTemplateData"]["ImageId"] == image["ImageId"]


def test_the_kubernetes_node_is_set_up_after_its_restart_with_its_files(kiln: Kiln, tmp_path: Path) -> None:
    put(kiln, "kubernetes-node", tmp_path)
    image = released(kiln, "kubernetes-node")
    log = made(kiln, "kubernetes-node", "builder")
    before, _, after = log.partition("install: asked for: -D -m 0644 files/sysctl.conf")
    assert "the runtime is set up on" in after and "the runtime" not in before
    assert "containerd-2.1*" in after and "kubelet-1.34*" in after
    assert re.fullmatch("[0-9a-f]{12}", tags_of(image)["commit"])
    assert "containerd kubelet" in made(kiln, "kubernetes-node", "tester")


def test_the_runner_installs_every_tool_of_its_list(kiln: Kiln, tmp_path: Path) -> None:
    put(kiln, "ci-runner", tmp_path)
    released(kiln, "ci-runner")
    log = made(kiln, "ci-runner", "builder")
    assert "node-22.20.0 22.20.0 from https://" in log and "semgrep-1.138.0" in log
    launches = [call for call in kiln.calls("RunInstances", region=HOME)]
    assert launches and all(call["error"] is None for call in launches if "error" in call)


def test_the_hardened_base_is_baked_over_a_restart_and_its_layer_follows_it(
    kiln: Kiln, tmp_path: Path
) -> None:
    put(kiln, "hardened", tmp_path / "hardened")
    s3 = kiln.aws.client("s3")
    s3.create_bucket(Bucket="artefacts")
    s3.put_object(Bucket="artefacts", Key="orders/orders-4.2.1.tar.gz", Body=ORDERS)
    put(kiln, "app", tmp_path / "app")
    kiln.bake("hardened")
    kiln.sweep()
    assert {one["recipe"] for one in kiln.said("Image Released")} == {"hardened", "app"}
    (base,), (layer,) = kiln.images(recipe="hardened"), kiln.images(recipe="app")
    assert tags_of(layer)["kiln:base"] == base["ImageId"] and tags_of(layer)["base"] == base["Name"]
    assert "tmp.mount" in made(kiln, "hardened", "builder")
