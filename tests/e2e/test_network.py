"""Where a recipe has its builders and testers launched: subnets, security groups and public addresses."""

from __future__ import annotations

from typing import Any

from e2e.kiln import HOME, Kiln, tags_of

AWAY = "eu-west-1"


class Vpc:
    """A private VPC with two subnets in two zones and a security group."""

    def __init__(self, kiln: Kiln, region: str = HOME) -> None:
        ec2 = kiln.ec2(region)
        self.id: str = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        zones = [one["ZoneName"] for one in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
        made = [
            ec2.create_subnet(VpcId=self.id, CidrBlock=f"10.9.{at}.0/24", AvailabilityZone=zone)
            for at, zone in enumerate(zones)
        ]
        self.subnets: list[str] = [one["Subnet"]["SubnetId"] for one in made]
        group = ec2.create_security_group(GroupName="golden", Description="golden", VpcId=self.id)
        self.group: str = group["GroupId"]

    def network(self, *, public: str = "false") -> str:
        subnets = ", ".join(f'"{one}"' for one in self.subnets)
        return f'subnets = [{subnets}]\nsecurity_groups = ["{self.group}"]\npublic_ip = {public}'


def at_work(kiln: Kiln) -> dict[str, Any]:
    (instance,) = kiln.living()
    kiln.wait_for_console(instance["InstanceId"], "at work")
    return instance


def test_a_builder_and_its_tester_are_launched_where_the_recipe_says(kiln: Kiln) -> None:
    vpc = Vpc(kiln)
    kiln.recipe(
        bake=f"[bake.network]\n{vpc.network()}",
        verify=f"script = 'echo at work; sleep infinity'\n[verify.network]\n{vpc.network()}",
        regions="[]",
    )
    kiln.bake()
    tester = at_work(kiln)
    assert tags_of(tester)["kiln:role"] == "tester" and tester["VpcId"] == vpc.id
    assert {one["SubnetId"] for one in tester["NetworkInterfaces"]} <= set(vpc.subnets)
    builder, _ = (one["Instances"][0] for one in kiln.ec2().describe_instances()["Reservations"])
    assert tags_of(builder)["kiln:role"] == "builder"
    for call in map(str, kiln.calls("RunInstances")):
        assert vpc.group in call and "AssociatePublicIpAddress" in call
    (image,) = kiln.images()
    assert tags_of(image)["kiln:zone"] != tester["Placement"]["AvailabilityZone"]
    kiln.ec2().terminate_instances(InstanceIds=[tester["InstanceId"]])


def test_the_testers_of_replicas_are_launched_where_the_recipe_says_for_their_region(kiln: Kiln) -> None:
    vpc = Vpc(kiln, AWAY)
    kiln.recipe(
        verify=f"script = 'test $(hostname) && echo tested'\n[verify.regions.{AWAY}]\n{vpc.network()}",
        regions=f'["{AWAY}"]',
        replicate="verify = true",
    )
    kiln.bake()
    kiln.sweep()
    assert len(kiln.said("Image Released")) == 1
    found = kiln.ec2(AWAY).describe_instances()["Reservations"]
    launched = [call for call in kiln.calls("RunInstances") if call["region"] == AWAY]
    assert launched and all(vpc.group in str(call) for call in launched), found


def test_a_group_of_another_vpc_and_one_that_is_not_there_are_told_before_anything_is_launched(
    kiln: Kiln,
) -> None:
    vpc, other = Vpc(kiln), Vpc(kiln)
    kiln.recipe(
        bake=f'[bake.network]\nsubnets = ["{vpc.subnets[0]}"]\nsecurity_groups = ["{other.group}"]',
        verify='[verify.network]\nsecurity_groups = ["sg-0123456789abcdef0"]',
        regions="[]",
    )
    before = kiln.aws.journal_end()
    error = kiln.invoke("bake", {"recipe": "web"}).error
    assert f"is in {other.id}, and {vpc.subnets[0]} is in {vpc.id}" in error
    assert "sg-0123456789abcdef0 in us-east-1 does not exist; correct verify.network.security_groups" in error
    assert kiln.calls("RunInstances", before) == []
