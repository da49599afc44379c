"""expire: each kind of use keeps an image, is told by its ARN, and lets it go once it is gone."""

from __future__ import annotations

from typing import Any

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln
from e2e.test_expire import reason, there, three_releases

AWAY = FURTHER[0]


def stays(kiln: Kiln, oldest: dict[str, str], image: str, *told: str) -> None:
    """It stays in every Region, and the reason tells why."""
    why = reason(kiln, image, dry_run=False)
    assert all(part in why for part in told), why
    assert there(kiln, oldest) == list(REGIONS)


def goes(kiln: Kiln, oldest: dict[str, str]) -> None:
    kiln.invoke("expire", {"dry_run": False})
    assert there(kiln, oldest) == []


def test_a_launch_configuration_that_no_group_names(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    auto_scaling = kiln.aws.client("autoscaling", AWAY)
    auto_scaling.create_launch_configuration(
        LaunchConfigurationName="old", ImageId=oldest[AWAY], InstanceType="t4g.small"
    )
    (made,) = auto_scaling.describe_launch_configurations()["LaunchConfigurations"]
    stays(kiln, oldest, oldest[AWAY], "launch configuration", made["LaunchConfigurationARN"])
    auto_scaling.delete_launch_configuration(LaunchConfigurationName="old")
    goes(kiln, oldest)


def test_a_spot_fleet_that_may_still_launch(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    subnet = kiln.ec2(AWAY).describe_subnets()["Subnets"][0]["SubnetId"]
    specification = {"ImageId": oldest[AWAY], "InstanceType": "t3.small", "SubnetId": subnet}
    config: dict[str, Any] = {
        "IamFleetRole": "arn:aws:iam::123456789012:role/fleet",
        "TargetCapacity": 0,
        "AllocationStrategy": "lowestPrice",
        "LaunchSpecifications": [specification],
    }
    fleet = kiln.ec2(AWAY).request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"]
    stays(kiln, oldest, oldest[AWAY], "Spot Fleet", f"spot-fleet-request/{fleet}")
    kiln.ec2(AWAY).cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=False)
    goes(kiln, oldest)


def test_an_ec2_fleet_that_may_still_launch(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    other = kiln.images(AWAY)[-1]["ImageId"]
    template = {"region": AWAY, "name": "fleet", "versions": [other]}
    (identity,) = kiln.aws.seed(launch_templates=[template])["launch_templates"]
    fleet = kiln.ec2(AWAY).create_fleet(
        Type="maintain",
        TargetCapacitySpecification={"TotalTargetCapacity": 0, "DefaultTargetCapacityType": "on-demand"},
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": identity, "Version": "1"},
                "Overrides": [{"ImageId": oldest[AWAY], "InstanceType": "t3.small"}],
            }
        ],
    )["FleetId"]
    stays(kiln, oldest, oldest[AWAY], "EC2 Fleet", f"fleet/{fleet}")
    kiln.ec2(AWAY).delete_fleets(FleetIds=[fleet], TerminateInstances=False)
    goes(kiln, oldest)


def test_the_base_of_a_living_layer(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    layer = kiln.release("app", "20250401T020000Z", regions=(HOME,), tags={"kiln:base": oldest[HOME]})
    stays(kiln, oldest, oldest[HOME], f"{layer[HOME]} was baked from it")
    stays(kiln, oldest, oldest[AWAY], f"{oldest[HOME]} of the same release stays")
    kiln.ec2().deregister_image(ImageId=layer[HOME])
    goes(kiln, oldest)


def test_an_image_that_was_launched_lately_where_the_recipe_asks(kiln: Kiln) -> None:
    oldest = three_releases(kiln, expire='idle = "10d"')
    lately = kiln.release("web", "20241201T020000Z", launched="2099-01-01T00:00:00.000Z")
    stays(kiln, lately, lately[HOME], "it was launched at", "what was launched within 10d")
    goes(kiln, oldest)
