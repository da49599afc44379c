"""Spot Instance requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local_aws.client import LocalAws
from local_aws.tests.conftest import image, refused, tagged


def request(aws: LocalAws, made: str, **more: Any) -> str:
    call = {
        "LaunchSpecification": {"ImageId": made, "InstanceType": "t4g.small"},
        "Type": "persistent",
        **more,
    }
    (one,) = aws.client("ec2").request_spot_instances(**call)["SpotInstanceRequests"]
    return str(one["SpotInstanceRequestId"])


def described(aws: LocalAws, identity: str) -> dict[str, Any]:
    answer = aws.client("ec2").describe_spot_instance_requests(SpotInstanceRequestIds=[identity])
    (found,) = answer["SpotInstanceRequests"]
    return dict(found)


def by(aws: LocalAws, name: str, value: str) -> list[str]:
    filters = [{"Name": name, "Values": [value]}]
    answer = aws.client("ec2").describe_spot_instance_requests(Filters=filters)
    return [one["SpotInstanceRequestId"] for one in answer["SpotInstanceRequests"]]


def test_a_persistent_request_outlives_its_instance_and_not_its_cancelling(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    one = request(aws, made, TagSpecifications=[tagged("spot-instances-request", a="b")])
    found = described(aws, one)
    assert (found["State"], found["Type"], found["Status"]["Code"]) == ("active", "persistent", "fulfilled")
    assert (found["LaunchSpecification"]["ImageId"], found["Tags"]) == (made, [{"Key": "a", "Value": "b"}])
    aws.wait_idle()
    (machine,) = ec2.describe_instances(InstanceIds=[found["InstanceId"]])["Reservations"][0]["Instances"]
    assert (machine["InstanceLifecycle"], machine["State"]["Name"]) == ("spot", "running")
    assert ec2.describe_images(ImageIds=[made])["Images"][0]["LastLaunchedTime"]
    ec2.stop_instances(InstanceIds=[found["InstanceId"]])
    assert described(aws, one)["State"] == "disabled"
    ec2.terminate_instances(InstanceIds=[found["InstanceId"]])
    aws.wait_idle()
    assert described(aws, one)["State"] == "open"
    answer = ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[one])
    assert answer["CancelledSpotInstanceRequests"] == [{"SpotInstanceRequestId": one, "State": "cancelled"}]
    assert described(aws, one)["State"] == "cancelled"


def test_a_request_for_later_is_open_without_an_instance(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    one = request(aws, made, ValidFrom=datetime.now(UTC) + timedelta(days=5))
    found = described(aws, one)
    assert (found["State"], found["Status"]["Code"]) == ("open", "not-scheduled-yet")
    assert "InstanceId" not in found
    assert ec2.describe_instances()["Reservations"] == []


def test_a_request_for_one_time_ends_with_its_instance(aws: LocalAws) -> None:
    one = request(aws, image(aws), Type="one-time")
    aws.client("ec2").terminate_instances(InstanceIds=[described(aws, one)["InstanceId"]])
    assert described(aws, one)["State"] == "closed"


def test_requests_come_in_pages_and_by_state_and_image(aws: LocalAws) -> None:
    ec2, made, other = aws.client("ec2"), image(aws), image(aws, name="web-2")
    requests = [request(aws, made) for _ in range(6)]
    last = request(aws, other)
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=requests[:2])
    pages = list(
        ec2.get_paginator("describe_spot_instance_requests").paginate(PaginationConfig={"PageSize": 5})
    )
    shown = [one["SpotInstanceRequestId"] for page in pages for one in page["SpotInstanceRequests"]]
    assert (len(pages), shown) == (2, [*requests, last])
    assert by(aws, "state", "cancelled") == requests[:2]
    assert by(aws, "state", "active") == [*requests[2:], last]
    assert by(aws, "launch.image-id", other) == [last]


def test_what_cannot_be_requested_is_refused(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    ec2.disable_image(ImageId=made)
    with refused("InvalidAMIID.Unavailable"):
        request(aws, made)
    with refused("InvalidAMIID.NotFound"):
        request(aws, "ami-0123456789abcdef0")
    with refused("InvalidSpotInstanceRequestID.NotFound"):
        ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=["sir-0123abcd"])
    with refused("InvalidParameterCombination"):
        ec2.describe_spot_instance_requests(SpotInstanceRequestIds=["sir-0123abcd"], MaxResults=5)


def test_the_requests_of_a_spot_fleet_are_described_too(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.request_spot_fleet(
        SpotFleetRequestConfig={
            "IamFleetRole": "arn:aws:iam::123456789012:role/fleet",
            "TargetCapacity": 1,
            "AllocationStrategy": "lowestPrice",
            "LaunchSpecifications": [{"ImageId": made, "InstanceType": "t4g.small", "SubnetId": subnet}],
        }
    )
    (one,) = by(aws, "launch.image-id", made)
    ec2.terminate_instances(InstanceIds=[described(aws, one)["InstanceId"]])
    aws.wait_idle()
    assert described(aws, one)["State"] == "open"
