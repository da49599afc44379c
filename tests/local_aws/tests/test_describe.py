"""Filters, pages, and the resources of the initial state."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local_aws.client import LocalAws
from local_aws.settings import REGIONS
from local_aws.tests.conftest import image, instance, refused

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_amazons_parameters_name_available_images(aws: LocalAws, region: str, architecture: str) -> None:
    value = aws.client("ssm", region).get_parameter(Name=AL2023 + architecture)["Parameter"]["Value"]
    (found,) = aws.client("ec2", region).describe_images(ImageIds=[value])["Images"]
    assert (found["Architecture"], found["State"], found["OwnerId"]) == (
        architecture,
        "available",
        "137112412989",
    )
    assert aws.client("ec2", region).describe_images(Owners=["self"])["Images"] == []


@pytest.mark.parametrize("region", REGIONS)
def test_debians_two_images_differ_in_their_date(aws: LocalAws, region: str) -> None:
    wanted = [{"Name": "name", "Values": ["debian-12-arm64-*"]}]
    found = aws.client("ec2", region).describe_images(Owners=["136693071363"], Filters=wanted)["Images"]
    assert sorted((i["Name"], i["CreationDate"]) for i in found) == [
        ("debian-12-arm64-20260901-1", "2026-09-01T08:00:00.000Z"),
        ("debian-12-arm64-20261101-1", "2026-11-01T08:00:00.000Z"),
    ]


def test_enabled_regions_are_described_and_others_only_on_request(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    found = ec2.describe_regions()["Regions"]
    assert tuple(region["RegionName"] for region in found) == REGIONS
    assert {region["OptInStatus"] for region in found} == {"opt-in-not-required"}
    everywhere = ec2.describe_regions(AllRegions=True)["Regions"]
    off = [region["RegionName"] for region in everywhere if region["OptInStatus"] == "not-opted-in"]
    assert len(off) > 10 and not set(off) & set(REGIONS)
    (one,) = ec2.describe_regions(RegionNames=["eu-west-3"])["Regions"]
    assert one["OptInStatus"] == "not-opted-in"
    enabled = [{"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]}]
    assert len(ec2.describe_regions(AllRegions=True, Filters=enabled)["Regions"]) == len(REGIONS)
    with refused("InvalidParameterValue", "eu-nowhere-1"):
        ec2.describe_regions(RegionNames=["eu-nowhere-1"])


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_has_a_default_network_in_three_zones(aws: LocalAws, region: str) -> None:
    ec2 = aws.client("ec2", region)
    subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) >= 3
    assert [vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]] == [True]


def test_instance_types_tell_their_architectures(aws: LocalAws) -> None:
    found = aws.client("ec2").describe_instance_types(InstanceTypes=["t4g.small", "t3.small"])
    able = {t["InstanceType"]: t["ProcessorInfo"]["SupportedArchitectures"] for t in found["InstanceTypes"]}
    assert able == {"t4g.small": ["arm64"], "t3.small": ["x86_64"]}
    with refused("InvalidInstanceType"):
        aws.client("ec2").describe_instance_types(InstanceTypes=["t9.huge"])


def test_images_are_found_by_several_filters_at_once(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    image(aws, name="web-1", tags={"recipe": "web", "stage": "released"})
    second = image(aws, name="web-2", tags={"recipe": "web", "stage": "retired"})
    image(aws, name="worker-1", tags={"recipe": "worker", "stage": "retired"})
    filters = [
        {"Name": "tag:recipe", "Values": ["web"]},
        {"Name": "tag:stage", "Values": ["retired", "rejected"]},
        {"Name": "state", "Values": ["available"]},
        {"Name": "tag-key", "Values": ["sta*"]},
    ]
    assert [i["ImageId"] for i in ec2.describe_images(Filters=filters)["Images"]] == [second]


def test_a_filter_finds_the_images_upon_a_snapshot_and_the_copies_of_an_image(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    first = image(aws, name="first")
    second = image(aws, name="second", share_snapshots_with=[first])
    image(aws, name="third", source_image="ami-0aaa", source_region="eu-west-1")
    (shown,) = ec2.describe_images(ImageIds=[first])["Images"]
    snapshot = shown["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert _images(ec2, {"block-device-mapping.snapshot-id": snapshot}) == {first, second}
    assert len(_images(ec2, {"source-image-id": "ami-0aaa", "source-image-region": "eu-west-1"})) == 1


def test_an_unknown_filter_is_refused(aws: LocalAws) -> None:
    image(aws)
    with refused("InvalidParameterValue", "The filter 'colour' is invalid"):
        aws.client("ec2").describe_images(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_images_come_in_pages(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    wanted = aws.seed(images=[{"region": "us-east-1", "name": f"web-{n:02}"} for n in range(25)])["images"]
    pages = [
        [i["ImageId"] for i in page["Images"]]
        for page in ec2.get_paginator("describe_images").paginate(
            Owners=["self"], PaginationConfig={"PageSize": 10}
        )
    ]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [one for page in pages for one in page] == wanted


def test_ids_and_a_page_size_do_not_go_together(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    one, machine = image(aws), instance(aws)
    with refused("InvalidParameterCombination"):
        ec2.describe_images(ImageIds=[one], MaxResults=10)
    with refused("InvalidParameterCombination"):
        ec2.describe_instances(InstanceIds=[machine], MaxResults=10)


def test_one_unknown_id_fails_the_whole_call_and_a_filter_just_finds_fewer(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    one = image(aws)
    with refused("InvalidAMIID.NotFound", "ami-0123456789abcdef0"):
        ec2.describe_images(ImageIds=[one, "ami-0123456789abcdef0"])
    both = [{"Name": "image-id", "Values": [one, "ami-0123456789abcdef0"]}]
    assert len(ec2.describe_images(Filters=both)["Images"]) == 1
    with refused("InvalidAMIID.Malformed"):
        ec2.describe_images(ImageIds=["web"])


def test_other_peoples_private_images_are_not_seen(aws: LocalAws) -> None:
    theirs = image(aws, owner="111122223333")
    with refused("InvalidAMIID.NotFound"):
        aws.client("ec2").describe_images(ImageIds=[theirs])


def test_instances_are_found_by_image_state_token_and_tag(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    base = image(aws)
    running = instance(aws, image=base, state="running", tags={"role": "builder"}, client_token="tok")
    stopped = instance(aws, image=base, state="stopped", tags={"role": "tester"})
    instance(aws, state="running", tags={"role": "builder"})
    assert _instances(ec2, {"image-id": base}) == {running, stopped}
    assert _instances(ec2, {"image-id": base, "instance-state-name": "stopped"}) == {stopped}
    assert _instances(ec2, {"image-id": base, "tag:role": "build*"}) == {running}
    assert _instances(ec2, {"client-token": "tok"}) == {running}


def test_instances_come_in_pages_with_managed_ones_asked_for(aws: LocalAws) -> None:
    base = image(aws)
    wanted = aws.seed(instances=[{"region": "us-east-1", "image": base} for _ in range(12)])["instances"]
    pages = list(
        aws.client("ec2")
        .get_paginator("describe_instances")
        .paginate(IncludeManagedResources=True, PaginationConfig={"PageSize": 5})
    )
    found = [i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]]
    assert (len(pages), found) == (3, wanted)


def test_snapshots_are_found_by_owner_and_tag_in_pages(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    seeds = [{"region": "us-east-1", "name": f"web-{n}", "tags": {"recipe": "web"}} for n in range(7)]
    aws.seed(images=[*seeds, {"region": "us-east-1", "name": "other"}])
    pages = list(
        ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"],
            Filters=[{"Name": "tag:recipe", "Values": ["web"]}],
            PaginationConfig={"PageSize": 5},
        )
    )
    assert [len(page["Snapshots"]) for page in pages] == [5, 2]
    snapshot = pages[0]["Snapshots"][0]
    assert (snapshot["State"], snapshot["VolumeSize"], snapshot["FullSnapshotSizeInBytes"]) == (
        "completed",
        8,
        8 * 1024**3,
    )


def test_ten_thousand_images_are_made_and_described_in_seconds(aws: LocalAws) -> None:
    tags = {"kiln:recipe": "web", "kiln:stage": "released"}
    seeds = [{"region": "us-east-1", "name": f"web-{n:05}", "tags": tags} for n in range(10_000)]
    began = time.monotonic()
    assert len(aws.seed(images=seeds)["images"]) == 10_000
    seeded = time.monotonic()
    pages = (
        aws.client("ec2")
        .get_paginator("describe_images")
        .paginate(
            Owners=["self"],
            Filters=[{"Name": "tag:kiln:recipe", "Values": ["web"]}],
            IncludeDisabled=True,
            PaginationConfig={"PageSize": 1000},
        )
    )
    assert sum(len(page["Images"]) for page in pages) == 10_000
    described = time.monotonic()
    assert seeded - began < 3
    assert described - seeded < 30, "it took minutes before the index; all cores may be busy"


def _images(ec2: Any, wanted: dict[str, str]) -> set[str]:
    filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
    return {found["ImageId"] for found in ec2.describe_images(Filters=filters)["Images"]}


def _instances(ec2: Any, wanted: dict[str, str]) -> set[str]:
    filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
    answer = ec2.describe_instances(Filters=filters)
    return {i["InstanceId"] for r in answer["Reservations"] for i in r["Instances"]}
