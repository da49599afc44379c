"""bake: no subnet has room for a builder, with any of its types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from e2e.kiln import HOME, Kiln

OLD = "20250101T020000Z"
FULL = {
    "call": "RunInstances",
    "code": "InsufficientInstanceCapacity",
    "message": "We currently do not have sufficient t4g.small capacity",
    "status": 500,
    "times": -1,
}


def a_night_without_room(kiln: Kiln, **fields: str) -> str:
    """A recipe with a release, whose bake of now finds no room. Gives its time."""
    kiln.recipe(regions="[]", **fields)
    kiln.release("web", OLD, regions=(HOME,))
    kiln.aws.faults(FULL)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    kiln.aws.schedule("kiln-bake", at=at)
    kiln.settle()
    assert kiln.living() == [] and kiln.dead_letters() == []
    return at


def test_a_bake_without_room_is_tried_again_by_each_sweep_until_there_is_some(kiln: Kiln) -> None:
    at = a_night_without_room(kiln)
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.calls("RunInstances", before) != [] and kiln.said("Bake Failed") == []
    kiln.aws.faults()
    kiln.sweep()
    kiln.sweep()
    version = at.replace("-", "").replace(":", "")
    assert [image["Name"] for image in kiln.images()] == [f"web-{OLD}", f"web-{version}"]
    assert len(kiln.said("Image Released")) == 1 and kiln.said("Bake Failed") == []
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.changes(before) == []


def test_after_its_window_it_has_failed_and_says_so_once(kiln: Kiln) -> None:
    at = a_night_without_room(kiln)
    kiln.recipe(regions="[]", bake='window = "0m"')
    kiln.aws.faults()
    for _ in range(3):
        kiln.sweep()
    (failed,) = kiln.said("Bake Failed")
    assert "bake.instance_types" in failed["reason"] and "sufficient t4g.small capacity" in failed["reason"]
    before = kiln.aws.journal_end()
    kiln.sweep()
    kiln.aws.schedule("kiln-bake", at=at)
    kiln.settle()
    assert kiln.changes(before) == [], "nor does the same event, delivered again, bake"


def test_a_later_bake_ends_the_wait(kiln: Kiln) -> None:
    a_night_without_room(kiln)
    kiln.aws.faults()
    kiln.invoke("bake", {"recipe": "web"})
    kiln.settle()
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.calls("RunInstances", before) == [] and len(kiln.said("Image Released")) == 1


def test_the_first_bake_of_a_recipe_waits_like_any_other(kiln: Kiln) -> None:
    kiln.recipe(regions="[]")
    kiln.aws.faults(FULL)
    answer = kiln.invoke("bake", {"recipe": "web"})
    assert "InsufficientInstanceCapacity" in str(answer.body or answer.error)
    kiln.aws.faults()
    kiln.sweep()
    assert len(kiln.said("Image Released")) == 1 and kiln.said("Bake Failed") == []
    assert waiting(kiln) == []


def test_a_bake_that_waits_ends_with_its_recipe(kiln: Kiln) -> None:
    a_night_without_room(kiln)
    for image in kiln.images():
        kiln.ec2().deregister_image(ImageId=image["ImageId"])
    kiln.aws.client("ssm", HOME).delete_parameter(Name="/kiln/recipes/web")
    kiln.aws.faults()
    for _ in range(2):
        kiln.sweep()
    (failed,) = kiln.said("Bake Failed")
    assert "no readable recipe web any more" in failed["reason"] and kiln.calls("RunInstances") != []
    assert kiln.dead_letters() == [] and kiln.living() == []


def test_of_two_bakes_that_wait_the_newer_one_is_baked_and_the_older_one_has_failed(kiln: Kiln) -> None:
    kiln.recipe(regions="[]")
    kiln.aws.faults(FULL)
    now = datetime.now(UTC)
    for at in (now - timedelta(hours=2), now - timedelta(hours=1)):
        kiln.aws.schedule("kiln-bake", at=at.strftime("%Y-%m-%dT%H:%M:00Z"))
        kiln.settle()
    assert len(waiting(kiln)) == 2
    kiln.aws.faults()
    for _ in range(2):
        kiln.sweep()
    (failed,) = kiln.said("Bake Failed")
    assert "a newer bake" in failed["reason"] and len(kiln.said("Image Released")) == 1


def test_a_base_that_goes_while_its_bake_waits_ends_the_bake(kiln: Kiln) -> None:
    a_night_without_room(kiln)
    kiln.recipe(regions="[]", base='"ami-00000000000000bad"')
    kiln.aws.faults()
    for _ in range(2):
        kiln.sweep()
    (failed,) = kiln.said("Bake Failed")
    assert "ami-00000000000000bad" in failed["reason"] and kiln.dead_letters() == []


def waiting(kiln: Kiln) -> list[str]:
    found = kiln.aws.client("ssm", HOME).get_parameters_by_path(Path="/kiln/waiting")["Parameters"]
    return [one["Name"] for one in found if one["Value"].startswith("waits")]
