"""Auto Scaling and fleets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_aws.client import LocalAws
from scenes.model import Use, another, arn, launch_template

GROUP, CONFIGURATION = "scene-group", "scene-configuration"


def auto_scaling_group(aws: LocalAws, region: str, **launches: Any) -> tuple[str, Callable[[], object]]:
    """A group without instances. Returns its ARN and a function that deletes it."""
    auto_scaling = aws.client("autoscaling", region)
    zones = aws.client("ec2", region).describe_availability_zones()["AvailabilityZones"]
    auto_scaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        MinSize=0,
        MaxSize=0,
        AvailabilityZones=[zones[0]["ZoneName"]],
        **launches,
    )
    found = auto_scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])
    (made,) = found["AutoScalingGroups"]
    return made["AutoScalingGroupARN"], lambda: auto_scaling.delete_auto_scaling_group(
        AutoScalingGroupName=GROUP, ForceDelete=True
    )


def launch_configuration(aws: LocalAws, image: str, region: str) -> Use:
    """A launch configuration that no group uses now, but that any group may use at any time."""
    auto_scaling = aws.client("autoscaling", region)
    auto_scaling.create_launch_configuration(
        LaunchConfigurationName=CONFIGURATION, ImageId=image, InstanceType="t4g.small"
    )
    (made,) = auto_scaling.describe_launch_configurations()["LaunchConfigurations"]
    return Use(
        "launch configuration",
        made["LaunchConfigurationARN"],
        lambda: auto_scaling.delete_launch_configuration(LaunchConfigurationName=CONFIGURATION),
    )


def override_of_group(aws: LocalAws, image: str, region: str) -> Use:
    """A mixed-instances policy whose launch template names another image and whose override names this
    one."""
    template, delete_template = launch_template(aws, region, "scene-mixed", [another(aws, region)])
    name, delete_group = auto_scaling_group(
        aws,
        region,
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Latest"},
                "Overrides": [{"InstanceType": "t3.small", "ImageId": image}],
            }
        },
    )

    def end() -> None:
        delete_group()
        delete_template()

    return Use("Auto Scaling group", name, end)


def spot_fleet(aws: LocalAws, image: str, region: str) -> Use:
    """A Spot Fleet with a launch specification that names the image, and no capacity."""
    ec2 = aws.client("ec2", region)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    config: dict[str, Any] = {
        "IamFleetRole": "arn:aws:iam::123456789012:role/fleet",
        "TargetCapacity": 0,
        "AllocationStrategy": "lowestPrice",
        "LaunchSpecifications": [{"ImageId": image, "InstanceType": "t3.small", "SubnetId": subnet}],
    }
    fleet = ec2.request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"]
    return Use(
        "Spot Fleet",
        arn("ec2", region, f"spot-fleet-request/{fleet}"),
        lambda: ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=False),
    )


def override_of_fleet(aws: LocalAws, image: str, region: str) -> Use:
    """An EC2 Fleet whose launch template names another image and whose override names this one."""
    ec2 = aws.client("ec2", region)
    template, delete_template = launch_template(aws, region, "scene-fleet", [another(aws, region)])
    specification = {"LaunchTemplateId": template, "Version": "1"}
    overrides = [{"ImageId": image, "InstanceType": "t3.small"}]
    fleet = ec2.create_fleet(
        Type="maintain",
        TargetCapacitySpecification={"TotalTargetCapacity": 0, "DefaultTargetCapacityType": "on-demand"},
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": specification, "Overrides": overrides}],
    )["FleetId"]

    def end() -> None:
        ec2.delete_fleets(FleetIds=[fleet], TerminateInstances=False)
        delete_template()

    return Use("EC2 Fleet", arn("ec2", region, f"fleet/{fleet}"), end)
