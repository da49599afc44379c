"""The list of all scenes."""

from __future__ import annotations

from scenes import groups, images, machines, templates
from scenes.model import Keeps, Scene

IN_THE_ACCOUNT = (
    Scene("a running instance", machines.running_instance),
    Scene("a stopped instance", machines.stopped_instance),
    Scene("a persistent Spot request", machines.spot_request),
    Scene("launched lately", machines.launched_lately, recipe=f'idle = "{machines.IDLE_DAYS}d"'),
    Scene("an Auto Scaling group's launch template", templates.group_with_template),
    Scene("an override of an Auto Scaling group", groups.override_of_group),
    Scene("a launch configuration that no group names", groups.launch_configuration),
    Scene("an old version of a launch template", templates.old_version),
    Scene("a launch template by way of a parameter", templates.named_by_parameter),
    Scene("a group pinned to an old value of a parameter", templates.pinned_to_old_parameter_version),
    Scene("a Spot Fleet's launch specification", groups.spot_fleet),
    Scene("an override of an EC2 Fleet", groups.override_of_fleet),
    Scene("a parameter of which no recipe knows", templates.unknown_parameter),
    Scene("an image recipe of Image Builder", images.image_recipe),
    Scene("a container recipe of Image Builder", images.container_recipe),
    Scene("another image that was baked from it", images.baked_into_another, home_only=True),
    Scene("deregistration protection", images.protected),
    Scene("deregistration protection that cools down", images.protection_cools_down),
    Scene("the tag kiln:hold", images.held),
    Scene("AWS Backup's tag", images.of_backup),
    Scene("Data Lifecycle Manager's tag", images.of_lifecycle_manager),
    Scene("Image Builder's tag", images.of_image_builder),
)
"""The scenes whose use is visible inside the account that owns the image."""

SHARED_UNKNOWN = Scene("shared, and nobody knows who uses it", images.shared_and_nobody_knows)
ANOTHER_ACCOUNT = Scene("another account that launched from it", images.used_by_another_account)
SHARED_SNAPSHOT = Scene(
    "a snapshot that another image shares", images.shares_a_snapshot, keeps=Keeps.SNAPSHOTS
)

UNSEEN = (
    Scene("an id in a parameter of plain text", templates.plain_parameter),
    Scene("a snapshot in another image's launch template", templates.snapshot_in_a_template),
)
"""Kinds of use of which docs/concepts/what-keeps-an-image.md says that Kiln does not see them."""

ALL = (*IN_THE_ACCOUNT, SHARED_UNKNOWN, ANOTHER_ACCOUNT, SHARED_SNAPSHOT)
