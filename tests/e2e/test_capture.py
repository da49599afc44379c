"""capture: from a stopped builder to an image, or to a failure that is told."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.kiln import HOME, Kiln, tags_of


def hanging_builder(kiln: Kiln, **fields: Any) -> str:
    kiln.recipe(script="echo begun; sleep infinity", **fields)
    kiln.invoke("bake", {"recipe": "web"})
    kiln.wait_for_state("running")
    (builder,) = kiln.living()
    return str(builder["InstanceId"])


@pytest.mark.parametrize("times", [1, 10])
def test_the_same_stop_event_again_makes_no_second_image(kiln: Kiln, times: int) -> None:
    kiln.recipe()
    kiln.aws.faults({"event": "EC2 Instance State-change Notification", "state": "stopped", "effect": "lose"})
    kiln.bake()
    (builder,) = kiln.living()
    assert kiln.images() == []
    for _ in range(times):
        kiln.builder_stops(builder["InstanceId"])
    kiln.settle()
    kiln.builder_stops(builder["InstanceId"])
    kiln.settle()
    assert len(kiln.images()) == 1 and kiln.living() == []
    assert len([call for call in kiln.calls("CreateImage") if not call["error"]]) == 1


def test_a_failed_script_makes_no_image_and_is_told_with_its_last_lines(kiln: Kiln) -> None:
    kiln.recipe(script="echo installing\necho no package nginx\nexit 7")
    kiln.bake()
    assert kiln.images() == [] and kiln.living() == []
    (failed,) = kiln.said("Bake Failed")
    assert failed["reason"] == "the script failed with status 7"
    assert failed["console-tail"].endswith("installing\nno package nginx")
    assert kiln.calls("CreateImage") == []


def test_the_first_command_that_fails_fails_the_bake(kiln: Kiln) -> None:
    kiln.recipe(script="false | true\necho never")
    kiln.bake()
    (failed,) = kiln.said("Bake Failed")
    assert "never" not in failed["console-tail"] and kiln.images() == []


def test_a_builder_that_a_person_stops_makes_no_half_baked_image(kiln: Kiln) -> None:
    builder = hanging_builder(kiln)
    kiln.ec2().stop_instances(InstanceIds=[builder])
    kiln.settle()
    assert kiln.images() == [] and kiln.living() == []
    (failed,) = kiln.said("Bake Failed")
    assert failed["reason"] == "the instance was stopped by an API call before its script had ended"


def test_a_builder_that_powers_off_without_a_verdict_is_looked_at_again_and_then_told_as_failed(
    kiln: Kiln,
) -> None:
    kiln.recipe(script="sleep infinity")
    builder = hanging_builder(kiln)
    kiln.aws.stop_by_itself(builder)
    kiln.settle()
    assert kiln.images() == []
    (letter,) = kiln.dead_letters()
    assert "its console shows no verdict yet" in letter["responsePayload"]["errorMessage"]
    kiln.ec2().terminate_instances(InstanceIds=[builder])
    kiln.settle()


def test_every_volume_of_the_builder_is_in_the_image_and_every_snapshot_is_tagged(kiln: Kiln) -> None:
    (base,) = kiln.aws.seed(images=[{"region": HOME, "name": "two-disks", "snapshots": 2}])["images"]
    kiln.recipe(base=f'"{base}"', regions='["eu-west-1"]')
    kiln.bake()
    for region in (HOME, "eu-west-1"):
        (image,) = kiln.images(region)
        snapshots = [device["Ebs"]["SnapshotId"] for device in image["BlockDeviceMappings"]]
        assert len(snapshots) == 2
        by_id = {snapshot["SnapshotId"]: tags_of(snapshot) for snapshot in kiln.snapshots(region)}
        for snapshot in snapshots:
            assert by_id[snapshot]["kiln:recipe"] == "web" and by_id[snapshot]["team"] == "platform"


def test_create_image_that_worked_and_yet_failed_is_adopted(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.faults(
        {"call": "CreateImage", "code": "InternalError", "status": 500, "times": 1, "when": "after"}
    )
    kiln.bake()
    assert len(kiln.images()) == 1 and kiln.living() == [] and kiln.dead_letters() == []


def test_an_image_of_the_name_that_is_not_ours_is_never_adopted(kiln: Kiln) -> None:
    kiln.recipe(script="sleep 1")
    name = "web-20250601T020000Z"
    kiln.invoke("bake", {"recipe": "web", "scheduled_time": "2025-06-01T02:00:00Z"})
    (other,) = kiln.aws.seed(images=[{"region": HOME, "name": name, "tags": {"Name": name}}])["images"]
    kiln.settle()
    assert kiln.images() == []
    (letter,) = kiln.dead_letters()
    assert (
        f"{other} has the name of this image, but was not made from this builder"
        in letter["responsePayload"]["errorMessage"]
    )
    for builder in kiln.living():
        kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])


def test_a_failed_image_is_told_and_cleared_away_with_its_builder(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.faults({"image": "CreateImage", "message": "Client.InternalError: the disk", "times": 1})
    kiln.bake()
    assert kiln.images() == [] and kiln.living() == [] and kiln.snapshots_of("web") == []
    assert "the disk" in kiln.said("Bake Failed")[0]["reason"]


def imaging(instance: str) -> str:
    """A recipe that images a long-lived instance."""
    return f'name = "web"\n[bake]\ninstance = "{instance}"\ninstance_type = "t4g.small"\n'


def test_an_instance_that_somebody_tagged_is_neither_stopped_nor_in_the_way(kiln: Kiln) -> None:
    base = kiln.ec2().describe_images(Filters=[{"Name": "name", "Values": ["al2023*arm64"]}])["Images"][0]
    tags = {"kiln:recipe": "web", "Name": "production"}
    forged = {**tags, "kiln:version": "20250101T020000Z", "kiln:deadline": "2030-01-01T00:00:00Z"}
    seeded = {"region": HOME, "image": base["ImageId"], "sealed": False}
    theirs = kiln.aws.seed(instances=[{**seeded, "tags": one} for one in (tags, tags, forged)])["instances"]
    kiln.recipe()
    kiln.bake()
    kiln.sweep()
    assert [tags_of(image)["kiln:stage"] for image in kiln.images()] == ["released"]
    states = {one["InstanceId"]: one["State"]["Name"] for one in kiln.living()}
    assert states == dict.fromkeys(theirs, "running")
    kiln.ec2().stop_instances(InstanceIds=[theirs[2]])
    kiln.settle()
    kiln.sweep()
    assert len(kiln.images()) == 1 and kiln.said("Bake Failed") == []


def test_a_named_instance_without_the_tag_is_rejected_with_what_to_do(kiln: Kiln) -> None:
    kiln.recipe(document=imaging("i-0123456789abcdef0"))
    error = kiln.invoke("bake", {"recipe": "web"}).error
    assert "bake.instance names i-0123456789abcdef0" in error and "tag the instance" in error


def test_a_long_lived_builder_is_stopped_imaged_and_started_again(kiln: Kiln) -> None:
    base = kiln.ec2().describe_images(Filters=[{"Name": "name", "Values": ["al2023*arm64"]}])["Images"][0]
    seeded = {"region": HOME, "image": base["ImageId"], "tags": {"kiln:recipe": "web", "Name": "gold"}}
    (builder,) = kiln.aws.seed(instances=[seeded])["instances"]
    kiln.recipe(document=imaging(builder))
    kiln.bake()
    (instance,) = kiln.living()
    assert instance["InstanceId"] == builder and instance["State"]["Name"] == "running"
    (image,) = kiln.images()
    assert tags_of(instance) == {
        "kiln:recipe": "web",
        "Name": "gold",
        "kiln:last-bake": tags_of(image)["kiln:version"],
        "kiln:image": image["ImageId"],
    }
    assert image["SourceInstanceId"] == builder and tags_of(image)["kiln:stage"] == "released"
    assert "kiln-bake" not in {call["who"] for call in kiln.calls("RunInstances")}
    assert "kiln-capture" not in {call["who"] for call in kiln.calls("TerminateInstances")}


def test_instances_that_are_not_kilns_are_left_alone(kiln: Kiln) -> None:
    base = kiln.ec2().describe_images(Filters=[{"Name": "name", "Values": ["al2023*arm64"]}])["Images"][0]
    (other,) = kiln.aws.seed(instances=[{"region": HOME, "image": base["ImageId"]}])["instances"]
    before = kiln.aws.journal_end()
    kiln.ec2().stop_instances(InstanceIds=[other])
    kiln.settle()
    assert kiln.changes(before) == []
    assert [i["State"]["Name"] for i in kiln.living()] == ["stopped"]


def test_a_builder_that_somebody_terminates_has_failed_its_bake_and_that_is_told_once(kiln: Kiln) -> None:
    kiln.recipe(script="sleep infinity", regions="[]")
    kiln.invoke("bake", {"recipe": "web"})
    (builder,) = kiln.living()
    kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])
    for _ in range(3):
        kiln.sweep()
    (failed,) = kiln.said("Bake Failed")
    assert "somebody terminated the instance" in failed["reason"]
    assert failed["instance"] == builder["InstanceId"] and kiln.images() == []
