"""expire: each kind of use keeps an image, is told by its ARN, and lets it go in steps once it has ended."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_expire import OLD, reason, there, three_releases
from scenes import ANOTHER_ACCOUNT, IN_THE_ACCOUNT, SHARED_SNAPSHOT, SHARED_UNKNOWN, Scene, Use

AWAY = FURTHER[0]


def one_of_each_kind_is_quick(scenes: tuple[Scene, ...]) -> list[Any]:
    """The steps do not know what the use was: `make test` walks them once for each module of scenes."""
    first = {scene.begin.__module__: scene for scene in reversed(scenes)}.values()
    return [
        pytest.param(scene, id=str(scene), marks=() if scene in first else pytest.mark.full)
        for scene in scenes
    ]


def used_by(kiln: Kiln, scene: Scene) -> tuple[dict[str, str], Use]:
    """Three releases, of which the oldest would go if it were not used. Gives its ids, and its use."""
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d", expire=scene.recipe)
    where = HOME if scene.home_only else AWAY
    return oldest, scene.begin(kiln.aws, oldest[where], where)


def steps(kiln: Kiln) -> list[str]:
    """How far the oldest release has gone, in each Region where it still is."""
    found = [image for region in REGIONS for image in kiln.images(region) if OLD in image["Name"]]
    return [
        "deprecated"
        if image["State"] == "available"
        and "DeprecationTime" in image
        and "kiln:unused-since" in tags_of(image)
        else image["State"]
        for image in found
    ]


def night(kiln: Kiln) -> None:
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()


def goes_in_steps(kiln: Kiln) -> None:
    """From the night on which nobody uses it any more: deprecated, two days later disabled, and after seven
    more gone with its snapshots. Not a day earlier."""
    night(kiln)
    assert steps(kiln) == ["deprecated"] * 3
    kiln.aws.days_pass(1)
    night(kiln)
    assert steps(kiln) == ["deprecated"] * 3
    kiln.aws.days_pass(1)
    night(kiln)
    assert steps(kiln) == ["disabled"] * 3
    kiln.aws.days_pass(6)
    night(kiln)
    assert steps(kiln) == ["disabled"] * 3
    kiln.aws.days_pass(1)
    night(kiln)
    assert steps(kiln) == []
    assert [len(kiln.snapshots_of("web", region)) for region in REGIONS] == [2, 2, 2]


def goes_day_by_day(kiln: Kiln, most: int = 60) -> None:
    """One night after the other, for reports are asked for in one and read in another: the same steps in the
    same order, each at least as long after the one before as the recipe says."""
    reached: dict[str, int] = {}
    for day in range(most):
        night(kiln)
        now = steps(kiln)
        assert len(set(now)) <= 1, "a release goes as a whole"
        reached.setdefault(now[0] if now else "gone", day)
        if not now:
            break
        kiln.aws.days_pass(1)
    assert [step for step in reached if step != "available"] == ["deprecated", "disabled", "gone"]
    assert reached["disabled"] - reached["deprecated"] >= 2 and reached["gone"] - reached["disabled"] >= 7


@pytest.mark.parametrize("scene", IN_THE_ACCOUNT, ids=str)
def test_what_is_used_stays_in_every_region_and_is_unused_once_that_has_ended(
    kiln: Kiln, scene: Scene
) -> None:
    oldest, use = used_by(kiln, scene)
    where = HOME if scene.home_only else AWAY
    why = reason(kiln, oldest[where], dry_run=False)
    assert use.told_by(why), why
    for region in set(REGIONS) - {where}:
        assert f"kept with its release: {oldest[where]} stays" in reason(kiln, oldest[region], dry_run=False)
    assert steps(kiln) == ["available"] * 3 and there(kiln, oldest) == list(REGIONS)
    use.end()
    decisions = kiln.invoke("expire", {"dry_run": True}).decisions
    plans = {line["resource"]: line["plan"] for line in decisions if "plan" in line}
    told = [(plans[image]["usage"], plans[image]["next_step"]) for image in oldest.values()]
    assert told == [("unused", "deprecate")] * 3


@pytest.mark.parametrize("scene", one_of_each_kind_is_quick(IN_THE_ACCOUNT))
def test_what_was_used_goes_in_steps(kiln: Kiln, scene: Scene) -> None:
    _, use = used_by(kiln, scene)
    night(kiln)
    assert steps(kiln) == ["available"] * 3
    use.end()
    goes_in_steps(kiln)


def test_what_is_shared_stays_while_nobody_knows_who_uses_it_and_ec2_is_asked_for_a_report(
    kiln: Kiln,
) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    use = SHARED_UNKNOWN.begin(kiln.aws, oldest[AWAY], AWAY)
    before = kiln.aws.journal_end()
    why = reason(kiln, oldest[AWAY], dry_run=False)
    assert use.told_by(why), why
    assert steps(kiln) == ["available"] * 3
    asked = [call["request"] for call in kiln.calls("CreateImageUsageReport", before)]
    assert [request["ImageId"] for request in asked] == [oldest[AWAY]]
    goes_day_by_day(kiln)


def test_what_another_account_uses_stays_and_goes_in_steps_once_a_later_report_finds_no_use(
    kiln: Kiln,
) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    use = ANOTHER_ACCOUNT.begin(kiln.aws, oldest[AWAY], AWAY)
    night(kiln)
    assert steps(kiln) == ["available"] * 3, "the report is asked for, and not read yet"
    why = reason(kiln, oldest[AWAY], dry_run=False)
    assert use.told_by(why) and "unknown" not in why, why
    assert steps(kiln) == ["available"] * 3
    use.end()
    goes_day_by_day(kiln)


def test_a_report_that_somebody_else_asked_for_lets_nothing_go(kiln: Kiln) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    use = ANOTHER_ACCOUNT.begin(kiln.aws, oldest[AWAY], AWAY)
    night(kiln)
    for _ in range(12):
        others = {"ResourceTypes": [{"ResourceType": "ec2:LaunchTemplate"}], "AccountIds": ["444455556666"]}
        kiln.ec2(AWAY).create_image_usage_report(ImageId=oldest[AWAY], **others)
        night(kiln)
        assert steps(kiln) == ["available"] * 3
        kiln.aws.days_pass(1)
    # Asked once: to ask is to request a report, which the next answer knows.
    why = reason(kiln, oldest[AWAY], dry_run=False)
    assert use.told_by(why) or "unknown" in why


def test_a_snapshot_that_another_image_shares_stays_when_the_image_goes(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    use = SHARED_SNAPSHOT.begin(kiln.aws, oldest[HOME], HOME)
    night(kiln)
    assert there(kiln, oldest) == []
    told = {news["region"]: len(news["snapshots"]) for news in kiln.told_of("Image Deregistered")}
    assert told == {HOME: 0, FURTHER[0]: 1, FURTHER[1]: 1}
    assert use.name in [snapshot["SnapshotId"] for snapshot in kiln.snapshots()]
