"""expire: what the evidence of a removal is worth, when it is late, cut, old or somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_expire import reason, there, three_releases
from e2e.test_verify import ASKS
from scenes.groups import auto_scaling_group
from scenes.templates import named_by_parameter

FRIEND = "111122223333"
SHARED = f'share = {{ accounts = ["{FRIEND}"], snapshots = true }}'
NIGHTS = {"confirm_after": "2d", "quarantine": "7d"}


def night(kiln: Kiln, **call: Any) -> None:
    kiln.invoke("expire", {"dry_run": False, **call})
    kiln.settle()
    kiln.aws.days_pass(1)


def state(kiln: Kiln, image: str, region: str = HOME) -> str | None:
    return next((one["State"] for one in kiln.images(region) if one["ImageId"] == image), None)


def nights_until(kiln: Kiln, image: str, wanted: str | None, most: int = 20) -> None:
    for _ in range(most):
        if state(kiln, image) == wanted:
            return
        night(kiln)
    raise AssertionError(f"{image} is {state(kiln, image)}, not {wanted}, after {most} nights")


def shared_release(kiln: Kiln) -> str:
    """A home image that is shared, of which the recipe lets go. Gives its id."""
    kiln.recipe(publish=SHARED, regions="[]", keep=1, older_than="0d", **NIGHTS)
    kiln.bake(scheduled_time="2025-06-01T02:00:00Z")
    kiln.bake(scheduled_time="2025-06-02T02:00:00Z")
    old = kiln.images()[0]
    assert kiln.allowed(old["ImageId"]) == [FRIEND]
    assert tags_of(old)["kiln:published-as"].startswith("shared-")
    return str(old["ImageId"])


def launched_by_friend(kiln: Kiln, image: str) -> None:
    kiln.aws.seed(launches_elsewhere=[{"region": HOME, "image": image, "account": FRIEND}])


def test_what_another_account_launched_just_before_an_image_was_disabled_keeps_it(kiln: Kiln) -> None:
    image = shared_release(kiln)
    nights_until(kiln, image, "disabled")
    # No report showed it before: EC2's reports miss the last day.
    launched_by_friend(kiln, image)
    reasons = []
    for _ in range(12):
        night(kiln)
        reasons.append(reason(kiln, image))
    assert state(kiln, image) == "disabled"
    assert any(f"account {FRIEND}" in said for said in reasons), reasons


def test_a_shared_image_that_nobody_uses_goes_at_the_end_of_its_quarantine(kiln: Kiln) -> None:
    image = shared_release(kiln)
    nights_until(kiln, image, "disabled")
    asked = len(kiln.calls("CreateImageUsageReport"))
    for _ in range(6):
        night(kiln)
    assert state(kiln, image) == "disabled"
    night(kiln)
    assert state(kiln, image) is None, "the report that was asked for during the quarantine is read in time"
    assert len(kiln.calls("CreateImageUsageReport")) == asked + 1


def test_an_account_that_was_taken_out_of_share_still_counts_as_a_user(kiln: Kiln) -> None:
    image = shared_release(kiln)
    launched_by_friend(kiln, image)
    kiln.recipe(regions="[]", keep=1, older_than="0d", **NIGHTS)
    kiln.sweep()
    assert kiln.allowed(image) == []
    for _ in range(4):
        night(kiln)
    assert state(kiln, image) == "available"
    assert f"account {FRIEND}" in reason(kiln, image)


def test_who_is_taken_out_of_share_loses_the_snapshots_of_disabled_images_too(kiln: Kiln) -> None:
    image = shared_release(kiln)
    nights_until(kiln, image, "disabled")
    (disabled,) = (one for one in kiln.images() if one["ImageId"] == image)
    assert kiln.copiers(disabled) == [FRIEND]
    kiln.recipe(regions="[]", keep=1, older_than="0d", **NIGHTS)
    kiln.sweep()
    assert kiln.copiers(disabled) == []
    assert kiln.sweep() == []


def released_by_template(kiln: Kiln) -> list[str]:
    """Four releases that Kiln wrote into its launch template. Gives the home images, oldest first."""
    kiln.launch_template("web-fleet")
    template = 'launch_template = { name = "web-fleet", default = true }'
    kiln.recipe(publish=template, keep=10)
    for day in range(1, 5):
        kiln.bake(scheduled_time=f"2025-06-{day:02}T02:00:00Z")
    images = [image["ImageId"] for image in kiln.images()]
    assert len(images) == 4
    kiln.recipe(publish=template, keep=1, older_than="0d", expire="max_percent = 100")
    return images


@pytest.mark.parametrize("listed", ["by EC2", "one by one"])
def test_old_releases_go_though_kilns_own_launch_template_named_them(kiln: Kiln, listed: str) -> None:
    *old, newest = released_by_template(kiln)
    if listed == "one by one":
        denied = {"code": "UnauthorizedOperation", "message": "no", "status": 403}
        kiln.aws.faults({"call": "DescribeImageReferences", "times": -1, **denied})
    kiln.invoke("expire", {"dry_run": False})
    kiln.aws.faults()
    assert [image["ImageId"] for image in kiln.images()] == [newest], old


def test_an_old_version_of_kilns_template_that_a_group_is_pinned_to_keeps_its_release(kiln: Kiln) -> None:
    first, *_, newest = released_by_template(kiln)
    # Version 1 is the one that the template was created with.
    template = {"LaunchTemplateName": "web-fleet", "Version": "2"}
    _, delete_group = auto_scaling_group(kiln.aws, HOME, LaunchTemplate=template)
    kiln.invoke("expire", {"dry_run": False})
    assert [image["ImageId"] for image in kiln.images()] == [first, newest]
    delete_group()
    kiln.invoke("expire", {"dry_run": False})
    assert [image["ImageId"] for image in kiln.images()] == [newest]


@pytest.mark.parametrize(
    ("recipe", "fails"), [({"recipe": "web"}, False), ({}, True)], ids=["by hand", "nightly"]
)
def test_a_forgotten_template_with_a_broken_alias_keeps_nothing_of_others_and_is_told_at_night(
    kiln: Kiln, recipe: dict[str, str], fails: bool
) -> None:
    oldest = three_releases(kiln)
    gone = "resolve:ssm:/team-x/gone"
    kiln.aws.seed(launch_templates=[{"region": HOME, "name": "forgotten", "versions": [gone]}])
    answer = kiln.invoke("expire", {**recipe, "dry_run": False})
    assert there(kiln, oldest) == []
    assert answer.failed == fails
    if fails:
        assert "/team-x/gone, which holds no image" in answer.error


def test_a_template_with_a_broken_alias_keeps_what_its_path_tells(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    gone = "resolve:ssm:/old/web/latest"
    kiln.aws.seed(launch_templates=[{"region": HOME, "name": "forgotten", "versions": [gone]}])
    kiln.invoke("expire", {"recipe": "web", "dry_run": False})
    assert there(kiln, oldest) == list(REGIONS)
    assert "/old/web/latest, which could not be resolved" in reason(kiln, oldest[HOME])


@pytest.mark.parametrize("code", ["ParameterNotFound", "InvalidSnapshot.NotFound"])
def test_what_is_missing_elsewhere_does_not_say_that_a_launch_template_is_gone(kiln: Kiln, code: str) -> None:
    oldest = three_releases(kiln)
    use = named_by_parameter(kiln.aws, oldest[HOME], HOME)
    missing = {"code": code, "message": "It does not exist.", "status": 400}
    kiln.aws.faults({"call": "DescribeLaunchTemplateVersions", "region": HOME, "times": -1, **missing})
    kiln.invoke("expire", {"dry_run": False})
    kiln.aws.faults()
    assert there(kiln, oldest) == list(REGIONS)
    use.end()


@pytest.mark.parametrize(
    "call",
    [
        "DescribeInstances",
        "DescribeAutoScalingGroups",
        *(
            pytest.param(call, marks=pytest.mark.full)
            for call in (
                "DescribeImageReferences",
                "DescribeLaunchTemplateVersions",
                "DescribeFleets",
                "DescribeSpotFleetRequests",
                "DescribeSpotInstanceRequests",
                "DescribeLaunchConfigurations",
                "DescribeVolumes",
                "DescribeLockedSnapshots",
            )
        ),
    ],
)
def test_an_answer_that_never_ends_lets_nothing_go(kiln: Kiln, call: str) -> None:
    oldest = three_releases(kiln)
    kiln.aws.faults({"page": call, "region": FURTHER[0], "times": -1})
    answer = kiln.invoke("expire", {"dry_run": False})
    kiln.aws.faults()
    assert there(kiln, oldest) == list(REGIONS)
    assert answer.failed and "repeats a page token" in answer.error
    kiln.invoke("expire", {"dry_run": False})
    assert there(kiln, oldest) == []


def test_an_answer_that_says_nothing_of_a_parameter_lets_nothing_go(kiln: Kiln) -> None:
    oldest = three_releases(kiln, publish='parameter = "/golden/web"')
    kiln.aws.faults({"page": "GetParameters", "region": FURTHER[0], "times": -1})
    answer = kiln.invoke("expire", {"dry_run": False})
    kiln.aws.faults()
    assert there(kiln, oldest) == list(REGIONS)
    assert answer.failed and "no word about each parameter" in answer.error


def test_an_adopted_image_leaves_the_snapshot_that_a_person_registered_it_from(kiln: Kiln) -> None:
    kiln.recipe(keep=1, older_than="0d", regions="[]", verify=f"{ASKS}\nderegister = true")
    own = kiln.ec2()
    volume = own.create_volume(AvailabilityZone=f"{HOME}a", Size=8)["VolumeId"]
    snapshot = own.create_snapshot(VolumeId=volume, Description="by hand")["SnapshotId"]
    image = own.register_image(
        Name="packer by hand",
        Architecture="arm64",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
    )["ImageId"]
    given = {"kiln:recipe": "web", "kiln:version": "20250601T120000Z"}
    own.create_tags(Resources=[image], Tags=[{"Key": key, "Value": value} for key, value in given.items()])
    kiln.sweep()
    assert tags_of(kiln.images()[0])["kiln:stage"] == "released"
    kiln.aws.days_pass(10)
    kiln.bake()
    kiln.invoke("expire", {"dry_run": False})
    assert state(kiln, image) is None
    assert snapshot in [one["SnapshotId"] for one in kiln.snapshots()]
