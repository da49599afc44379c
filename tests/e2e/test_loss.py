"""What somebody takes of the release that is named: told at once, one release everywhere, brought back."""

from __future__ import annotations

import pytest

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of

OLD, NEW = "20250601T020000Z", "20250602T020000Z"
PARAMETER = 'parameter = "/golden/web"'


def two_releases(kiln: Kiln, **fields: str) -> dict[str, str]:
    """The images of the newest, by Region."""
    kiln.recipe(**{"publish": PARAMETER, **fields})
    for version in (OLD, NEW):
        kiln.bake(scheduled_time=f"{version[:4]}-{version[4:6]}-{version[6:8]}T02:00:00Z")
    kiln.sweep()
    assert kiln.named() == [NEW] * 3
    kiln.aws.days_pass(0.1)
    return {region: str(kiln.parameter(region)) for region in REGIONS}


def copies_stay_away(kiln: Kiln) -> None:
    """No copy begins: Kiln is refused the call for a while."""
    kiln.aws.faults(
        {"call": "CopyImage", "code": "ResourceLimitExceeded", "message": "later", "status": 503, "times": -1}
    )


@pytest.mark.parametrize("region", [HOME, FURTHER[0]])
def test_while_an_image_is_away_all_regions_name_the_release_before_and_it_is_told_once(
    kiln: Kiln, region: str
) -> None:
    newest = two_releases(kiln)
    copies_stay_away(kiln)
    before = kiln.aws.journal_end()
    kiln.ec2(region).deregister_image(ImageId=newest[region])
    for _ in range(3):
        kiln.sweep()
        assert kiln.named() == [OLD] * 3
    (lost,) = kiln.said("Release Lost", before)
    assert lost["images"][region] == newest[region] and OLD in lost["reason"]


def test_a_home_image_is_copied_back_from_a_replica_and_the_replicas_stay(kiln: Kiln) -> None:
    newest = two_releases(kiln)
    before = kiln.aws.journal_end()
    kiln.ec2().deregister_image(ImageId=newest[HOME])
    for _ in range(3):
        kiln.sweep()
    assert kiln.named() == [NEW] * 3
    back = kiln.images()[-1]
    assert back["ImageId"] != newest[HOME] and tags_of(back)["kiln:stage"] == "released"
    assert tags_of(back)["kiln:copied-back"] == f"{FURTHER[0]}/{newest[FURTHER[0]]}"
    for region in FURTHER:
        assert kiln.parameter(region) == newest[region]
    (copy,) = kiln.calls("CopyImage", before)
    assert copy["region"] == HOME
    assert [news["image"] for news in kiln.said("Image Released", before)] == [back["ImageId"]]
    quiet = kiln.aws.journal_end()
    kiln.sweep()
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert kiln.changes(quiet) == [] and len(kiln.said("Release Lost", before)) == 1


def test_what_was_copied_back_is_tested_first(kiln: Kiln) -> None:
    newest = two_releases(kiln)
    kiln.recipe(publish=PARAMETER, verify="script = 'exit 1'")
    before = kiln.aws.journal_end()
    kiln.ec2().deregister_image(ImageId=newest[HOME])
    for _ in range(3):
        kiln.sweep()
    assert kiln.named() == [OLD] * 3
    assert len(kiln.said("Image Rejected", before)) == 1 and len(kiln.calls("CopyImage", before)) == 1


def test_a_replica_is_copied_anew_and_the_release_is_named_again(kiln: Kiln) -> None:
    newest = two_releases(kiln)
    before = kiln.aws.journal_end()
    kiln.ec2(FURTHER[0]).deregister_image(ImageId=newest[FURTHER[0]])
    kiln.settle()
    for _ in range(3):
        kiln.sweep()
    assert kiln.named() == [NEW] * 3 and kiln.parameter() == newest[HOME]
    assert kiln.parameter(FURTHER[0]) != newest[FURTHER[0]]
    assert len(kiln.said("Release Lost", before)) == 1


def test_a_replica_that_somebody_disabled_is_left_to_him_and_the_release_waits_for_it(kiln: Kiln) -> None:
    newest = two_releases(kiln)
    kiln.ec2(FURTHER[1]).disable_image(ImageId=newest[FURTHER[1]])
    before = kiln.aws.journal_end()
    for _ in range(2):
        kiln.sweep()
    assert kiln.named() == [OLD] * 3 and kiln.calls("CopyImage", before) == []
    kiln.ec2(FURTHER[1]).enable_image(ImageId=newest[FURTHER[1]])
    kiln.settle()
    kiln.sweep()
    assert kiln.named() == [NEW] * 3


@pytest.mark.parametrize("region", [HOME, FURTHER[0]])
def test_a_recipe_may_ask_for_a_rollback_for_good(kiln: Kiln, region: str) -> None:
    newest = two_releases(kiln, replicate='on_loss = "roll-back"')
    before = kiln.aws.journal_end()
    kiln.ec2(region).deregister_image(ImageId=newest[region])
    kiln.settle()
    for _ in range(3):
        kiln.sweep()
    assert kiln.named() == [OLD] * 3 and kiln.calls("CopyImage", before) == []
    assert len(kiln.said("Release Lost", before)) == 1 and len(kiln.said("Image Rolled Back", before)) == 1
    kiln.bake(scheduled_time="2025-06-03T02:00:00Z")
    assert kiln.named() == ["20250603T020000Z"] * 3


def test_the_only_release_is_told_as_lost_and_comes_back(kiln: Kiln) -> None:
    kiln.recipe(publish=PARAMETER)
    kiln.bake(scheduled_time="2025-06-01T02:00:00Z")
    before = kiln.aws.journal_end()
    kiln.ec2().deregister_image(ImageId=str(kiln.parameter()))
    copies_stay_away(kiln)
    kiln.sweep()
    assert len(kiln.said("Release Lost", before)) == 1
    kiln.aws.faults()
    kiln.sweep()
    kiln.sweep()
    assert kiln.named() == [OLD] * 3


def test_somebody_elses_image_in_a_parameter_is_no_loss(kiln: Kiln) -> None:
    two_releases(kiln)
    (own,) = kiln.aws.seed(images=[{"region": FURTHER[0], "name": "made by hand"}])["images"]
    kiln.aws.client("ssm", FURTHER[0]).put_parameter(Name="/golden/web", Value=own, Overwrite=True)
    before = kiln.aws.journal_end()
    kiln.sweep()
    kiln.sweep()
    assert kiln.named() == [NEW] * 3 and kiln.said("Release Lost", before) == []


def test_a_base_that_was_copied_back_stays_while_its_layer_can_be_launched(kiln: Kiln) -> None:
    kiln.recipe("base", regions='["eu-west-1"]', keep=1, older_than="0d")
    kiln.bake("base", scheduled_time="2025-06-01T02:00:00Z")
    kiln.recipe("web", base='"recipe:base"', regions="[]")
    kiln.bake("web", scheduled_time="2025-06-01T03:00:00Z")
    (base,) = kiln.images(recipe="base")
    kiln.ec2().deregister_image(ImageId=base["ImageId"])
    for _ in range(2):
        kiln.sweep()
    (back,) = kiln.images(recipe="base")
    assert tags_of(back)["kiln:in-place-of"] == base["ImageId"]
    kiln.bake("base", scheduled_time="2025-06-02T02:00:00Z")
    kiln.aws.days_pass(1)
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert back["ImageId"] in [image["ImageId"] for image in kiln.images(recipe="base")]


def test_a_rollback_outlives_the_image_that_was_rolled_back_to(kiln: Kiln) -> None:
    kiln.recipe(publish=PARAMETER, keep=5)
    for version in ("20250531T020000Z", OLD, NEW):
        kiln.bake(scheduled_time=f"{version[:4]}-{version[4:6]}-{version[6:8]}T02:00:00Z")
    kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    assert kiln.named() == [OLD] * 3
    copies_stay_away(kiln)
    kiln.ec2().deregister_image(ImageId=str(kiln.parameter()))
    for _ in range(2):
        kiln.sweep()
        assert kiln.named() == ["20250531T020000Z"] * 3, "never what was rolled back from"
    kiln.aws.faults()
    kiln.sweep()
    kiln.sweep()
    assert kiln.named() == [OLD] * 3, "it was copied back"
