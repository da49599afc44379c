"""Scenes on the image itself: tags, protection, images that were baked from it, and sharing."""

from __future__ import annotations

from local_aws.client import LocalAws
from scenes.model import Use, arn, described, service_tag, tag

FRIEND = "111122223333"
"""The account with which images are shared."""


def _builder_recipe(aws: LocalAws, image: str, region: str, kind: str) -> Use:
    recipe = {"region": region, "name": f"scene-{kind}", "kind": f"imagebuilder:{kind.title()}Recipe"}
    aws.seed(image_recipes=[{**recipe, "image": image}])
    made = arn("imagebuilder", region, f"{kind}-recipe/scene-{kind}/1.0.0")
    return Use("recipe of Image Builder", made, lambda: aws.recipe_ends(**recipe))


def image_recipe(aws: LocalAws, image: str, region: str) -> Use:
    return _builder_recipe(aws, image, region, "image")


def container_recipe(aws: LocalAws, image: str, region: str) -> Use:
    return _builder_recipe(aws, image, region, "container")


def protected(aws: LocalAws, image: str, region: str) -> Use:
    ec2 = aws.client("ec2", region)
    ec2.enable_image_deregistration_protection(ImageId=image)
    return Use(
        "deregistration protection",
        "enabled-without-cooldown",
        lambda: ec2.disable_image_deregistration_protection(ImageId=image),
    )


def protection_cools_down(aws: LocalAws, image: str, region: str) -> Use:
    """Protection with a cooldown was removed; it lasts another 24 hours."""
    ec2 = aws.client("ec2", region)
    ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=True)
    ec2.disable_image_deregistration_protection(ImageId=image)
    return Use("deregistration protection", "disabled-after-", lambda: aws.days_pass(2))


def held(aws: LocalAws, image: str, region: str) -> Use:
    """The image has the tag with which Kiln keeps it."""
    return Use("it is held", "audit", tag(aws, image, region, "kiln:hold", "audit"))


def of_backup(aws: LocalAws, image: str, region: str) -> Use:
    source = arn("ec2", region, "instance/i-0b")
    return Use(
        "AWS Backup", "managed by", service_tag(aws, image, region, "aws:backup:source-resource", source)
    )


def of_lifecycle_manager(aws: LocalAws, image: str, region: str) -> Use:
    policy = "policy-0123456789abcdef0"
    end = service_tag(aws, image, region, "aws:dlm:lifecycle-policy-id", policy)
    return Use("Data Lifecycle Manager", "managed by", end)


def of_image_builder(aws: LocalAws, image: str, region: str) -> Use:
    made = arn("imagebuilder", region, "image/theirs/1.0.0/1")
    return Use("Image Builder", "managed by", tag(aws, image, region, "Ec2ImageBuilderArn", made))


def baked_into_another(aws: LocalAws, image: str, region: str) -> Use:
    """An available image of another recipe was baked from it."""
    version = "20250401T020000Z"
    made = {
        "region": region,
        "name": f"app-{version}",
        "created": "2025-04-01T02:00:00Z",
        "source_instance": "i-0123456789abcdef0",
        "source_image": image,
        "tags": {
            "kiln:recipe": "app",
            "kiln:version": version,
            "kiln:stage": "released",
            "kiln:base": image,
        },
    }
    (layer,) = aws.seed(images=[made])["images"]
    ec2 = aws.client("ec2", region)
    return Use("was baked from it", layer, lambda: ec2.deregister_image(ImageId=layer))


def shares_a_snapshot(aws: LocalAws, image: str, region: str) -> Use:
    """Another image uses the same snapshot. The image may be removed, the snapshot may not."""
    seeded = {"region": region, "name": "hand-made", "share_snapshots_with": [image]}
    (other,) = aws.seed(images=[seeded])["images"]
    mapping = described(aws, other, region)["BlockDeviceMappings"][0]
    ec2 = aws.client("ec2", region)
    return Use("snapshot", mapping["Ebs"]["SnapshotId"], lambda: ec2.deregister_image(ImageId=other))


def share(aws: LocalAws, image: str, region: str) -> None:
    permission = {"Add": [{"UserId": FRIEND}]}
    aws.client("ec2", region).modify_image_attribute(ImageId=image, LaunchPermission=permission)


def unshare(aws: LocalAws, image: str, region: str) -> None:
    permission = {"Remove": [{"UserId": FRIEND}]}
    aws.client("ec2", region).modify_image_attribute(ImageId=image, LaunchPermission=permission)


def shared_and_nobody_knows(aws: LocalAws, image: str, region: str) -> Use:
    """The image is shared with another account, and there is no usage report: it may be in use."""
    share(aws, image, region)
    return Use("unknown", "", lambda: unshare(aws, image, region))


def used_by_another_account(aws: LocalAws, image: str, region: str) -> Use:
    """The image is shared with another account that launched it. Only a usage report shows that."""
    share(aws, image, region)
    launches = {"region": region, "image": image, "account": FRIEND, "resource_type": "ec2:Instance"}
    aws.seed(launches_elsewhere=[{**launches, "count": 3}])
    return Use("account", FRIEND, lambda: aws.ends_elsewhere(image, FRIEND, region))
