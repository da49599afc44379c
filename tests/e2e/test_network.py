"""Where a recipe has its builders and testers launched: subnets, security groups and public addresses."""

from __future__ import annotations

from typing import Any

import pytest

from e2e import folder
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
        self._ec2, self._region = ec2, region
        (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.id]}])["RouteTables"]
        self.table: str = table["RouteTableId"]

    def lend_endpoint(self) -> None:
        """A gateway endpoint of S3 for the main route table."""
        service = f"com.amazonaws.{self._region}.s3"
        kind = {"VpcEndpointType": "Gateway", "RouteTableIds": [self.table]}
        self._ec2.create_vpc_endpoint(VpcId=self.id, ServiceName=service, **kind)

    def lend_nat(self) -> None:
        """A route to a NAT gateway, in a route table of the subnets' own."""
        nat = self._ec2.create_nat_gateway(SubnetId=self.subnets[0], ConnectivityType="private")
        table = self._ec2.create_route_table(VpcId=self.id)["RouteTable"]["RouteTableId"]
        to = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat["NatGateway"]["NatGatewayId"]}
        self._ec2.create_route(RouteTableId=table, **to)
        for subnet in self.subnets:
            self._ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)

    def lend_internet(self) -> None:
        """A route to an internet gateway."""
        gateway = self._ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self._ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.id)
        to = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}
        self._ec2.create_route(RouteTableId=self.table, **to)

    def tag(self, key: str, value: str, *, subnets: bool = True, group: bool = True) -> None:
        """Tags the subnets and the group."""
        marked = [*(self.subnets if subnets else []), *([self.group] if group else [])]
        self._ec2.create_tags(Resources=marked, Tags=[{"Key": key, "Value": value}])

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


BY_TAGS = 'subnet_tags = { tier = "private" }\nsecurity_group_tags = { tier = "private" }\npublic_ip = false'


def test_a_builder_and_its_tester_are_launched_where_the_tags_say(kiln: Kiln) -> None:
    vpc, other = Vpc(kiln), Vpc(kiln)
    vpc.tag("tier", "private")
    other.tag("tier", "public")
    network = BY_TAGS.replace("private", "priv*")
    kiln.recipe(
        bake=f"[bake.network]\n{network}",
        verify=f"script = 'echo at work; sleep infinity'\n[verify.network]\n{network}",
        regions="[]",
    )
    before = kiln.aws.journal_end()
    assert not kiln.invoke("bake", {"recipe": "web", "preflight": True}).failed
    kiln.bake()
    tester = at_work(kiln)
    builder, _ = (one["Instances"][0] for one in kiln.ec2().describe_instances()["Reservations"])
    assert (tags_of(builder)["kiln:role"], tags_of(tester)["kiln:role"]) == ("builder", "tester")
    for call in kiln.calls("RunInstances", before):
        text = str(call["request"])
        assert any(subnet in text for subnet in vpc.subnets) and vpc.group in text
        assert other.group not in text
    (image,) = kiln.images()
    assert tags_of(image)["kiln:zone"] != tester["Placement"]["AvailabilityZone"]
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.changes(before) == [], "its tester is at work"
    kiln.ec2().terminate_instances(InstanceIds=[tester["InstanceId"]])
    kiln.settle()


def test_the_testers_of_replicas_go_where_the_tags_of_their_region_say_after_a_sweep_too(kiln: Kiln) -> None:
    vpc = Vpc(kiln, AWAY)
    kiln.recipe(
        verify=f"[verify.regions.{AWAY}]\n{BY_TAGS}", regions=f'["{AWAY}"]', replicate="verify = true"
    )
    error = kiln.invoke("bake", {"recipe": "web"}).error
    assert f"no subnet in {AWAY} bears tier=private" in error
    assert f"or verify.regions.{AWAY}.subnet_tags" in error
    vpc.tag("tier", "private")
    kiln.aws.faults({"event": "EC2 AMI State Change", "region": AWAY, "effect": "lose", "times": -1})
    kiln.bake()
    kiln.aws.faults()
    kiln.sweep()
    assert len(kiln.said("Image Released")) == 1
    launched = [call for call in kiln.calls("RunInstances") if call["region"] == AWAY]
    assert launched and all(vpc.group in str(call) for call in launched)


def test_tags_that_nothing_bears_are_told_with_the_region_and_nothing_is_launched(kiln: Kiln) -> None:
    vpc = Vpc(kiln)
    kiln.recipe(bake=f"[bake.network]\n{BY_TAGS}", verify=f"[verify.network]\n{BY_TAGS}", regions="[]")
    before = kiln.aws.journal_end()
    error = kiln.invoke("bake", {"recipe": "web", "preflight": True}).error
    for table in ("bake", "verify"):
        where = f"correct the tags there, or {table}.network.subnet_tags"
        assert error.count(f"no subnet in {HOME} bears tier=private; {where}") == 1
    assert f"no subnet in {HOME} bears tier=private" in kiln.invoke("bake", {"recipe": "web"}).error
    (refused,) = kiln.said("Bake Refused", before)
    assert f"no subnet in {HOME} bears tier=private" in refused["reason"]
    vpc.tag("tier", "private", group=False)
    error = kiln.invoke("bake", {"recipe": "web", "preflight": True}).error
    assert f"no security group of {vpc.id} in {HOME} bears tier=private" in error
    assert kiln.calls("RunInstances", before) == []


def test_tagged_subnets_of_more_than_one_vpc_need_a_group_in_each(kiln: Kiln) -> None:
    vpc, other = Vpc(kiln), Vpc(kiln)
    vpc.tag("tier", "private")
    other.tag("tier", "private", group=False)
    kiln.recipe(bake=f"[bake.network]\n{BY_TAGS}", regions="[]")
    error = kiln.invoke("bake", {"recipe": "web"}).error
    assert f"no security group of {other.id} in {HOME} bears tier=private" in error
    by_id = f'subnet_tags = {{ tier = "private" }}\nsecurity_groups = ["{vpc.group}"]'
    kiln.recipe(bake=f"[bake.network]\n{by_id}", regions="[]")
    error = kiln.invoke("bake", {"recipe": "web"}).error
    assert f"security group {vpc.group} in {HOME} is in {vpc.id}, and subnet-" in error
    assert kiln.calls("RunInstances") == []


def test_a_recipe_without_tags_looks_for_none(kiln: Kiln) -> None:
    kiln.recipe(regions="[]")
    kiln.bake()
    kiln.sweep()
    assert len(kiln.said("Image Released")) == 1 and kiln.calls("DescribeSecurityGroups") == []
    looks = [call["who"] for call in kiln.calls("DescribeSubnets")]
    assert sorted(looks) == ["kiln-bake", "kiln-verify"]


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


FILES = {"scripts/a.sh": "echo baked\n", "tests/smoke.sh": "echo tested\n"}


def with_folder(kiln: Kiln, network: str) -> None:
    line = folder.put(kiln, FILES)
    network_of = f"[bake.network]\n{network}", f'steps = ["tests/smoke.sh"]\n[verify.network]\n{network}'
    kiln.recipe(document=folder.recipe(line, '["scripts/a.sh"]', *network_of))


def test_private_subnets_without_a_way_to_s3_are_told_before_anything_is_launched(kiln: Kiln) -> None:
    vpc = Vpc(kiln)
    with_folder(kiln, vpc.network())
    before = kiln.aws.journal_end()
    for call in ({"recipe": "web", "preflight": True}, {"recipe": "web"}):
        error = kiln.invoke("bake", call).error
        for role, field in (("builder", "bake.network"), ("tester", "verify.network")):
            assert f"to S3 in {HOME}, which the {role} needs for its files and its log" in error
            assert f"or name other subnets in {field}.subnets" in error
        assert vpc.subnets[0] in error and vpc.subnets[1] in error
        assert "add a gateway endpoint for S3, which is free, or a route to a NAT gateway" in error
    assert kiln.calls("RunInstances", before) == []
    for read in ("DescribeRouteTables", "DescribeVpcEndpoints", "DescribeSubnets"):
        assert len(kiln.calls(read, before)) == 2, read


@pytest.mark.parametrize("way", ["lend_endpoint", "lend_nat"])
def test_private_subnets_with_a_way_to_s3_bake(kiln: Kiln, way: str) -> None:
    vpc = Vpc(kiln)
    getattr(vpc, way)()
    with_folder(kiln, vpc.network())
    kiln.bake()
    kiln.sweep()
    (image,) = kiln.images()
    assert tags_of(image)["kiln:stage"] == "released"


def test_an_internet_gateway_leads_nowhere_without_a_public_address(kiln: Kiln) -> None:
    vpc = Vpc(kiln)
    vpc.lend_internet()
    with_folder(kiln, vpc.network())
    error = kiln.invoke("bake", {"recipe": "web", "preflight": True}).error
    assert "through an internet gateway, and there is no public address; set public_ip = true" in error
    with_folder(kiln, vpc.network(public="true"))
    assert not kiln.invoke("bake", {"recipe": "web", "preflight": True}).failed


def test_away_from_home_no_endpoint_of_s3_is_a_way(kiln: Kiln) -> None:
    vpc = Vpc(kiln, AWAY)
    vpc.lend_endpoint()
    line = folder.put(kiln, FILES)
    verify = f'steps = ["tests/smoke.sh"]\n[verify.regions.{AWAY}]\n{vpc.network()}'
    kiln.recipe(document=folder.recipe(line, '["scripts/a.sh"]', "", verify) + "verify = true\n")
    error = kiln.invoke("bake", {"recipe": "web", "preflight": True}).error
    assert f"in {AWAY} to S3 in {HOME}" in error
    assert f"; add a route to a NAT gateway, or name other subnets in verify.regions.{AWAY}.subnets" in error
    vpc.lend_nat()
    assert not kiln.invoke("bake", {"recipe": "web", "preflight": True}).failed


def test_a_recipe_that_fetches_nothing_needs_no_way_and_routes_that_may_not_be_seen_stop_no_bake(
    kiln: Kiln,
) -> None:
    vpc = Vpc(kiln)
    before = kiln.aws.journal_end()
    network = f"[bake.network]\n{vpc.network()}", f"[verify.network]\n{vpc.network()}"
    kiln.recipe(bake=network[0], verify=network[1], regions="[]")
    assert not kiln.invoke("bake", {"recipe": "web", "preflight": True}).failed
    assert kiln.calls("DescribeRouteTables", before) == []
    with_folder(kiln, vpc.network())
    denied = {"code": "UnauthorizedOperation", "message": "not authorized", "status": 403}
    kiln.aws.faults({"call": "DescribeRouteTables", "times": -1, **denied})
    answer = kiln.invoke("bake", {"recipe": "web", "preflight": True})
    kiln.aws.faults()
    assert not answer.failed
    assert "whether its subnets have a way to S3 could not be checked" in answer.decisions[0]["reason"]
