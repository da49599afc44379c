"""expire: what no recipe wants any more, and what an image leaves behind."""

from __future__ import annotations

from typing import Any

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_expire import NEW, there, three_releases

LEFT = FURTHER[1]
STAYS = FURTHER[0]


def night(kiln: Kiln, **call: Any) -> list[dict[str, Any]]:
    decisions = kiln.invoke("expire", {"dry_run": False, **call}).decisions
    kiln.settle()
    return decisions


def states(kiln: Kiln, region: str) -> list[str]:
    return [image["State"] for image in kiln.images(region)]


def test_replicas_in_a_region_that_left_the_recipe_go_in_the_same_steps(kiln: Kiln) -> None:
    kiln.recipe(regions=f'["{STAYS}"]', confirm_after="2d", quarantine="7d")
    newest = kiln.release("web", NEW)
    for days, state in [(2, "available"), (7, "disabled")]:
        night(kiln)
        assert states(kiln, LEFT) == [state]
        kiln.aws.days_pass(days)
    night(kiln)
    assert there(kiln, newest) == [HOME, STAYS], "the others are the newest release"
    assert kiln.snapshots_of("web", LEFT) == []


def test_a_replica_in_a_region_that_left_stays_while_somebody_uses_it(kiln: Kiln) -> None:
    kiln.recipe(regions=f'["{STAYS}"]')
    newest = kiln.release("web", NEW)
    kiln.aws.seed(instances=[{"region": LEFT, "image": newest[LEFT], "state": "stopped"}])
    told = {line.get("resource"): line["reason"] for line in night(kiln)}
    assert told[newest[LEFT]].startswith("it is used by instance arn:")
    assert there(kiln, newest) == list(REGIONS)


def test_a_region_that_no_recipe_names_may_be_closed(kiln: Kiln) -> None:
    kiln.recipe(regions=f'["{STAYS}"]')
    kiln.release("web", NEW)
    denied = {"code": "UnauthorizedOperation", "message": "An SCP denies it.", "status": 403}
    kiln.aws.faults({"call": "DescribeImages", "region": LEFT, "times": -1, **denied})
    decisions = kiln.invoke("expire", {"dry_run": True}).decisions
    assert [line["outcome"] for line in decisions if line["region"] == LEFT] == ["unchanged"]


def test_the_images_of_a_deleted_recipe_stay_until_somebody_says_otherwise(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    refused = kiln.invoke("expire", {"retire_recipe": "web"})
    assert "recipe web still exists; delete its parameter first" in refused.error
    kiln.aws.client("ssm").delete_parameter(Name="/kiln/recipes/web")
    told = {line.get("resource"): line["reason"] for line in night(kiln)}
    assert told[oldest[HOME]].startswith("there is no recipe web; its images are kept until somebody calls")
    before = kiln.aws.journal_end()
    plan = kiln.invoke("expire", {"retire_recipe": "web", "dry_run": True}).decisions
    assert {line["outcome"] for line in plan} == {"planned"} and kiln.changes(before) == []

    kiln.invoke("expire", {"retire_recipe": "web"})
    assert all(tags_of(image)["kiln:unused-since"] for image in kiln.images())
    for days in (2, 7):
        kiln.aws.days_pass(days)
        night(kiln)
    assert [kiln.images(region) for region in REGIONS] == [[], [], []]
    assert [kiln.snapshots_of("web", region) for region in REGIONS] == [[], [], []]


def test_a_recipe_that_is_there_again_takes_its_images_back(kiln: Kiln) -> None:
    three_releases(kiln)
    kiln.aws.client("ssm").delete_parameter(Name="/kiln/recipes/web")
    kiln.invoke("expire", {"retire_recipe": "web"})
    kiln.recipe(keep=5)
    night(kiln)
    tags = [tags_of(image) for region in REGIONS for image in kiln.images(region)]
    assert {(of["kiln:recipe-retired-at"], of["kiln:unused-since"]) for of in tags} == {("no", "no")}


def test_a_recipe_of_which_nothing_is_there_is_told(kiln: Kiln) -> None:
    kiln.recipe()
    answer = kiln.invoke("expire", {"retire_recipe": "wbe"})
    assert "there is no recipe wbe, nor any image of it" in answer.error


def test_a_hold_on_a_snapshot_keeps_a_replica_in_a_region_that_no_recipe_names(kiln: Kiln) -> None:
    kiln.recipe(regions=f'["{STAYS}"]')
    newest = kiln.release("web", NEW)
    (snapshot,) = kiln.snapshots_of("web", LEFT)
    hold = [{"Key": "kiln:hold", "Value": "audit"}]
    kiln.ec2(LEFT).create_tags(Resources=[snapshot["SnapshotId"]], Tags=hold)
    told = {line.get("resource"): line["reason"] for line in night(kiln)}
    assert told[newest[LEFT]] == "it is held: kiln:hold = 'audit'"
    assert there(kiln, newest) == list(REGIONS)


def test_a_replica_in_a_region_that_no_recipe_names_is_found_when_somebody_wants_it_back(kiln: Kiln) -> None:
    kiln.recipe(regions=f'["{STAYS}"]', quarantine="7d")
    newest = kiln.release("web", NEW)
    night(kiln)
    assert states(kiln, LEFT) == ["disabled"]
    answer = kiln.invoke("expire", {"restore": newest[LEFT]})
    assert not answer.failed, answer.body
    assert states(kiln, LEFT) == ["available"]


def test_a_base_of_a_recipe_with_mistakes_stays(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    broken = f'name = "app"\n[bake]\nbase = "{oldest[HOME]}"\ninstance_type = oops'
    kiln.recipe("app", document=broken)
    body = kiln.invoke("expire", {"dry_run": True}).body
    told = {line.get("resource"): line["reason"] for line in body["decisions"]}
    assert told[oldest[HOME]] == "recipe app uses it as its base"


def test_a_region_that_does_not_answer_keeps_the_images_of_a_deleted_recipe(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.aws.client("ssm").delete_parameter(Name="/kiln/recipes/web")
    kiln.invoke("expire", {"retire_recipe": "web"})
    kiln.aws.days_pass(2)
    failing = {"code": "InternalError", "message": "An internal error has occurred.", "status": 500}
    kiln.aws.faults({"call": "DescribeImages", "region": LEFT, "times": -1, **failing})
    answer = kiln.invoke("expire", {"dry_run": False})
    assert answer.failed and "InternalError" in answer.error
    kiln.aws.faults()
    kiln.start_anew("expire")
    assert there(kiln, oldest) == list(REGIONS)
    assert {image["State"] for region in REGIONS for image in kiln.images(region)} == {"available"}


def test_the_base_of_another_recipe_stays_though_its_own_is_deleted(kiln: Kiln) -> None:
    three_releases(kiln)
    kiln.recipe("app", base='"recipe:web"')
    kiln.aws.client("ssm").delete_parameter(Name="/kiln/recipes/web")
    kiln.invoke("expire", {"retire_recipe": "web"})
    for days in (2, 7):
        kiln.aws.days_pass(days)
        night(kiln)
    assert [[image["Name"] for image in kiln.images(region)] for region in REGIONS] == [[f"web-{NEW}"]] * 3


def test_a_region_that_left_a_recipe_and_came_back_gets_the_newest_release_and_keeps_it(kiln: Kiln) -> None:
    named = 'parameter = "/golden/web"'
    first, second, third = (f"2025-06-0{day}T02:00:00Z" for day in (1, 2, 3))
    kiln.recipe(publish=named)
    kiln.bake(scheduled_time=first)
    kiln.recipe(publish=named, regions='["ap-southeast-2"]')
    kiln.bake(scheduled_time=second)
    assert kiln.named() == ["20250602T020000Z", "20250601T020000Z", "20250602T020000Z"]
    kiln.recipe(publish=named)
    for _ in range(3):
        kiln.sweep()
    assert kiln.named() == ["20250602T020000Z"] * 3
    assert kiln.sweep() == []
    kiln.bake(scheduled_time=third)
    assert kiln.named() == ["20250603T020000Z"] * 3
