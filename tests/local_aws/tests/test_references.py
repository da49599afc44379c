"""DescribeImageReferences: the resources that name an image in its account and Region."""

from __future__ import annotations

from typing import Any

from local_aws.client import LocalAws
from local_aws.settings import ACCOUNT
from local_aws.tests.conftest import image, refused

OTHER = "ami-0123456789abcdef0"


def references(aws: LocalAws, *images: str, **asked: Any) -> list[tuple[str, str, str]]:
    """The image, type and last part of the ARN of each reference."""
    call = {"ImageIds": list(images), **(asked or {"IncludeAllResourceTypes": True})}
    found = aws.client("ec2").describe_image_references(**call)["ImageReferences"]
    return [(one["ImageId"], one["ResourceType"], one["Arn"].rsplit("/", 1)[-1]) for one in found]


def kind(name: str, option: str = "", *values: str) -> dict[str, Any]:
    options = [{"OptionName": option, "OptionValues": list(values)}] if option else []
    return {"ResourceType": name, "ResourceTypeOptions": options}


def test_an_image_is_named_by_instances_templates_parameters_and_recipes(aws: LocalAws) -> None:
    made, unused = image(aws), image(aws, name="web-2")
    machine = {"region": "us-east-1", "image": made, "state": "terminated"}
    template = {"region": "us-east-1", "name": "fleet", "versions": [made, made]}
    parameter = {"region": "us-east-1", "name": "/named", "value": made, "data_type": "aws:ec2:image"}
    recipe = {"region": "us-east-1", "name": "layer", "image": made}
    seeded = aws.seed(
        instances=[machine],
        launch_templates=[template],
        parameters=[parameter],
        image_recipes=[recipe, {**recipe, "kind": "imagebuilder:ContainerRecipe"}],
    )
    assert references(aws, made, unused) == [
        (made, "ec2:Instance", seeded["instances"][0]),
        (made, "ec2:LaunchTemplate", seeded["launch_templates"][0]),
        (made, "ssm:Parameter", "named"),
        (made, "imagebuilder:ImageRecipe", "1.0.0"),
        (made, "imagebuilder:ContainerRecipe", "1.0.0"),
    ]
    assert references(aws, unused) == []
    aws.client("ssm").delete_parameter(Name="/named")
    aws.recipe_ends("layer", "imagebuilder:ContainerRecipe")
    assert [resource for _, resource, _ in references(aws, made)][-1] == "imagebuilder:ImageRecipe"


def test_only_what_is_asked_for_is_looked_at(aws: LocalAws) -> None:
    made = image(aws)
    machine = {"region": "us-east-1", "image": made}
    _, stopped = aws.seed(instances=[machine, {**machine, "state": "stopped"}])["instances"]
    template = {"region": "us-east-1", "name": "fleet", "versions": [made, *[OTHER] * 10]}
    (named,) = aws.seed(launch_templates=[template])["launch_templates"]
    depth, state = (
        kind("ec2:LaunchTemplate", "version-depth", "11"),
        kind("ec2:Instance", "state-name", "stopped"),
    )
    assert references(aws, made, ResourceTypes=[state]) == [(made, "ec2:Instance", stopped)]
    assert references(aws, made, ResourceTypes=[kind("ec2:LaunchTemplate")]) == []
    assert references(aws, made, ResourceTypes=[depth]) == [(made, "ec2:LaunchTemplate", named)]
    everything = references(aws, made, IncludeAllResourceTypes=True, ResourceTypes=[depth, state])
    assert everything == [(made, "ec2:Instance", stopped), (made, "ec2:LaunchTemplate", named)]


def test_what_comes_later_and_what_goes_is_seen_at_once(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    assert references(aws, made) == []
    ec2.create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData={"ImageId": OTHER})
    ec2.create_launch_template_version(LaunchTemplateName="fleet", LaunchTemplateData={"ImageId": made})
    launched = ec2.run_instances(ImageId=made, InstanceType="t4g.small", MinCount=2, MaxCount=2)["Instances"]
    found = references(aws, made)
    assert [one for _, type_, one in found if type_ == "ec2:Instance"] == [
        one["InstanceId"] for one in launched
    ]
    assert len(found) == 3
    ec2.delete_launch_template(LaunchTemplateName="fleet")
    assert len(references(aws, made)) == 2


def test_references_come_in_pages(aws: LocalAws) -> None:
    made = image(aws)
    seeded = [{"region": "us-east-1", "image": made}] * 7
    machines = aws.seed(instances=seeded)["instances"]
    pages = list(
        aws.client("ec2")
        .get_paginator("describe_image_references")
        .paginate(ImageIds=[made], IncludeAllResourceTypes=True, PaginationConfig={"PageSize": 5})
    )
    arns = [[one["Arn"] for one in page["ImageReferences"]] for page in pages]
    stem = f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/"
    assert arns == [[stem + one for one in machines[:5]], [stem + one for one in machines[5:]]]


def test_one_to_ten_images_and_a_kind_must_be_named(aws: LocalAws) -> None:
    made = image(aws)
    with refused("InvalidParameterValue"):
        references(aws, *[made] * 11)
    with refused("InvalidParameterValue"):
        references(aws, made, MaxResults=5)
    with refused("InvalidAMIID.NotFound", OTHER):
        references(aws, made, OTHER)
    with refused("InvalidParameterValue", "10000"):
        references(aws, made, ResourceTypes=[kind("ec2:LaunchTemplate", "version-depth", "10001")])
