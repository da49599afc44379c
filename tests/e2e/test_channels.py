"""The same image, released wider later: by time, by approval, and back."""

from __future__ import annotations

from typing import Any

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_release import NEW, NEXT, OLD, bake

FRIEND = "111122223333"
CHANNELS = f"""
parameter = "/golden/web"
[channels.prod]
parameter = "/golden/web/prod"
follows = "stage"
approval = true
share = {{ accounts = ["{FRIEND}"], snapshots = true }}
[channels.stage]
parameter = "/golden/web/stage"
after = "AFTER"
"""


def named(kiln: Kiln, channel: str) -> list[str | None]:
    """The version that the channel names in each Region."""

    def one(region: str) -> str | None:
        found = kiln.aws.client("ssm", region).get_parameters(Names=[f"/golden/web/{channel}"])["Parameters"]
        if not found:
            return None
        image = next(image for image in kiln.images(region) if image["ImageId"] == found[0]["Value"])
        return str(image["Name"]).removeprefix("web-")

    return [one(region) for region in REGIONS]


def recipe(kiln: Kiln, after: str = "0s", **more: Any) -> None:
    kiln.recipe(publish=CHANNELS.replace("AFTER", after), **more)


def approve(kiln: Kiln, **more: Any) -> dict[str, Any]:
    answer = kiln.invoke("publish", {"approve": "web", "channel": "prod", "dry_run": False, **more})
    kiln.settle()
    return answer.body


def test_a_release_comes_to_stage_at_once_and_to_prod_when_somebody_approves(kiln: Kiln) -> None:
    recipe(kiln)
    bake(kiln, OLD)
    assert named(kiln, "stage") == [OLD] * 3 and named(kiln, "prod") == [None] * 3
    preview = kiln.invoke("publish", {"approve": "web", "channel": "prod"})
    assert {line["outcome"] for line in preview.decisions} == {"planned"}
    assert named(kiln, "prod") == [None] * 3 and kiln.allowed(kiln.images()[0]["ImageId"]) == []

    approve(kiln)
    assert named(kiln, "prod") == [OLD] * 3
    for region in REGIONS:
        (image,) = kiln.images(region)
        assert kiln.allowed(image["ImageId"], region) == [FRIEND] and kiln.copiers(image, region) == [FRIEND]
        assert {entry.split("=")[0] for entry in tags_of(image)["kiln:channels"].split(" ")} == {
            "stage",
            "prod",
        }
    news = kiln.said("Image Promoted")
    assert [one["channel"] for one in news] == ["stage", "prod"]
    assert set(news[1]["images"]) == set(REGIONS) and news[1]["parameter"] == "/golden/web/prod"
    assert kiln.sweep() == []

    bake(kiln, NEW)
    assert (
        kiln.named() == [NEW] * 3 and named(kiln, "stage") == [NEW] * 3 and named(kiln, "prod") == [OLD] * 3
    )
    assert kiln.allowed(kiln.images()[-1]["ImageId"]) == []
    assert kiln.sweep() == []


def test_what_does_not_wait_for_a_channel_is_refused_with_the_reason(kiln: Kiln) -> None:
    recipe(kiln, after="3d")
    bake(kiln, OLD)
    before = kiln.aws.journal_end()
    for asked, why in [
        ({}, "no release waits for channel prod"),
        ({"version": OLD}, "cannot come to channel prod"),
        ({"channel": "test"}, "the recipe has no channel test; it has stage, prod"),
    ]:
        assert why in approve(kiln, **asked)["errorMessage"]
    assert kiln.changes(before) == []


def test_a_channel_follows_once_its_time_is_over_and_not_before(kiln: Kiln) -> None:
    recipe(kiln, after="3d")
    bake(kiln, OLD)
    assert kiln.sweep() == [] and named(kiln, "stage") == [None] * 3
    kiln.aws.days_pass(3)
    assert kiln.sweep() != []
    assert named(kiln, "stage") == [OLD] * 3
    assert kiln.sweep() == []


def shown(kiln: Kiln, payload: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    """What a dry run lets each parameter name: by parameter and version, in which Regions."""
    before = kiln.aws.journal_end()
    found: dict[tuple[str, str], set[str]] = {}
    for line in kiln.invoke("publish", {**payload, "dry_run": True}).decisions:
        for one in line.get("moves", []):
            found.setdefault((one["parameter"], line["version"]), set()).add(one["region"])
    assert kiln.changes(before) == []
    return found


def test_a_dry_run_of_a_rollback_of_a_recall_and_of_its_end_shows_what_the_channels_would_name(
    kiln: Kiln,
) -> None:
    recipe(kiln)
    for version in (OLD, NEW):
        bake(kiln, version)
        approve(kiln)
    recall = {"recall": "web", "version": NEW, "reason": "bad"}
    parameters = [f"/golden/web{channel}" for channel in ("", "/stage", "/prod")]
    all_go_to = {version: {(name, version): set(REGIONS) for name in parameters} for version in (OLD, NEW)}
    assert shown(kiln, {"rollback": "web"}) == all_go_to[OLD]
    assert shown(kiln, recall) == all_go_to[OLD]
    kiln.invoke("publish", {**recall, "dry_run": False})
    kiln.settle()
    assert kiln.named() == named(kiln, "stage") == named(kiln, "prod") == [OLD] * 3
    assert shown(kiln, {"reinstate": "web", "version": NEW}) == all_go_to[NEW]


def test_a_rollback_and_a_recall_take_every_channel_back(kiln: Kiln) -> None:
    recipe(kiln)
    for version in (OLD, NEW):
        bake(kiln, version)
        approve(kiln)
    assert named(kiln, "prod") == [NEW] * 3
    kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    assert kiln.named() == named(kiln, "stage") == named(kiln, "prod") == [OLD] * 3
    assert kiln.sweep() == []

    bake(kiln, NEXT)
    approve(kiln)
    assert kiln.named() == named(kiln, "stage") == named(kiln, "prod") == [NEXT] * 3
    kiln.invoke("publish", {"recall": "web", "version": NEXT, "reason": "bad", "dry_run": False})
    kiln.settle()
    assert kiln.named() == named(kiln, "stage") == named(kiln, "prod") == [OLD] * 3
    assert all(kiln.allowed(image["ImageId"]) == [] for image in kiln.images() if NEXT in image["Name"])
    kiln.invoke("publish", {"reinstate": "web", "version": NEXT, "dry_run": False})
    kiln.settle()
    assert kiln.named() == named(kiln, "stage") == named(kiln, "prod") == [NEXT] * 3
    assert kiln.sweep() == []


def test_one_channel_is_rolled_back_and_the_others_stay(kiln: Kiln) -> None:
    recipe(kiln)
    for version in (OLD, NEW):
        bake(kiln, version)
        approve(kiln)
    back = {"rollback": "web", "channel": "prod"}
    assert shown(kiln, back) == {("/golden/web/prod", OLD): set(REGIONS)}
    kiln.invoke("publish", back)
    kiln.settle()
    assert kiln.named() == named(kiln, "stage") == [NEW] * 3 and named(kiln, "prod") == [OLD] * 3
    (told,) = kiln.said("Image Rolled Back")
    assert (told["channel"], told["from"], told["version"]) == ("prod", NEW, OLD)
    assert kiln.sweep() == [] and named(kiln, "prod") == [OLD] * 3
    assert "no release waits" in approve(kiln)["errorMessage"]
    approve(kiln, version=NEW)
    assert named(kiln, "prod") == [NEW] * 3
    assert kiln.sweep() == []


def test_a_channel_that_somebody_moved_is_set_back_and_an_event_that_was_lost_is_made_up_for(
    kiln: Kiln,
) -> None:
    recipe(kiln)
    bake(kiln, OLD)
    bake(kiln, NEW)
    approve(kiln, version=NEW)
    away = kiln.aws.client("ssm", FURTHER[0])
    (older,) = [image for image in kiln.images(FURTHER[0]) if OLD in image["Name"]]
    away.put_parameter(
        Name="/golden/web/prod", Value=older["ImageId"], DataType="aws:ec2:image", Overwrite=True
    )
    kiln.settle()
    kiln.sweep()
    assert named(kiln, "prod") == [NEW] * 3


def test_what_a_channel_names_is_kept_however_old_it_is(kiln: Kiln) -> None:
    recipe(kiln, keep=1)
    bake(kiln, OLD)
    approve(kiln)
    bake(kiln, NEW)
    bake(kiln, NEXT)
    decisions = kiln.invoke("expire", {"recipe": "web"}).decisions
    reasons = {line["resource"]: line["reason"] for line in decisions}
    (oldest,) = [image["ImageId"] for image in kiln.images(HOME) if OLD in image["Name"]]
    assert reasons[oldest] == "channel prod names it"
