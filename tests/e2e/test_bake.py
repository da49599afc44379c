"""bake: from a recipe to a builder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from e2e.kiln import HOME, MAX_ATTEMPTS, Kiln, tags_of


def test_a_night_brings_one_image_of_each_recipe_into_every_region(kiln: Kiln) -> None:
    kiln.recipe("web")
    kiln.recipe("worker", base='{ owner = "136693071363", name = "debian-12-arm64-*" }')
    kiln.aws.schedule("kiln-bake", at="2025-06-01T02:00:00Z")
    kiln.settle()
    for recipe in ("web", "worker"):
        (image,) = kiln.images(recipe=recipe)
        assert image["Name"] == f"{recipe}-20250601T020000Z"
        assert tags_of(image)["kiln:stage"] == "released" and tags_of(image)["team"] == "platform"
        for region in ("eu-west-1", "ap-southeast-2"):
            (replica,) = kiln.images(region, recipe)
            assert tags_of(replica)["kiln:origin"] == f"{HOME}/{image['ImageId']}"
    assert kiln.living() == []
    assert len(kiln.said("Bake Started")) == 2
    # Two functions that read in the same moment may both tell it: then with the same id.
    told = {(news["recipe"], news["id"]) for news in kiln.said("Image Released")}
    assert len(told) == 2 and len(kiln.said("Image Released")) <= 3
    assert {news["recipe"] for news in kiln.said("Image Released")} == {"web", "worker"}


def test_the_newest_match_of_an_owner_is_the_base(kiln: Kiln) -> None:
    kiln.recipe(base='{ owner = "136693071363", name = "debian-12-arm64-*" }')
    kiln.bake()
    (image,) = kiln.images()
    base = kiln.ec2().describe_images(ImageIds=[tags_of(image)["kiln:base"]])["Images"][0]
    assert base["Name"] == "debian-12-arm64-20261101-1"


def test_a_builder_needs_imds_v2_stops_when_it_is_shut_down_and_bears_its_record(kiln: Kiln) -> None:
    kiln.recipe(script="sleep infinity")
    kiln.invoke("bake", {"recipe": "web"})
    (builder,) = kiln.living()
    assert builder["MetadataOptions"]["HttpTokens"] == "required"
    shutdown = kiln.ec2().describe_instance_attribute(
        InstanceId=builder["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert shutdown["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"
    assert tags_of(builder)["kiln:role"] == "builder"
    volumes = kiln.ec2().describe_volumes()["Volumes"]
    assert [tags_of(volume).get("kiln:recipe") for volume in volumes if volume["Attachments"]] == ["web"]
    kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])


def test_the_same_night_twice_and_at_once_launches_one_builder(kiln: Kiln) -> None:
    kiln.recipe()
    for _ in range(4):
        kiln.aws.schedule("kiln-bake", at="2025-06-01T02:00:00Z")
    kiln.settle()
    kiln.aws.schedule("kiln-bake", at="2025-06-01T02:00:00Z")
    kiln.settle()
    made = {str(call["made"]) for call in kiln.calls("RunInstances") if call["who"] == "kiln-bake"}
    assert len(made - {"{}", "None"}) == 1 and len(kiln.images()) == 1


def test_a_second_bake_by_hand_waits_for_the_first(kiln: Kiln) -> None:
    kiln.recipe(script="sleep infinity")
    before = (datetime.now(UTC) - timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    kiln.invoke("bake", {"recipe": "web", "scheduled_time": before})
    (second,) = kiln.invoke("bake", {"recipe": "web"}).decisions
    assert second["outcome"] == "unchanged" and "is already at work" in second["reason"]
    (builder,) = kiln.living()
    kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])


def test_one_recipes_failure_does_not_stop_the_others_and_the_answer_lists_each(kiln: Kiln) -> None:
    kiln.recipe("web")
    kiln.recipe("broken", base='"ami-0123456789abcdef0"')
    kiln.recipe("wrong", document='name = "wrong"')
    error = kiln.bake_all().error
    assert "2 of 5 decisions failed" in error
    assert "reject broken" in error and "there is no base: ami-0123456789abcdef0 in us-east-1" in error
    assert "reject wrong" in error and "bake.instance_type: missing (required)" in error
    kiln.settle()
    assert len(kiln.images()) == 1


def test_a_base_of_another_architecture_is_refused_before_anything_is_launched(kiln: Kiln) -> None:
    kiln.recipe(base='"ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"')
    error = kiln.bake().error
    assert (
        "is x86_64, but t4g.small runs arm64; change bake.instance_type, bake.instance_types or bake.base"
        in error
    )
    assert kiln.calls("RunInstances") == []


def test_another_recipes_newest_release_is_the_base(kiln: Kiln) -> None:
    kiln.recipe("base")
    kiln.recipe("web", base='"recipe:base"')
    assert "there is no base: recipe:base" in kiln.bake("web").error
    kiln.bake("base")
    kiln.bake("web")
    (base,), (image,) = kiln.images(recipe="base"), kiln.images(recipe="web")
    assert tags_of(image)["kiln:base"] == base["ImageId"]


def test_a_zone_that_launched_and_yet_said_it_had_no_room_is_not_followed_by_another(kiln: Kiln) -> None:
    subnets = [subnet["SubnetId"] for subnet in kiln.ec2().describe_subnets()["Subnets"]][:2]
    kiln.recipe(script="sleep infinity", bake=f"subnets = {subnets}".replace("'", '"'))
    fault = {"call": "RunInstances", "code": "InsufficientInstanceCapacity", "status": 500, "times": 1}
    kiln.aws.faults({**fault, "when": "after"})
    kiln.invoke("bake", {"recipe": "web"})
    (builder,) = kiln.living()
    assert builder["SubnetId"] == subnets[0]
    kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])
    kiln.settle()


def test_a_refused_night_is_told_once_and_tried_once(kiln: Kiln) -> None:
    kiln.recipe("web", base='"ssm:/golden/gone"')
    kiln.aws.schedule("kiln-bake", at="2025-06-01T02:00:00Z")
    kiln.settle()
    (news,) = kiln.said("Bake Refused")
    assert (
        news["recipe"] == "web" and "/golden/gone" in news["reason"] and news["version"] == "20250601T020000Z"
    )
    assert kiln.dead_letters() == [] and kiln.living() == []
    assert "/golden/gone" in kiln.bake().error, "who waits for the answer gets it"


def test_where_no_zone_has_room_for_a_type_the_next_type_is_launched(kiln: Kiln) -> None:
    kiln.recipe(script="sleep infinity", bake='instance_types = ["m7g.medium"]')
    fault = {"call": "RunInstances", "code": "InsufficientInstanceCapacity", "status": 500}
    kiln.aws.faults({**fault, "times": int(MAX_ATTEMPTS)})
    kiln.invoke("bake", {"recipe": "web"})
    (builder,) = kiln.living()
    assert builder["InstanceType"] == "m7g.medium"
    kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])
    kiln.settle()


def test_a_zone_without_room_is_followed_by_the_next(kiln: Kiln) -> None:
    subnets = [subnet["SubnetId"] for subnet in kiln.ec2().describe_subnets()["Subnets"]][:2]
    kiln.recipe(script="sleep infinity", bake=f"subnets = {subnets}".replace("'", '"'))
    kiln.aws.faults({"call": "RunInstances", "code": "Unsupported", "status": 400, "times": 1})
    kiln.invoke("bake", {"recipe": "web"})
    (builder,) = kiln.living()
    assert builder["SubnetId"] == subnets[1]
    kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])
    kiln.settle()


def test_a_newer_match_of_another_architecture_is_not_the_base(kiln: Kiln) -> None:
    both = {"region": HOME, "owner": "679593333241", "public": True, "created": "2026-11-01T00:00:00Z"}
    newer = {**both, "name": "hardened-2-x86_64", "architecture": "x86_64", "created": "2026-11-02T00:00:00Z"}
    kiln.aws.seed(images=[{**both, "name": "hardened-1-arm64", "architecture": "arm64"}, newer])
    kiln.recipe(base='{ owner = "679593333241", name = "hardened-*" }')
    kiln.bake()
    (image,) = kiln.images()
    base = kiln.ec2().describe_images(ImageIds=[tags_of(image)["kiln:base"]])["Images"][0]
    assert base["Name"] == "hardened-1-arm64"


def test_a_call_for_a_time_that_is_yet_to_come_bakes_nothing(kiln: Kiln) -> None:
    kiln.recipe()
    ahead = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "is in the future" in kiln.invoke("bake", {"recipe": "web", "scheduled_time": ahead}).error
    assert kiln.calls("RunInstances") == []


def test_two_recipes_that_name_one_parameter_are_both_refused_and_the_others_are_baked(kiln: Kiln) -> None:
    for name in ("web", "worker"):
        kiln.recipe(name, publish='parameter = "/golden/web"')
    kiln.recipe("base")
    error = kiln.bake_all().error
    kiln.settle()
    assert "publish.parameter: found /golden/web, which recipe worker names too" in error
    assert "publish.parameter: found /golden/web, which recipe web names too" in error
    assert "which recipe worker names too" in kiln.bake("web").error
    assert [len(kiln.images(recipe=name)) for name in ("base", "web", "worker")] == [1, 0, 0]


@pytest.mark.parametrize("many", [60, pytest.param(500, marks=pytest.mark.full)])
def test_many_recipes_are_looked_at_within_the_descriptors_of_a_function(kiln: Kiln, many: int) -> None:
    kiln.start_anew("bake")
    for number in range(many):
        name = f"r{number}"
        share = 'share = { accounts = ["111122223333"] }'
        kiln.recipe(name, publish=f'parameter = "/golden/{name}"\n{share}')
    answer = kiln.invoke("bake", {"preflight": True})
    assert len(answer.decisions) == many


def test_what_a_recipe_names_once_is_in_its_tags_and_in_the_environment_of_its_scripts(kiln: Kiln) -> None:
    document = """
name   = "web"
params = { nginx = "1.28.0", family = "ami-amazon-linux-latest" }
tags   = { nginx = "nginx ${params.nginx}" }
[bake]
base          = "ssm:/aws/service/${params.family}/al2023-ami-kernel-default-arm64"
instance_type = "t4g.small"
script        = 'test "$KILN_NGINX" = 1.28.0'
[verify]
script        = 'test "$KILN_FAMILY" = ami-amazon-linux-latest'
"""
    kiln.recipe(document=document)
    kiln.bake()
    (image,) = kiln.images()
    assert tags_of(image)["nginx"] == "nginx 1.28.0" and tags_of(image)["kiln:stage"] == "released"
