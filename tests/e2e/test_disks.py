"""The disks that a recipe asks for: on the builder, and on the image, its replicas and their snapshots."""

from __future__ import annotations

from typing import Any

from e2e.kiln import HOME, Kiln, tags_of

ROOT = 'root = { size = "20G", type = "gp3", iops = 4000, throughput = 200 }'
VOLUMES = """volumes = [
  { device = "/dev/sdf", size = "100G", type = "st1", in_image = false },
  { device = "/dev/sdg", size = "5G" },
]"""


def devices(image: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["DeviceName"]: one["Ebs"] for one in image["BlockDeviceMappings"] if "Ebs" in one}


def a_key(kiln: Kiln, region: str = HOME) -> str:
    kms = kiln.aws.client("kms", region)
    key: str = kms.create_key()["KeyMetadata"]["Arn"]
    return key


def test_the_builder_and_the_image_have_the_disks_that_the_recipe_asks_for(kiln: Kiln) -> None:
    key = a_key(kiln)
    kiln.recipe(
        script="echo at work; sleep infinity",
        bake=f'{ROOT}\n{VOLUMES}\nencrypt = "{key}"',
        regions='["eu-west-1"]',
    )
    kiln.bake()
    (builder,) = kiln.living()
    kiln.wait_for_console(builder["InstanceId"], "at work")
    ids = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in builder["BlockDeviceMappings"]}
    found = kiln.ec2().describe_volumes(VolumeIds=list(ids.values()))["Volumes"]
    volumes = {one["VolumeId"]: one for one in found}
    root = volumes[ids.pop(builder["RootDeviceName"])]
    assert (root["Size"], root["VolumeType"], root["Iops"], root["Throughput"]) == (20, "gp3", 4000, 200)
    assert {name: volumes[one]["Size"] for name, one in ids.items()} == {"/dev/sdf": 100, "/dev/sdg": 5}
    assert volumes[ids["/dev/sdf"]]["VolumeType"] == "st1"
    assert {one["KmsKeyId"] for one in found} == {key} and all(one["Encrypted"] for one in found)
    assert all(one["Ebs"]["DeleteOnTermination"] for one in builder["BlockDeviceMappings"])
    kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])


def test_a_volume_for_the_bake_alone_is_not_in_the_image_nor_in_its_copies(kiln: Kiln) -> None:
    key = a_key(kiln)
    kiln.recipe(bake=f'{ROOT}\n{VOLUMES}\nencrypt = "{key}"', regions='["eu-west-1"]')
    kiln.bake()
    kiln.sweep()
    for region in (HOME, "eu-west-1"):
        (image,) = kiln.images(region)
        assert tags_of(image)["kiln:stage"] == "released"
        found = devices(image)
        assert {name: one["VolumeSize"] for name, one in found.items()} == {
            image["RootDeviceName"]: 20,
            "/dev/sdg": 5,
        }
        assert all(one["Encrypted"] for one in found.values())
    assert kiln.living() == [] and len(kiln.snapshots()) == 2
    assert [one["VolumeId"] for one in kiln.ec2().describe_volumes()["Volumes"]] == []


def test_what_cannot_be_is_told_before_anything_is_launched(kiln: Kiln) -> None:
    kiln.recipe(
        bake='root = { size = "1G" }\nencrypt = "alias/gone"\n'
        'volumes = [{ device = "/dev/xvdba", size = "1G" }]',
    )
    before = kiln.aws.journal_end()
    error = kiln.invoke("bake", {"recipe": "web"}).error
    assert "bake.root.size is 1 GiB" in error and "correct bake.encrypt" in error
    assert kiln.calls("RunInstances", before) == []


def test_an_encrypted_image_is_shared_with_a_key_of_ones_own_in_each_region(kiln: Kiln) -> None:
    share = 'share = { accounts = ["222222222222"] }'
    kiln.recipe(bake=f'encrypt = "{a_key(kiln)}"', publish=share, regions='["eu-west-1"]')
    error = kiln.invoke("bake", {"recipe": "web"}).error
    assert "in eu-west-1 cannot be shared" in error and "replicate.kms_keys" in error
    away = a_key(kiln, "eu-west-1")
    kiln.recipe(
        bake=f'encrypt = "{a_key(kiln)}"',
        publish=share,
        regions='["eu-west-1"]',
        replicate=f'kms_keys = {{ eu-west-1 = "{away}" }}',
    )
    kiln.bake()
    kiln.sweep()
    assert len(kiln.said("Image Released")) == 1
