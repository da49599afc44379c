"""Scenes of launch templates and parameters that name an image."""

from __future__ import annotations

from local_aws.client import LocalAws
from scenes.groups import auto_scaling_group
from scenes.model import Use, another, arn, described, launch_template

# The tests delete all parameters below this path before each test.
PLAIN = "/golden/scenes/plain"
NAMED, PINNED, UNKNOWN = "/golden/scenes/named", "/golden/scenes/pinned", "/golden/scenes/theirs"


def _put(aws: LocalAws, region: str, name: str, value: str) -> None:
    aws.seed(parameters=[{"region": region, "name": name, "value": value, "data_type": "aws:ec2:image"}])


def _template_arn(region: str, template: str) -> str:
    return arn("ec2", region, f"launch-template/{template}")


def old_version(aws: LocalAws, image: str, region: str) -> Use:
    """A version that is neither the default nor one of the ten newest and that no group uses; a person may
    launch it."""
    versions = [image, *[another(aws, region)] * 11]
    template, delete = launch_template(aws, region, "scene-old-version", versions, default=12)
    return Use("launch template", _template_arn(region, template), delete)


def named_by_parameter(aws: LocalAws, image: str, region: str) -> Use:
    """A template that names a parameter whose value is the image."""
    _put(aws, region, NAMED, image)
    template, delete = launch_template(aws, region, "scene-named", [f"resolve:ssm:{NAMED}"])

    def end() -> None:
        delete()
        aws.client("ssm", region).delete_parameter(Name=NAMED)

    return Use("launch template", _template_arn(region, template), end)


def pinned_to_old_parameter_version(aws: LocalAws, image: str, region: str) -> Use:
    """A group with an old version of its template, which uses an old version of a parameter. No current value
    names the image, but the next instance of the group is launched from it."""
    other = another(aws, region)
    for value in (image, other):
        _put(aws, region, PINNED, value)
    versions = [f"resolve:ssm:{PINNED}:1", other, other]
    template, delete_template = launch_template(aws, region, "scene-pinned", versions, default=3)
    _, delete_group = auto_scaling_group(
        aws, region, LaunchTemplate={"LaunchTemplateId": template, "Version": "1"}
    )

    def end() -> None:
        delete_group()
        delete_template()
        aws.client("ssm", region).delete_parameter(Name=PINNED)

    return Use("version 1 of launch template", _template_arn(region, template), end)


def group_with_template(aws: LocalAws, image: str, region: str) -> Use:
    """A group without instances that uses the newest version of its template."""
    template, delete_template = launch_template(aws, region, "scene-group", [image])
    _, delete_group = auto_scaling_group(
        aws, region, LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"}
    )

    def end() -> None:
        delete_group()
        delete_template()

    return Use("launch template", _template_arn(region, template), end)


def unknown_parameter(aws: LocalAws, image: str, region: str) -> Use:
    """A parameter of type `aws:ec2:image` that no recipe names."""
    _put(aws, region, UNKNOWN, image)
    name = arn("ssm", region, f"parameter{UNKNOWN}")
    return Use("parameter", name, lambda: aws.client("ssm", region).delete_parameter(Name=UNKNOWN))


def plain_parameter(aws: LocalAws, image: str, region: str) -> Use:
    """A parameter of plain text, from which something else launches."""
    ssm = aws.client("ssm", region)
    ssm.put_parameter(Name=PLAIN, Value=image, Type="String", Overwrite=True)
    return Use("parameter", PLAIN, lambda: ssm.delete_parameter(Name=PLAIN))


def snapshot_in_a_template(aws: LocalAws, image: str, region: str) -> Use:
    """A launch template of another image that adds a volume made of this one's snapshot."""
    ec2 = aws.client("ec2", region)
    snapshot = described(aws, image, region)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    volume = {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": snapshot}}
    data = {"ImageId": another(aws, region), "BlockDeviceMappings": [volume]}
    made = ec2.create_launch_template(LaunchTemplateName="data-of-a-release", LaunchTemplateData=data)
    template = str(made["LaunchTemplate"]["LaunchTemplateId"])
    return Use("launch template", template, lambda: ec2.delete_launch_template(LaunchTemplateId=template))
