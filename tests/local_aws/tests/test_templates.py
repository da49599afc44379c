"""Launch templates: versions, aliases, pages."""

from __future__ import annotations

from local_aws.client import LocalAws
from local_aws.tests.conftest import image, refused


def test_versions_of_one_template_come_newest_first_in_pages(aws: LocalAws) -> None:
    (made,) = aws.seed(
        launch_templates=[{"region": "us-east-1", "name": "web", "versions": ["ami-1", "ami-2", "ami-3"]}]
    )["launch_templates"]
    ec2 = aws.client("ec2")
    pages = list(
        ec2.get_paginator("describe_launch_template_versions").paginate(
            LaunchTemplateId=made, PaginationConfig={"PageSize": 2}
        )
    )
    found = [
        (v["VersionNumber"], v["LaunchTemplateData"]["ImageId"], v["DefaultVersion"])
        for page in pages
        for v in page["LaunchTemplateVersions"]
    ]
    assert len(pages) == 2
    assert found == [(3, "ami-3", False), (2, "ami-2", False), (1, "ami-1", True)]


def test_latest_and_default_of_every_template_need_no_template(aws: LocalAws) -> None:
    aws.seed(
        launch_templates=[
            {"region": "us-east-1", "name": "web", "versions": ["ami-1", "ami-2"]},
            {"region": "us-east-1", "name": "worker", "versions": ["ami-3"]},
        ]
    )
    ec2 = aws.client("ec2")
    answer = ec2.describe_launch_template_versions(Versions=["$Latest", "$Default"])
    found = sorted(v["LaunchTemplateData"]["ImageId"] for v in answer["LaunchTemplateVersions"])
    assert found == ["ami-1", "ami-2", "ami-3"]
    with refused("InvalidParameterValue"):
        ec2.describe_launch_template_versions(Versions=["1"])
    with refused("MissingParameter"):
        ec2.describe_launch_template_versions()


def test_an_alias_is_resolved_only_when_asked(aws: LocalAws) -> None:
    base = image(aws)
    aws.seed(
        parameters=[{"region": "us-east-1", "name": "/golden/web", "value": base}],
        launch_templates=[
            {"region": "us-east-1", "name": "web", "versions": ["resolve:ssm:/golden/web"]},
        ],
    )
    ec2 = aws.client("ec2")

    def shown(**more: bool) -> str:
        answer = ec2.describe_launch_template_versions(LaunchTemplateName="web", **more)
        return str(answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]["ImageId"])

    assert shown() == "resolve:ssm:/golden/web"
    assert shown(ResolveAlias=True) == base


def test_an_alias_to_nowhere_is_an_error(aws: LocalAws) -> None:
    versions = ["resolve:ssm:/golden/nothing"]
    aws.seed(launch_templates=[{"region": "us-east-1", "name": "web", "versions": versions}])
    with refused("InvalidParameterValue", "/golden/nothing"):
        aws.client("ec2").describe_launch_template_versions(LaunchTemplateName="web", ResolveAlias=True)


def test_templates_made_by_a_call_are_found_by_name_and_in_pages(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    for name in ("a-one", "b-two", "c-three"):
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": "ami-1"})
    ec2.create_launch_template_version(LaunchTemplateName="a-one", LaunchTemplateData={"ImageId": "ami-2"})
    pages = list(ec2.get_paginator("describe_launch_templates").paginate(PaginationConfig={"PageSize": 2}))
    found = [(t["LaunchTemplateName"], t["LatestVersionNumber"]) for p in pages for t in p["LaunchTemplates"]]
    assert found == [("a-one", 2), ("b-two", 1), ("c-three", 1)]
    with refused("InvalidLaunchTemplateName.NotFoundException"):
        ec2.describe_launch_templates(LaunchTemplateNames=["nothing"])


def test_references_to_an_image_are_found(aws: LocalAws) -> None:
    base = image(aws)
    aws.seed(
        instances=[{"region": "us-east-1", "image": base}],
        launch_templates=[{"region": "us-east-1", "name": "web", "versions": [base, "ami-2"]}],
    )
    ec2 = aws.client("ec2")
    answer = ec2.describe_image_references(ImageIds=[base], IncludeAllResourceTypes=True)
    kinds = sorted(r["ResourceType"] for r in answer["ImageReferences"])
    assert kinds == ["ec2:Instance", "ec2:LaunchTemplate"]
