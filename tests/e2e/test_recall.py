"""A bad release is taken back everywhere in one step, with who uses it, and can be brought back."""

from __future__ import annotations

from typing import Any

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_release import NAMED, NEW, NEXT, OLD, bake

OTHER = "111111111111"
SHARED = f'parameter = "/golden/web"\nshare = {{ accounts = ["{OTHER}"], snapshots = true }}'
WHY = "CVE-2026-12345 in openssl"


def two_releases(kiln: Kiln, publish: str = SHARED) -> dict[str, str]:
    """Gives the ids of the newer one."""
    kiln.recipe(publish=publish)
    for version in (OLD, NEW):
        bake(kiln, version)
    assert kiln.named() == [NEW] * 3
    return ids(kiln, NEW)


def ids(kiln: Kiln, version: str) -> dict[str, str]:
    found = {region: kiln.images(region) for region in REGIONS}
    return {
        region: next(image["ImageId"] for image in images if version in image["Name"])
        for region, images in found.items()
    }


def recall(kiln: Kiln, version: str = NEW, **more: Any) -> dict[str, Any]:
    asked = {"recall": "web", "version": version, "reason": WHY, "dry_run": False, **more}
    answer = kiln.invoke("publish", asked)
    kiln.settle()
    assert not answer.failed, answer.body
    return answer.body


def use_it(kiln: Kiln, images: dict[str, str]) -> list[str]:
    """An instance, a launch template and a group, one in each Region, and another account. Gives the ends of
    their ARNs."""
    run = kiln.ec2().run_instances(ImageId=images[HOME], InstanceType="t4g.small", MinCount=1, MaxCount=1)[
        "Instances"
    ][0]["InstanceId"]
    template = kiln.ec2(FURTHER[0]).create_launch_template(
        LaunchTemplateName="fleet",
        LaunchTemplateData={"InstanceType": "t4g.small", "ImageId": images[FURTHER[0]]},
    )["LaunchTemplate"]["LaunchTemplateId"]
    far = kiln.ec2(FURTHER[1]).create_launch_template(
        LaunchTemplateName="group",
        LaunchTemplateData={"InstanceType": "t4g.small", "ImageId": images[FURTHER[1]]},
    )["LaunchTemplate"]["LaunchTemplateId"]
    kiln.aws.client("autoscaling", FURTHER[1]).create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=0,
        AvailabilityZones=[f"{FURTHER[1]}a"],
        LaunchTemplate={"LaunchTemplateId": far, "Version": "$Latest"},
    )
    return [f"instance/{run}", f"launch-template/{template}", "autoScalingGroupName/web", f"{OTHER}:root"]


def test_by_hand_it_is_a_preview_first_that_tells_who_uses_the_images(kiln: Kiln) -> None:
    images = two_releases(kiln)
    users = use_it(kiln, images)
    before = kiln.aws.journal_end()
    answer = kiln.invoke("publish", {"recall": "web", "version": NEW, "reason": WHY})
    told = [f"{one['region']} {one['arn']}" for one in answer.body["used_by"]]
    for region, end in zip((HOME, *FURTHER, HOME), users, strict=True):
        assert any(one.startswith(region) and one.endswith(end) for one in told), (end, told)
    planned = {one["action"] for one in answer.decisions if one["outcome"] == "planned"}
    assert {"anchor", "set-stage", "share", "set-deprecation", "move-parameters", "emit"} <= planned
    assert kiln.changes(before) == [] and kiln.named() == [NEW] * 3


def test_a_recall_moves_every_region_back_unshares_deprecates_and_tells_who_uses_it(kiln: Kiln) -> None:
    images = two_releases(kiln)
    users = use_it(kiln, images)
    recall(kiln)
    assert kiln.named() == [OLD] * 3
    for region, image in images.items():
        (found,) = [one for one in kiln.images(region) if one["ImageId"] == image]
        assert tags_of(found)["kiln:stage"] == "recalled" and tags_of(found)["kiln:recalled"] == WHY
        assert kiln.allowed(image, region) == [] and kiln.copiers(found, region) == []
        assert "DeprecationTime" in found
    (news,) = kiln.said("Image Recalled")
    assert (news["reason"], news["named"], news["images"]) == (WHY, OLD, images)
    told = [one["arn"] for one in news["used-by"]]
    assert all(any(arn.endswith(end) for arn in told) for end in users), told
    assert kiln.sweep() == [] and kiln.dead_letters() == []


def test_what_is_recalled_is_never_named_shared_copied_or_rolled_back_to_again(kiln: Kiln) -> None:
    images = two_releases(kiln)
    recall(kiln)
    assert "recalled" in kiln.invoke("verify", {"retest": images[HOME]}).error
    bake(kiln, NEXT)
    assert kiln.named() == [NEXT] * 3
    answer = kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    assert not answer.failed and kiln.named() == [OLD] * 3
    refused = kiln.invoke("publish", {"rollback": "web", "to": NEW})
    assert "no release" in refused.error
    before = kiln.aws.journal_end()
    kiln.ec2(FURTHER[0]).deregister_image(ImageId=images[FURTHER[0]])
    kiln.settle()
    kiln.sweep()
    assert kiln.calls("CopyImage", before) == []
    assert not any(kiln.allowed(image["ImageId"]) for image in kiln.images() if NEW in image["Name"])


def test_a_recall_can_be_taken_back(kiln: Kiln) -> None:
    images = two_releases(kiln)
    recall(kiln)
    preview = kiln.invoke("publish", {"reinstate": "web", "version": NEW})
    assert {one["outcome"] for one in preview.decisions} == {"planned"} and kiln.named() == [OLD] * 3
    answer = kiln.invoke("publish", {"reinstate": "web", "version": NEW, "dry_run": False})
    kiln.settle()
    assert not answer.failed, answer.body
    assert kiln.named() == [NEW] * 3
    for region, image in images.items():
        (found,) = [one for one in kiln.images(region) if one["ImageId"] == image]
        assert tags_of(found)["kiln:stage"] == "released"
        assert kiln.allowed(image, region) == [OTHER] and kiln.copiers(found, region) == [OTHER]
        assert "DeprecationTime" not in found
    (news,) = kiln.said("Image Reinstated")
    assert news["images"] == images
    assert kiln.sweep() == [] and kiln.dead_letters() == []


def test_with_layers_what_was_baked_from_it_is_recalled_as_well(kiln: Kiln) -> None:
    two_releases(kiln)
    kiln.recipe("app", base='"recipe:web"', publish='parameter = "/golden/app"', regions="[]")
    kiln.bake("app")
    (app,) = kiln.images(recipe="app")
    asked = {"recall": "web", "version": NEW, "reason": WHY, "layers": True, "dry_run": False}
    # The layer was the only one of its recipe.
    assert "no other release to name" in kiln.invoke("publish", asked).error
    kiln.settle()
    (app,) = kiln.images(recipe="app")
    assert tags_of(app)["kiln:recalled"] == WHY
    assert sorted(news["recipe"] for news in kiln.said("Image Recalled")) == ["app", "web"]


def test_a_region_that_fails_holds_up_no_other_and_a_sweep_finishes_it(kiln: Kiln) -> None:
    images = two_releases(kiln)
    denied = {"code": "UnauthorizedOperation", "message": "denied by a policy", "status": 403}
    kiln.aws.faults({"call": "ModifyImageAttribute", "region": FURTHER[0], "times": -1, **denied})
    asked = {"recall": "web", "version": NEW, "reason": WHY, "dry_run": False}
    assert "denied by a policy" in kiln.invoke("publish", asked).error
    kiln.settle()
    assert kiln.named() == [OLD] * 3
    assert [kiln.allowed(images[region], region) for region in REGIONS] == [[], [OTHER], []]
    kiln.aws.faults()
    kiln.sweep()
    assert [kiln.allowed(images[region], region) for region in REGIONS] == [[], [], []]
    assert len(kiln.said("Image Recalled")) == 1 and kiln.sweep() == []


def test_an_image_that_is_recalled_goes_in_steps_though_its_recipe_would_keep_it(kiln: Kiln) -> None:
    """Also where the recipe asks for no quarantine: a recall may be taken back."""
    two_releases(kiln, NAMED)
    recall(kiln)
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert states(kiln) == ["available", "disabled"] * 3
    kiln.aws.days_pass(8)
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert states(kiln) == ["available"] * 3


def states(kiln: Kiln) -> list[str]:
    return [str(image["State"]) for region in REGIONS for image in kiln.images(region)]
