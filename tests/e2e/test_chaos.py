"""The real binaries with half of all events dropped and every function failing once: the end is the same."""

from __future__ import annotations

import pytest

from e2e.kiln import HOME, REGIONS, Kiln, tags_of
from stack import functions

STOPPED = "EC2 Instance State-change Notification"
IMAGE = "EC2 AMI State Change"
OWN = ("Image Verified", "Image Published", "Image Released", "Parameter Store Change")


def faults(seed: int) -> list[dict[str, object]]:
    lost = [
        {"event": event, "effect": "lose", "times": -1, "probability": 0.5, "seed": seed + at}
        for at, event in enumerate((STOPPED, IMAGE, *OWN))
    ]
    # What a function asks first is refused, and what it asks next: the first may be the key of the seals,
    # when it starts. So it fails, and Lambda tries it again.
    refused = {"call": "*", "code": "UnauthorizedOperation", "status": 403, "times": 2}
    fails = [{**refused, "who": f"kiln-{function}"} for function in functions.names()]
    return [*lost, *fails]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in (2, 3))])
def test_a_night_with_half_its_events_lost_and_every_function_failing_once_ends_as_it_should(
    kiln: Kiln, seed: int
) -> None:
    kiln.recipe(keep=1, older_than="30d", quarantine="0d")
    oldest = kiln.release("web", "20250101T020000Z")
    kiln.recipe("worker", script="echo no such package; exit 3")
    kiln.aws.faults(*faults(seed))
    kiln.aws.schedule("kiln-bake", at="2025-06-01T02:00:00Z")
    kiln.settle()
    sweeps = 0
    while kiln.living() or not released(kiln):
        assert sweeps < 16, [image["Name"] for region in REGIONS for image in kiln.images(region)]
        kiln.aws.schedule("kiln-reconcile")
        kiln.settle()
        sweeps += 1
    kiln.aws.schedule("kiln-expire")
    kiln.settle()

    for region in REGIONS:
        (image,) = kiln.images(region)
        assert image["Name"] == "web-20250601T020000Z" and image["State"] == "available"
        assert image["ImageId"] != oldest[region]
        assert len(kiln.snapshots_of("web", region)) == len(image["BlockDeviceMappings"])
    assert kiln.images(HOME, "worker") == [] and kiln.snapshots_of("worker") == []
    (failed,) = kiln.said("Bake Failed")
    assert failed["recipe"] == "worker" and "no such package" in failed["console-tail"]
    invoked = kiln.aws.journal(kind="invoke")
    failed = {str(entry["function"]) for entry in invoked if entry["outcome"] != "ok"}
    assert {str(entry["function"]) for entry in invoked} == failed, "whichever was woken failed once"
    assert {"kiln-bake", "kiln-capture", "kiln-expire", "kiln-reconcile"} <= failed
    kiln.aws.faults()
    before = kiln.aws.journal_end()
    kiln.aws.schedule("kiln-reconcile")
    kiln.settle()
    assert kiln.changes(before) == []


def released(kiln: Kiln) -> bool:
    """Whether tonight's image is everywhere, and marked so."""
    of_tonight = [
        [image for image in kiln.images(region) if image["Name"] == "web-20250601T020000Z"]
        for region in REGIONS
    ]
    return all(images and tags_of(images[0])["kiln:stage"] == "released" for images in of_tonight)
