"""expire: what a plan tells, and the story of one image."""

from __future__ import annotations

from typing import Any

from e2e.kiln import FURTHER, HOME, Kiln
from e2e.test_expire import NEW, OLD, three_releases
from local_aws.settings import ACCOUNT


def plan(kiln: Kiln, **call: Any) -> dict[str, Any]:
    answer = kiln.invoke("expire", {"dry_run": True, **call})
    assert not answer.failed, answer.body
    return answer.body


def rows(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {line["resource"]: line["plan"] for line in body["decisions"] if "plan" in line}


def test_a_plan_tells_what_each_image_costs_and_what_could_be_saved(kiln: Kiln) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    body = plan(kiln)
    told = rows(body)
    assert len(told) == 9
    first = told[oldest[HOME]]
    assert (first["state"], first["gb"], first["monthly_usd"]) == ("available", 8.0, 0.4)
    assert first["age_days"] > 600
    assert (first["usage"], first["next_step"]) == ("unused", "deprecate")
    totals = body["totals"]
    assert totals["prices"] == {"usd_per_gb_month": 0.05}
    assert (totals["images"], totals["gb"], totals["monthly_usd"]) == (9, 72.0, 3.6)
    assert (totals["unused_images"], totals["yearly_saving_usd"]) == (3, 14.4)


def test_the_next_step_of_each_image_is_told_with_its_day(kiln: Kiln) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    kiln.invoke("expire", {"dry_run": False})
    row = rows(plan(kiln))[oldest[HOME]]
    assert (row["usage"], row["next_step"]) == ("unused", "disable") and row["next_step_at"] > "2026"
    kiln.aws.days_pass(2)
    kiln.invoke("expire", {"dry_run": False})
    row = rows(plan(kiln))[oldest[HOME]]
    assert (row["state"], row["usage"], row["next_step"]) == ("disabled", "unused", "deregister")


def test_what_is_used_is_told_with_what_uses_it_and_what_nobody_can_tell_is_unknown(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.aws.seed(instances=[{"region": FURTHER[0], "image": oldest[FURTHER[0]]}])
    told = rows(plan(kiln))
    assert [told[oldest[region]]["usage"] for region in (FURTHER[0], HOME)] == ["in-use", "unused"]
    assert "next_step" not in told[oldest[HOME]], "its release stays"
    denied = {"code": "UnauthorizedOperation", "message": "no", "status": 403}
    kiln.aws.faults({"call": "DescribeFleets", "region": HOME, "times": -1, **denied})
    body = plan(kiln)
    told = {line.get("resource"): line for line in body["decisions"]}
    assert told[oldest[HOME]]["plan"]["usage"] == "unknown"
    assert "DescribeFleets" in told[oldest[HOME]]["reason"] and "UnauthorizedOperation" in str(told[None])


def test_what_went_can_be_brought_back_from_the_recycle_bin_until_the_answer_says(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    rule = [{"Key": "recycle-bin-days", "Value": "14"}]
    kiln.ec2(FURTHER[0]).create_tags(Resources=[oldest[FURTHER[0]]], Tags=rule)
    lines = kiln.invoke("expire", {"dry_run": False}).decisions
    went = [line for line in lines if line["action"] == "deregister"]
    until = {line["region"]: line.get("recoverable_until") for line in went}
    assert until[FURTHER[0]] > "2026" and until[HOME] is None


def test_the_story_of_an_image_is_told_whole(kiln: Kiln) -> None:
    base = kiln.release("base", "20241201T020000Z", regions=(HOME,))
    kiln.recipe(confirm_after="2d", quarantine="7d")
    oldest = kiln.release("web", OLD, tags={"kiln:base": base[HOME]})
    for version in ("20250201T020000Z", NEW):
        kiln.release("web", version)
    template = {"region": FURTHER[0], "name": "fleet", "versions": [oldest[FURTHER[0]], "ami-0123abcd"]}
    (fleet,) = kiln.aws.seed(launch_templates=[template])["launch_templates"]
    before = kiln.aws.journal_end()
    story = kiln.invoke("expire", {"explain": oldest[FURTHER[0]]}).body["explanation"]
    assert kiln.changes(before) == []
    assert (story["recipe"], story["version"], story["stage"]) == ("web", OLD, "released")
    assert (
        story["provenance"]["baked_at"] == "2025-01-01T02:00:00Z"
        and story["provenance"]["base"] == base[HOME]
    )
    assert story["provenance"]["copied_from"] == f"{HOME}/{oldest[HOME]}"
    assert {one["image"] for one in story["members"]} == set(oldest.values())
    arn = f"arn:aws:ec2:{FURTHER[0]}:{ACCOUNT}:launch-template/{fleet}"
    assert story["used_by"] == [f"launch template {arn}"]
    assert story["kept_by"] == [f"it is used by launch template {arn}"]
    assert story["plan"]["usage"] == "in-use" and story["action"] == "keep"


def test_the_story_of_an_image_that_its_recipe_keeps_tells_its_use_all_the_same(kiln: Kiln) -> None:
    three_releases(kiln)
    newest = kiln.images()[-1]["ImageId"]
    (instance,) = kiln.aws.seed(instances=[{"region": HOME, "image": newest}])["instances"]
    story = kiln.invoke("expire", {"explain": newest}).body["explanation"]
    assert story["reason"] == "it is number 1 of the 2 newest releases that the recipe keeps"
    assert story["used_by"] == [f"instance arn:aws:ec2:{HOME}:{ACCOUNT}:instance/{instance}"]


def test_of_what_is_gone_or_not_kilns_the_answer_says_so(kiln: Kiln) -> None:
    kiln.recipe()
    assert "it is deregistered" in kiln.invoke("expire", {"explain": "ami-0123456789abcdef0"}).error
    (other,) = kiln.aws.seed(images=[{"region": HOME, "name": "by-hand"}])["images"]
    assert "not" in kiln.invoke("expire", {"explain": other}).error
