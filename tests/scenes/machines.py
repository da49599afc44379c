"""Scenes of instances and of requests that launch single instances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from local_aws.client import LocalAws
from scenes.model import Use, again, arn


def _instance(aws: LocalAws, image: str, region: str, state: str) -> Use:
    (instance,) = aws.seed(instances=[{"region": region, "image": image, "state": state}])["instances"]

    def end() -> None:
        aws.client("ec2", region).terminate_instances(InstanceIds=[instance])
        aws.wait_idle()

    return Use("instance", arn("ec2", region, f"instance/{instance}"), end)


def running_instance(aws: LocalAws, image: str, region: str) -> Use:
    return _instance(aws, image, region, "running")


def stopped_instance(aws: LocalAws, image: str, region: str) -> Use:
    return _instance(aws, image, region, "stopped")


def spot_request(aws: LocalAws, image: str, region: str) -> Use:
    """A persistent Spot request without an instance, which waits for its start date or for capacity."""
    ec2 = aws.client("ec2", region)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    (made,) = ec2.request_spot_instances(
        InstanceCount=1,
        Type="persistent",
        ValidFrom=datetime.now(UTC) + timedelta(days=1),
        LaunchSpecification={"ImageId": image, "InstanceType": "t3.small", "SubnetId": subnet},
    )["SpotInstanceRequests"]
    request = made["SpotInstanceRequestId"]
    name = arn("ec2", region, f"spot-instances-request/{request}")
    return Use("Spot", name, lambda: ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request]))


IDLE_DAYS = 10


def launched_lately(aws: LocalAws, image: str, region: str) -> Use:
    """An instance ran for a short time yesterday, so the image is probably launched now and then."""
    again(aws, image, region, launched=f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}")
    return Use("it was launched at", f"launched within {IDLE_DAYS}d", lambda: aws.days_pass(IDLE_DAYS + 1))
