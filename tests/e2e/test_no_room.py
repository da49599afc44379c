"""bake: no subnet has room for a builder, with any of its types."""

from __future__ import annotations

from datetime import UTC, datetime

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
    for _ in range(3):
        kiln.sweep()
    (failed,) = kiln.said("Bake Failed")
    assert "bake.instance_types" in failed["reason"] and "sufficient t4g.small capacity" in failed["reason"]
    kiln.aws.faults()
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


def test_the_first_bake_of_a_recipe_is_told_with_the_answer_because_nothing_remembers_it(kiln: Kiln) -> None:
    kiln.recipe(regions="[]")
    kiln.aws.faults(FULL)
    answer = kiln.invoke("bake", {"recipe": "web"})
    assert "InsufficientInstanceCapacity" in answer.error and kiln.said("Bake Failed") == []


def test_a_tag_of_somebody_makes_no_bake(kiln: Kiln) -> None:
    kiln.recipe(regions="[]")
    kiln.release("web", OLD, regions=(HOME,))
    (image,) = kiln.images()
    waits = {"Key": "kiln:bake-waits", "Value": "20250301T020000Z"}
    kiln.ec2().create_tags(Resources=[image["ImageId"]], Tags=[waits])
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.changes(before) == [] and kiln.said("Bake Failed") == []
