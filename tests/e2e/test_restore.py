"""expire: what it deprecated or disabled is brought back, as long as it is there."""

from __future__ import annotations

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_expire import NEW, OLD, three_releases

FRIEND = "111122223333"
SHARED = f'share = {{ accounts = ["{FRIEND}"], snapshots = true }}\nparameter = "/golden/web"'


def states(kiln: Kiln, version: str) -> list[str]:
    return [one["State"] for region in REGIONS for one in kiln.images(region) if version in one["Name"]]


def night_after_night(kiln: Kiln, nights: int) -> None:
    """Of what is shared, one night asks for a usage report, and the next reads it."""
    for _ in range(nights):
        kiln.invoke("expire", {"dry_run": False})
        kiln.settle()


def test_a_release_that_was_retired_comes_back_with_all_that_its_recipe_grants(kiln: Kiln) -> None:
    oldest = three_releases(kiln, publish=SHARED, quarantine="7d")
    kiln.sweep()
    assert kiln.allowed(oldest[HOME]) == [FRIEND]
    night_after_night(kiln, 2)
    assert states(kiln, OLD) == ["disabled"] * 3 and kiln.allowed(oldest[HOME]) == []

    kiln.invoke("expire", {"restore": oldest[FURTHER[0]]})
    kiln.settle()
    for _ in range(3):
        kiln.sweep()
    assert kiln.said("Image Rejected") == []
    assert states(kiln, OLD) == ["available"] * 3
    assert {news["image"] for news in kiln.said("Image Restored")} == set(oldest.values())
    for region in REGIONS:
        image = next(one for one in kiln.images(region) if OLD in one["Name"])
        assert image["ImageId"] == oldest[region] and tags_of(image)["kiln:stage"] == "released"
        assert kiln.allowed(oldest[region], region) == [FRIEND]
        assert kiln.copiers(image, region) == [FRIEND]
    assert kiln.named() == [NEW] * 3

    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert states(kiln, OLD) == ["available"] * 3, "the next night leaves it"
    decisions = kiln.invoke("expire", {"recipe": "web"}).decisions
    assert any("remove its tag kiln:restored-at" in line["reason"] for line in decisions)
    for region in REGIONS:
        kiln.ec2(region).delete_tags(Resources=[oldest[region]], Tags=[{"Key": "kiln:restored-at"}])
    night_after_night(kiln, 2)
    assert states(kiln, OLD) == ["disabled"] * 3, "until its mark is taken away"


def test_what_is_only_deprecated_is_so_no_longer(kiln: Kiln) -> None:
    oldest = three_releases(kiln, confirm_after="2d", publish='deprecate_after = "3650d"')
    kiln.invoke("expire", {"dry_run": False})
    kiln.invoke("expire", {"restore": oldest[HOME]})
    for region in REGIONS:
        image = next(one for one in kiln.images(region) if OLD in one["Name"])
        assert image["State"] == "available" and tags_of(image)["kiln:unused-since"] == "no"
        assert image["DeprecationTime"].startswith("2034-"), "as its recipe says"
    before = kiln.aws.journal_end()
    kiln.invoke("expire", {"dry_run": False})
    assert kiln.changes(before) == []


def test_restoring_what_is_not_retired_changes_nothing(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    before = kiln.aws.journal_end()
    decisions = kiln.invoke("expire", {"restore": oldest[HOME]}).decisions
    assert {line["reason"] for line in decisions} == {"there is nothing to bring back: its stage is released"}
    assert kiln.changes(before) == []


def test_after_the_last_step_it_is_said_plainly_that_it_is_too_late(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.invoke("expire", {"dry_run": False})
    answer = kiln.invoke("expire", {"restore": oldest[HOME]})
    assert "it is deregistered and cannot be brought back" in answer.error


def test_what_lies_in_the_recycle_bin_is_told_with_its_region_and_time(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    rule = [{"Key": "recycle-bin-days", "Value": "14"}]
    kiln.ec2(FURTHER[0]).create_tags(Resources=[oldest[FURTHER[0]]], Tags=rule)
    kiln.invoke("expire", {"dry_run": False})
    answer = kiln.invoke("expire", {"restore": oldest[FURTHER[0]]})
    assert f"in the Recycle Bin of {FURTHER[0]} until 20" in answer.error
    assert "restore its snapshots there first" in answer.error


def test_what_is_not_kilns_is_not_restored(kiln: Kiln) -> None:
    kiln.recipe()
    foreign = {"region": HOME, "name": "by-hand", "state": "disabled"}
    (other,) = kiln.aws.seed(images=[foreign])["images"]
    before = kiln.aws.journal_end()
    assert kiln.invoke("expire", {"restore": other}).failed
    assert kiln.changes(before) == []


def test_what_somebody_disables_after_it_was_brought_back_has_a_quarantine_of_its_own(kiln: Kiln) -> None:
    oldest = three_releases(kiln, quarantine="7d")
    night_after_night(kiln, 1)
    kiln.invoke("expire", {"restore": oldest[HOME]})
    kiln.settle()
    for _ in range(3):
        kiln.sweep()
    kiln.aws.days_pass(60)
    for region, image in oldest.items():
        kiln.ec2(region).delete_tags(Resources=[image], Tags=[{"Key": "kiln:restored-at"}])
        kiln.ec2(region).disable_image(ImageId=image)
    night_after_night(kiln, 2)
    assert states(kiln, OLD) == ["disabled"] * 3, "it was in quarantine long ago, and not since"


def test_what_could_not_be_looked_for_is_not_told_as_gone(kiln: Kiln) -> None:
    away = FURTHER[1]
    kiln.recipe(regions=f'["{FURTHER[0]}"]', quarantine="7d")
    newest = kiln.release("web", NEW)
    night_after_night(kiln, 1)
    denied = {"code": "UnauthorizedOperation", "message": "You are not authorized.", "status": 403}
    kiln.aws.faults({"call": "DescribeRegions", "times": -1, **denied})
    answer = kiln.invoke("expire", {"restore": newest[away]})
    assert "DescribeRegions" in answer.error and "cannot be brought back" not in answer.error
    kiln.aws.faults()


def test_a_region_that_does_not_answer_is_told_by_a_restore(kiln: Kiln) -> None:
    away = FURTHER[1]
    oldest = three_releases(kiln, quarantine="7d")
    night_after_night(kiln, 1)
    kiln.aws.client("ssm").delete_parameter(Name="/kiln/recipes/web")
    failing = {"code": "InternalError", "message": "An internal error has occurred.", "status": 500}
    kiln.aws.faults({"call": "DescribeImages", "region": away, "times": -1, **failing})
    answer = kiln.invoke("expire", {"restore": oldest[HOME]})
    assert answer.failed and away in answer.error and "InternalError" in answer.error
    kiln.aws.faults()
    kiln.start_anew("expire")
    kiln.invoke("expire", {"restore": oldest[HOME]})
    assert states(kiln, OLD) == ["available"] * 3
