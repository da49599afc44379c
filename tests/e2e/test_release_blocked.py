"""A release that one Region does not take moves in none, is told, and is tried again after a wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from e2e.kiln import HOME, REGIONS, Kiln, tags_of
from e2e.test_release import NEW, OLD, comes, puts, released

CHANGE = "Parameter Store Change"
FULL = {
    "code": "ParameterMaxVersionLimitExceeded",
    "message": "the oldest version has a label, so it cannot be deleted",
    "status": 400,
}
AWAY = "eu-west-1"
OUTAGE = {"code": "ServiceUnavailable", "message": "regional outage", "status": 503}


def ready(kiln: Kiln, version: str) -> None:
    """An image has just been published in every Region: one invocation moves them all."""
    kiln.release("web", version, tags={"kiln:stage": "published"})
    kiln.sweep()


def refused_once(kiln: Kiln) -> None:
    """The try passes, and then SSM refuses the value itself."""
    kiln.aws.faults(
        {"call": "PutParameter", "region": AWAY, "who": "kiln-replicate", "skip": 1, "times": 1, **FULL}
    )


def a_while_ago() -> str:
    """Longer ago than the longest wait, and not forgotten."""
    return (datetime.now(UTC) - timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")


def waited(kiln: Kiln) -> None:
    """The wait for the next try is over."""
    for region in REGIONS:
        for image in kiln.images(region):
            tried = tags_of(image).get("kiln:release-tried")
            if tried:
                count, _, outcome, *regions = tried.split()
                past = " ".join([count, a_while_ago(), outcome, *regions])
                tag = {"Key": "kiln:release-tried", "Value": past}
                kiln.ec2(region).create_tags(Resources=[image["ImageId"]], Tags=[tag])


def test_what_moved_goes_back_where_one_region_refuses_after_the_try_passed(kiln: Kiln) -> None:
    released(kiln, OLD)
    refused_once(kiln)
    ready(kiln, NEW)
    assert kiln.named() == [OLD] * 3 and kiln.said("Image Released") == []
    blocked = kiln.said("Release Blocked")
    assert len(blocked) == 1 and blocked[0]["version"] == NEW
    assert FULL["message"] in blocked[0]["reason"] and "set back, in us-east-1" in blocked[0]["reason"]
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.named() == [OLD] * 3 and puts(kiln, before) == [], "the next try waits"
    waited(kiln)
    kiln.sweep()
    assert kiln.named() == [NEW] * 3 and len(kiln.said("Image Released", before)) == 1


def test_each_try_that_fails_makes_the_next_one_wait_longer(kiln: Kiln) -> None:
    released(kiln, OLD)
    for count in (1, 2, 3):
        refused_once(kiln)
        if count == 1:
            ready(kiln, NEW)
        else:
            kiln.sweep()
        (new,) = [image for image in kiln.images() if tags_of(image)["kiln:version"] == NEW]
        assert tags_of(new)["kiln:release-tried"].split()[0] == str(count)
        assert kiln.named() == [OLD] * 3
        waited(kiln)


def test_what_ssm_takes_and_never_shows_is_told_and_the_others_go_back(kiln: Kiln) -> None:
    released(kiln, OLD)
    kiln.aws.faults(
        {"parameter": "/golden/web", "region": AWAY, "times": -1},
        {"event": CHANGE, "effect": "lose", "times": -1},
    )
    ready(kiln, NEW)
    assert kiln.named() == [NEW, OLD, NEW]
    waited(kiln)
    kiln.sweep()
    assert kiln.named() == [OLD] * 3
    (blocked,) = kiln.said("Release Blocked")
    assert f"/golden/web in {AWAY}" in blocked["reason"] and "has not shown it since" in blocked["reason"]
    kiln.aws.faults()
    waited(kiln)
    kiln.sweep()
    kiln.sweep()
    assert kiln.named() == [NEW] * 3


def test_a_region_of_best_effort_that_refuses_holds_no_other(kiln: Kiln) -> None:
    best = f'best_effort = ["{AWAY}"]'
    released(kiln, OLD, replicate=best)
    kiln.aws.faults({"call": "PutParameter", "region": AWAY, "who": "kiln-replicate", "times": -1, **FULL})
    comes(kiln, NEW)
    assert kiln.named() == [NEW, OLD, NEW] and len(kiln.said("Image Released")) == 1


def test_an_outage_of_a_best_effort_region_does_not_stop_a_rollback(kiln: Kiln) -> None:
    released(kiln, OLD, NEW, replicate=f'best_effort = ["{AWAY}"]')
    kiln.aws.faults(
        *(
            {"call": call, "region": AWAY, "times": -1, **OUTAGE}
            for call in ("DescribeImages", "GetParameters", "PutParameter")
        )
    )
    assert not kiln.invoke("publish", {"rollback": "web"}).failed
    kiln.settle()
    kiln.aws.faults()
    assert kiln.named()[0] == OLD and kiln.named()[2] == OLD
    kiln.sweep()
    assert kiln.named() == [OLD] * 3


def test_an_outage_of_a_best_effort_region_does_not_stop_the_nightly_bake(kiln: Kiln) -> None:
    kiln.recipe(publish='parameter = "/golden/web"', replicate=f'best_effort = ["{AWAY}"]')
    kiln.aws.faults({"call": "*", "region": AWAY, "times": -1, **OUTAGE})
    assert not kiln.bake(scheduled_time="2025-06-01T02:00:00Z").failed
    kiln.aws.faults()
    assert kiln.named() == ["20250601T020000Z", None, "20250601T020000Z"]
    for _ in range(2):
        kiln.sweep()
    assert kiln.named() == ["20250601T020000Z"] * 3


def test_a_layer_is_baked_from_the_release_that_its_base_was_rolled_back_to(kiln: Kiln) -> None:
    kiln.recipe("base", publish='parameter = "/golden/base"', regions="[]")
    kiln.recipe("web", base='"recipe:base"', regions="[]")
    for version in (OLD, NEW):
        comes(kiln, version, "base")
    good, _ = (image["ImageId"] for image in kiln.images(recipe="base"))
    assert not kiln.invoke("publish", {"rollback": "base"}).failed
    kiln.settle()
    assert kiln.parameter(HOME, "/golden/base") == good
    kiln.bake("web", scheduled_time="2025-06-03T02:00:00Z")
    (layer,) = kiln.images(recipe="web")
    assert tags_of(layer)["kiln:base"] == good


@pytest.mark.parametrize("how", ["deregistered", "disabled"])
def test_regions_go_back_together_when_somebody_takes_the_home_image_away(kiln: Kiln, how: str) -> None:
    released(kiln, OLD, NEW, replicate='on_loss = "roll-back"')
    newest = kiln.images()[-1]["ImageId"]
    if how == "deregistered":
        kiln.ec2().deregister_image(ImageId=newest)
    else:
        kiln.ec2().disable_image(ImageId=newest)
    kiln.settle()
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.named() == [OLD] * 3
    (lost,) = kiln.said("Release Lost", before)
    assert lost["images"][HOME] == newest and "deregistered or disabled" in lost["reason"]
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.named() == [OLD] * 3 and puts(kiln, before) == []
