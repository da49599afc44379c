"""verify: an image is booted in another zone before it is used; what somebody gives to Kiln is taken in."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.kiln import FURTHER, HOME, MAX_ATTEMPTS, REGIONS, Kiln, tags_of


def launched(kiln: Kiln, role: str) -> list[dict[str, Any]]:
    calls = [call for call in kiln.calls("RunInstances") if not call["error"]]
    return [call for call in calls if f"kiln-{role}" == call["who"]]


def test_an_image_is_tested_in_another_zone_than_its_builders_and_nothing_is_left(kiln: Kiln) -> None:
    kiln.recipe(verify="script = 'curl -fsS localhost'")
    kiln.bake()
    (image,) = kiln.images()
    assert tags_of(image)["kiln:stage"] == "released"
    (test,) = launched(kiln, "verify")
    (subnet,) = kiln.ec2().describe_subnets(SubnetIds=[test["request"]["SubnetId"]])["Subnets"]
    assert subnet["AvailabilityZone"] != tags_of(image)["kiln:zone"]
    assert test["request"]["MetadataOptions.HttpTokens"] == "required"
    assert kiln.living() == []
    (news,) = kiln.said("Image Verified")
    assert news["image"] == image["ImageId"] and news["instance"].startswith("i-")


def test_an_image_whose_check_fails_is_rejected_with_the_consoles_tail_and_goes_nowhere(kiln: Kiln) -> None:
    kiln.recipe(verify="script = 'echo port 80 is closed; exit 7'", publish='parameter = "/golden/web"')
    old = kiln.release("web", "20250101T020000Z")
    kiln.sweep()
    assert kiln.named() == ["20250101T020000Z"] * 3
    kiln.bake()
    new = kiln.images()[-1]
    assert tags_of(new)["kiln:stage"] == "rejected" and kiln.living() == []
    (news,) = kiln.said("Image Rejected")
    assert "the script failed with status 7" in news["reason"] and "port 80 is closed" in news["console-tail"]
    assert kiln.said("Image Published") == [] and kiln.calls("CopyImage") == []
    assert kiln.allowed(new["ImageId"]) == []
    kiln.sweep()
    assert kiln.named() == ["20250101T020000Z"] * 3 and kiln.parameter() == old[HOME]


def test_an_image_that_never_comes_to_its_verdict_is_rejected_when_its_time_is_up(kiln: Kiln) -> None:
    kiln.recipe(verify="script = 'echo hanging; sleep infinity'")
    kiln.bake()
    (tester,) = kiln.living()
    assert tags_of(tester)["kiln:role"] == "tester"
    kiln.wait_for_console(tester["InstanceId"], "hanging")
    past = [{"Key": "kiln:deadline", "Value": "2026-01-01T00:00:00Z"}]
    kiln.ec2().create_tags(Resources=[tester["InstanceId"]], Tags=past)
    kiln.sweep()
    (news,) = kiln.said("Image Rejected")
    assert "its time was up" in news["reason"] and "hanging" in news["console-tail"]
    assert kiln.living() == [] and tags_of(kiln.images()[0])["kiln:stage"] == "rejected"


def test_replicas_are_booted_in_their_regions_where_the_recipe_asks(kiln: Kiln) -> None:
    kiln.recipe(replicate="verify = true")
    kiln.bake()
    assert sorted(call["region"] for call in launched(kiln, "verify")) == sorted(REGIONS)
    assert {news["region"] for news in kiln.said("Image Verified")} == set(REGIONS)
    assert {tags_of(kiln.images(region)[0])["kiln:stage"] for region in REGIONS} == {"released"}
    assert [kiln.living(region) for region in REGIONS] == [[], [], []]


def test_a_replica_that_cannot_boot_holds_the_release(kiln: Kiln) -> None:
    kiln.recipe(replicate="verify = true", publish='parameter = "/golden/web"')
    kiln.aws.faults(
        {"call": "RunInstances", "region": "eu-west-1", "code": "Client.InternalError", "times": -1}
    )
    kiln.bake()
    assert kiln.named() == [None, None, None]
    (replica,) = kiln.images("eu-west-1")
    assert tags_of(replica)["kiln:stage"] == "captured" and kiln.said("Image Released") == []
    kiln.aws.faults()
    kiln.sweep()
    assert len(set(kiln.named())) == 1 and None not in kiln.named()


def without_room(kiln: Kiln, region: str, subnets: int) -> None:
    """So many subnets of a Region have no room for a tester."""
    full = {
        "call": "RunInstances",
        "who": "kiln-verify",
        "code": "InsufficientInstanceCapacity",
        "status": 500,
    }
    kiln.aws.faults({**full, "region": region, "times": subnets * int(MAX_ATTEMPTS)})


def test_where_no_zone_has_room_for_a_testers_type_the_next_type_is_launched(kiln: Kiln) -> None:
    asleep = "script = 'echo at work; sleep infinity'"
    kiln.recipe(verify=f'{asleep}\ninstance_types = ["c7g.large", "m7g.medium"]', regions="[]")
    # One of the default subnets is in the builder's zone.
    without_room(kiln, HOME, len(kiln.ec2().describe_subnets()["Subnets"]) - 1)
    kiln.bake()
    (tester,) = kiln.living()
    assert (tags_of(tester)["kiln:role"], tester["InstanceType"]) == ("tester", "m7g.medium")
    tries = [call for call in kiln.calls("RunInstances") if call["who"] == "kiln-verify"]
    types = [call["request"]["InstanceType"] for call in tries]
    assert types == sorted(types) and set(types) == {"c7g.large", "m7g.medium"}
    tokens = {call["request"]["InstanceType"]: call["request"]["ClientToken"] for call in tries}
    assert len(set(tokens.values())) == 2
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.calls("RunInstances", before) == [], "its tester is at work"
    kiln.ec2().terminate_instances(InstanceIds=[tester["InstanceId"]])
    kiln.settle()


def test_a_region_has_types_of_its_own_for_the_testers_of_its_replicas(kiln: Kiln) -> None:
    own = '[verify.regions.eu-west-1]\ninstance_types = ["c7g.large", "m7g.medium"]'
    kiln.recipe(verify=own, replicate="verify = true", regions='["eu-west-1"]')
    without_room(kiln, "eu-west-1", len(kiln.ec2("eu-west-1").describe_subnets()["Subnets"]))
    kiln.bake()
    kiln.sweep()
    types = {call["region"]: call["request"]["InstanceType"] for call in launched(kiln, "verify")}
    assert types == {HOME: "t4g.small", "eu-west-1": "m7g.medium"}
    assert len(kiln.said("Image Released")) == 1


def test_a_testers_type_that_does_not_exist_or_does_not_fit_is_told_before_anything_is_launched(
    kiln: Kiln,
) -> None:
    verify = (
        'instance_types = ["t4g.small", "t3.small"]\n[verify.regions.eu-west-1]\ninstance_types = ["m9.huge"]'
    )
    kiln.recipe(verify=verify, replicate="verify = true", regions='["eu-west-1"]')
    error = kiln.bake().error
    assert "t3.small cannot boot images baked from" in error and "change verify.instance_types" in error
    assert "no instance type m9.huge in eu-west-1; change verify.regions.eu-west-1.instance_types" in error
    assert kiln.calls("RunInstances") == []


ASKS = '[adopt]\nname = "packer *"'
"""A recipe that asks for Packer's images."""


def given(kiln: Kiln, **tags: str) -> str:
    """An image that Packer made: registered by somebody else, with tags of their own."""
    base = kiln.ec2().describe_images(Owners=["136693071363"])["Images"][0]
    instance = kiln.aws.seed(instances=[{"region": HOME, "image": base["ImageId"]}])["instances"][0]
    kinds = [{"ResourceType": "image", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
    made = kiln.ec2().create_image(InstanceId=instance, Name="packer 1732327200", TagSpecifications=kinds)
    kiln.settle()
    return str(made["ImageId"])


def test_an_image_that_somebody_made_and_tagged_goes_through_verify_to_release(kiln: Kiln) -> None:
    kiln.recipe(publish='parameter = "/golden/web"', verify=ASKS)
    image = given(kiln, **{"kiln:recipe": "web", "owner": "somebody"})
    (found,) = kiln.images()
    tags = tags_of(found)
    assert (tags["kiln:stage"], tags["kiln:adopted"]) == ("released", f"{HOME}/{image}")
    assert tags["owner"] == "somebody" and tags["team"] == "platform"
    assert kiln.parameter() == image and len(launched(kiln, "verify")) == 1
    for region in FURTHER:
        (replica,) = kiln.images(region)
        assert replica["Name"] == f"web-{tags['kiln:version']}"
        own = tags_of(replica)
        assert (own["owner"], own["kiln:adopted-name"]) == ("somebody", "packer 1732327200")
    (snapshot,) = kiln.snapshots_of("web")
    assert tags_of(snapshot)["kiln:version"] == tags["kiln:version"]


def test_an_image_that_was_tagged_later_enters_with_the_next_sweep_under_its_own_version(kiln: Kiln) -> None:
    kiln.recipe(verify=ASKS)
    image = given(kiln)
    assert launched(kiln, "verify") == []
    late = [{"Key": "kiln:recipe", "Value": "web"}, {"Key": "kiln:version", "Value": "20250601T120000Z"}]
    kiln.ec2().create_tags(Resources=[image], Tags=late)
    assert "adopt+launch" in kiln.sweep()
    (found,) = kiln.images()
    tags = tags_of(found)
    assert (tags["kiln:stage"], tags["kiln:version"]) == ("released", "20250601T120000Z")


def test_a_tag_alone_hands_over_nothing_and_a_call_does(kiln: Kiln) -> None:
    kiln.recipe()
    before = kiln.aws.journal_end()
    image = given(kiln, **{"kiln:recipe": "web"})
    kiln.sweep()
    kiln.invoke("expire", {"dry_run": False})
    assert kiln.changes(before) == []
    assert not kiln.invoke("verify", {"adopt": image, "recipe": "web"}).failed
    kiln.settle()
    assert tags_of(kiln.images()[0])["kiln:stage"] == "released"
    refused = kiln.invoke("verify", {"adopt": image, "recipe": "web"})
    assert "it bears tags that only Kiln writes" in refused.error


@pytest.mark.parametrize("many", [20, 49])
def test_an_image_with_many_tags_is_taken_in_or_refused_at_once_and_told(kiln: Kiln, many: int) -> None:
    kiln.recipe(publish='parameter = "/golden/web"', verify=ASKS)
    image = given(kiln, **{"kiln:recipe": "web"}, **{f"cost{n}": "x" for n in range(many)})
    if many == 20:
        assert kiln.parameter() == image and kiln.said("Image Rejected") == []
        return
    (rejected,) = kiln.said("Image Rejected")
    assert (rejected["image"], kiln.parameter()) == (image, None)
    assert "EC2 allows 50; remove some" in rejected["reason"]


def test_an_adopted_image_is_deprecated_and_never_removed_unless_the_recipe_says_so(kiln: Kiln) -> None:
    expire = {"keep": 1, "older_than": "1d", "confirm_after": "2d", "quarantine": "0d"}
    kiln.recipe(verify=ASKS, **expire)
    image = given(kiln, **{"kiln:recipe": "web", "kiln:version": "20250601T120000Z"})
    kiln.aws.days_pass(10)
    kiln.bake()
    for _ in range(3):
        kiln.invoke("expire", {"dry_run": False})
        kiln.aws.days_pass(10)
    (found,) = kiln.ec2().describe_images(ImageIds=[image])["Images"]
    assert found["State"] == "available" and "DeprecationTime" in found
    answer = kiln.invoke("expire", {"explain": image}).body["explanation"]
    assert "does not let Kiln remove such images" in str(answer)
    kiln.recipe(verify=f"{ASKS}\nderegister = true", **expire)
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert image not in [one["ImageId"] for one in kiln.images()]


def test_an_image_without_the_tag_is_never_touched(kiln: Kiln) -> None:
    kiln.recipe()
    before = kiln.aws.journal_end()
    image = given(kiln, Name="web")
    kiln.sweep()
    assert kiln.changes(before) == []
    (found,) = kiln.ec2().describe_images(ImageIds=[image])["Images"]
    assert set(tags_of(found)) == {"Name"}


def test_a_copy_of_an_adopted_image_is_nobodys(kiln: Kiln) -> None:
    kiln.recipe(verify=ASKS)
    image = given(kiln, **{"kiln:recipe": "web"})
    before = kiln.aws.journal_end()
    kiln.ec2().copy_image(SourceImageId=image, SourceRegion=HOME, Name="backup", CopyImageTags=True)
    kiln.settle()
    kiln.sweep()
    assert kiln.changes(before) == []
