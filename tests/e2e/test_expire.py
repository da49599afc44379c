"""expire: what goes, what stays, and why."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from local_aws.settings import ACCOUNT

DENIED = {"code": "UnauthorizedOperation", "message": "You are not authorized.", "status": 403}
THROTTLED = {"code": "RequestLimitExceeded", "message": "Request limit exceeded.", "status": 503}
OLD, MIDDLE, NEW = "20250101T020000Z", "20250201T020000Z", "20250301T020000Z"


def three_releases(kiln: Kiln, **recipe: Any) -> dict[str, str]:
    """Three old releases, of which the recipe keeps two. Gives the ids of the oldest."""
    kiln.recipe(**recipe)
    oldest = kiln.release("web", OLD)
    kiln.release("web", MIDDLE)
    kiln.release("web", NEW)
    return oldest


def there(kiln: Kiln, oldest: dict[str, str]) -> list[str]:
    return [region for region in REGIONS if oldest[region] in [i["ImageId"] for i in kiln.images(region)]]


def reason(kiln: Kiln, image: str, **call: Any) -> str:
    decisions = kiln.invoke("expire", {"recipe": "web", **call}).decisions
    return next(str(line["reason"]) for line in decisions if line.get("resource") == image)


def test_a_dry_run_answers_every_image_with_its_reason_and_changes_nothing(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    before = kiln.aws.journal_end()
    decisions = kiln.invoke("expire", {"dry_run": True}).decisions
    images = {line["resource"] for line in decisions}
    assert images == {image["ImageId"] for region in REGIONS for image in kiln.images(region)}
    planned = {(line["action"], line["resource"]) for line in decisions if line["outcome"] == "planned"}
    assert planned == {("mark-disabled", oldest[HOME])} | {("deregister", image) for image in oldest.values()}
    assert kiln.changes(before) == []


def test_what_goes_is_deregistered_in_every_region_with_its_snapshots(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.invoke("expire", {"dry_run": False})
    assert there(kiln, oldest) == []
    assert [len(kiln.snapshots_of("web", region)) for region in REGIONS] == [2, 2, 2]
    assert {news["image"] for news in kiln.told_of("Image Deregistered")} == set(oldest.values())
    assert all(len(news["snapshots"]) == 1 for news in kiln.told_of("Image Deregistered"))


def test_by_hand_nothing_goes_unless_it_is_said(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.invoke("expire", {"recipe": "web"})
    assert there(kiln, oldest) == list(REGIONS)


def test_the_nightly_schedule_carries_it_out(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.aws.schedule("kiln-expire")
    kiln.settle()
    assert there(kiln, oldest) == []


def test_what_nobody_uses_is_deprecated_then_disabled_then_deregistered(kiln: Kiln) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    old = [image for region in REGIONS for image in kiln.images(region) if OLD in image["Name"]]
    assert [(one["State"], "DeprecationTime" in one) for one in old] == [("available", True)] * 3
    assert {news["image"] for news in kiln.told_of("Image Deprecated")} == set(oldest.values())
    before = kiln.aws.journal_end()
    assert "if it still is at" in reason(kiln, oldest[HOME], dry_run=False)
    assert kiln.changes(before) == [], "the second verdict is not due yet"

    kiln.aws.seed(instances=[{"region": HOME, "image": oldest[HOME], "state": "running"}])
    assert "it is used by instance" in reason(kiln, oldest[HOME], dry_run=False)
    old = [image for region in REGIONS for image in kiln.images(region) if OLD in image["Name"]]
    assert ["DeprecationTime" in one for one in old] == [False] * 3, "somebody has begun to use it"
    assert [tags_of(one)["kiln:unused-since"] for one in old] == ["no"] * 3
    kiln.ec2().terminate_instances(InstanceIds=[kiln.living()[0]["InstanceId"]])
    kiln.settle()

    for days, state in [(3, "disabled"), (8, None)]:
        kiln.invoke("expire", {"dry_run": False})
        kiln.aws.days_pass(days)
        kiln.invoke("expire", {"dry_run": False})
        states = [one["State"] for region in REGIONS for one in kiln.images(region) if OLD in one["Name"]]
        assert states == [state] * 3 if state else states == []


def test_an_image_is_disabled_first_and_goes_after_its_quarantine(kiln: Kiln) -> None:
    oldest = three_releases(kiln, quarantine="7d")
    kiln.invoke("expire", {"dry_run": False})
    states = [image["State"] for region in REGIONS for image in kiln.images(region) if OLD in image["Name"]]
    assert states == ["disabled"] * 3 and len(kiln.told_of("Image Disabled")) == 3
    before = kiln.aws.journal_end()
    assert "it is in quarantine until" in reason(kiln, oldest[HOME], dry_run=False)
    assert kiln.changes(before) == []
    kiln.aws.days_pass(8)
    kiln.invoke("expire", {"dry_run": False})
    assert there(kiln, oldest) == []


def test_where_ec2_cannot_be_asked_what_names_an_image_every_version_of_every_template_is_looked_at(
    kiln: Kiln,
) -> None:
    oldest = three_releases(kiln)
    other = kiln.images()[-1]["ImageId"]
    versions = [other] * 230
    versions[7] = oldest[HOME]
    template = {"region": HOME, "name": "fleet", "versions": versions, "default": 230}
    (identity,) = kiln.aws.seed(launch_templates=[template])["launch_templates"]
    arn = f"arn:aws:ec2:{HOME}:{ACCOUNT}:launch-template/{identity}"
    kiln.aws.faults({"call": "DescribeImageReferences", "times": -1, **DENIED})
    expected = f"it is used by version 8 of launch template {arn}"
    assert reason(kiln, oldest[HOME], dry_run=False) == expected
    assert there(kiln, oldest) == list(REGIONS)
    told = [line["reason"] for line in kiln.invoke("expire", {"recipe": "web"}).decisions]
    assert any("EC2 could not be asked what references an image" in reason for reason in told)


LOOK_UPS = (
    "DescribeInstances",
    "DescribeLaunchTemplates",
    "DescribeLaunchTemplateVersions",
    "DescribeImages",
    "DescribeSnapshots",
    "DescribeFleets",
    "DescribeSpotFleetRequests",
    "DescribeSpotInstanceRequests",
    "DescribeLaunchConfigurations",
    "DescribeAutoScalingGroups",
    "DescribeImageAttribute",
    "GetParameters",
)


@pytest.mark.parametrize("call", LOOK_UPS)
def test_nothing_goes_when_a_look_up_is_denied(kiln: Kiln, call: str) -> None:
    nothing_goes(kiln, call, DENIED)


def test_nothing_goes_when_a_look_up_is_throttled_to_the_end(kiln: Kiln) -> None:
    nothing_goes(kiln, "DescribeInstances", THROTTLED)
    kiln.start_anew("expire")


def nothing_goes(kiln: Kiln, call: str, error: dict[str, Any]) -> None:
    oldest = three_releases(kiln, publish='parameter = "/golden/web"')
    kiln.aws.seed(launch_templates=[{"region": FURTHER[1], "name": "fleet", "versions": ["ami-0123abcd"]}])
    # So that templates are looked at one by one.
    kiln.aws.faults(
        {"call": "DescribeImageReferences", "times": -1, **DENIED},
        {"call": call, "region": FURTHER[1], "times": -1, **error},
    )
    before = kiln.aws.journal_end()
    told = str(kiln.invoke("expire", {"dry_run": False}).body)
    assert call in told and error["code"] in told and FURTHER[1] in told
    kiln.aws.faults()
    assert kiln.changes(before) == [] and there(kiln, oldest) == list(REGIONS)


def test_nothing_goes_when_ec2_does_not_answer_what_names_images(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.aws.faults({"call": "DescribeImageReferences", "region": FURTHER[0], "times": -1, **THROTTLED})
    answer = kiln.invoke("expire", {"dry_run": False})
    assert "DescribeImageReferences" in answer.error and THROTTLED["code"] in answer.error
    kiln.aws.faults()
    kiln.start_anew("expire")
    assert there(kiln, oldest) == list(REGIONS)


def test_an_image_that_goes_while_it_is_looked_at_hides_no_other(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    gone = {"code": "InvalidAMIID.Unavailable", "message": "It is no longer available.", "status": 400}
    kiln.aws.faults({"call": "DescribeImageReferences", "region": HOME, "times": 1, **gone})
    kiln.invoke("expire", {"dry_run": False})
    assert there(kiln, oldest) == []


def test_what_is_kept_though_no_recipe_keeps_it_is_told(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.ec2().enable_image_deregistration_protection(ImageId=oldest[HOME])
    of_backup = kiln.release("web", "20241231T020000Z", tags={"aws:backup:source-resource": "i-0b"})
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    kept = {news["image"] for news in kiln.told_of("Image Kept")}
    assert kept == {oldest[HOME], *of_backup.values()}
    assert there(kiln, oldest) == there(kiln, of_backup) == list(REGIONS)


def test_only_a_run_that_was_to_carry_it_out_says_what_is_kept(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.ec2().create_tags(Resources=[oldest[HOME]], Tags=[{"Key": "kiln:hold", "Value": "audit"}])
    assert "audit" in reason(kiln, oldest[HOME], dry_run=True)
    kiln.settle()
    assert kiln.told_of("Image Kept") == []


def test_a_new_release_lets_the_oldest_go(kiln: Kiln) -> None:
    kiln.recipe()
    oldest = kiln.release("web", OLD)
    kiln.release("web", NEW)
    kiln.bake()
    assert there(kiln, oldest) == [] and len(kiln.images()) == 2


def test_nobody_is_asked_about_use_when_nothing_would_go(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.release("web", NEW)
    before = kiln.aws.journal_end()
    kiln.invoke("expire", {"dry_run": False})
    assert (
        kiln.calls("DescribeInstances", before) == [] and kiln.calls("DescribeLaunchTemplates", before) == []
    )


def test_what_is_not_kilns_is_never_touched(kiln: Kiln) -> None:
    three_releases(kiln)
    foreign = {"region": HOME, "name": "web-20200101T000000Z", "created": "2020-01-01T00:00:00Z"}
    tagged_alike = {**foreign, "name": "x", "tags": {"kiln:recipe": "web"}}
    others = kiln.aws.seed(images=[foreign, tagged_alike])["images"]
    kiln.invoke("expire", {"dry_run": False})
    assert len(kiln.ec2().describe_images(ImageIds=others)["Images"]) == 2


def test_a_copy_that_somebody_made_bears_kilns_tags_and_is_neither_expired_nor_replicated(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    copy = {"SourceImageId": oldest[HOME], "SourceRegion": HOME, "CopyImageTags": True}
    mine = [
        kiln.ec2(region).copy_image(Name=name, **copy)["ImageId"]
        for region, name in [(HOME, "backup"), (HOME, f"web-{OLD}"), (FURTHER[0], "backup")]
    ]
    kiln.settle()
    kiln.invoke("expire", {"dry_run": False})
    kiln.invoke("reconcile", {})
    kiln.settle()
    kiln.settle()
    assert there(kiln, oldest) == [] and kiln.calls("CopyImage") == []
    assert len(kiln.ec2().describe_images(ImageIds=mine[:2])["Images"]) == 2
    assert len(kiln.ec2(FURTHER[0]).describe_images(ImageIds=mine[2:])["Images"]) == 1


def test_the_base_of_another_recipe_stays(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.recipe("worker", base=f'"{oldest[HOME]}"')
    assert reason(kiln, oldest[HOME], dry_run=False) == "recipe worker uses it as its base"
    assert there(kiln, oldest) == list(REGIONS)


def test_an_image_of_which_somebody_holds_a_snapshot_stays(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    (image,) = kiln.ec2().describe_images(ImageIds=[oldest[HOME]])["Images"]
    snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    kiln.ec2().create_tags(Resources=[snapshot], Tags=[{"Key": "kiln:hold", "Value": "audit"}])
    assert reason(kiln, oldest[HOME], dry_run=False) == "it is held: kiln:hold = 'audit'"
    assert there(kiln, oldest) == list(REGIONS)
    kiln.settle()
    (news,) = kiln.told_of("Image Kept")
    assert (news["image"], news["version"]) == (oldest[HOME], OLD) and "audit" in news["reason"]


def test_a_second_run_changes_nothing(kiln: Kiln) -> None:
    three_releases(kiln)
    kiln.invoke("expire", {"dry_run": False})
    before = kiln.aws.journal_end()
    kiln.invoke("expire", {"dry_run": False})
    assert kiln.changes(before) == []
