"""The watermark of published images: by it, other accounts allow launches of nothing else."""

from __future__ import annotations

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_publish import ONE, share
from e2e.test_recall import recall
from e2e.test_release import NEW, OLD, bake
from local_aws.settings import ACCOUNT

MARKED = f'parameter = "/golden/web"\nwatermark = "verified"\n{share(ONE)}'
KEY = f"{ACCOUNT}:verified"


def borne(kiln: Kiln) -> list[list[list[str]]]:
    """The watermarks of each image, oldest first, by Region."""
    return [
        [[one["WatermarkKey"] for one in image.get("ImageWatermarks", [])] for image in kiln.images(region)]
        for region in REGIONS
    ]


def test_an_image_and_its_replicas_bear_it_and_only_images_of_kilns_get_it(kiln: Kiln) -> None:
    kiln.recipe(publish=MARKED)
    kiln.bake()
    assert borne(kiln) == [[[KEY]]] * 3
    (attached,) = kiln.calls("AttachImageWatermark")
    assert attached["region"] == HOME, "a replica has that of its origin"
    shared = kiln.calls("ModifyImageAttribute", region=HOME)
    assert attached["n"] < min(call["n"] for call in shared), "before anybody else may launch it"
    before = kiln.aws.journal_end()
    assert kiln.sweep() == [] and kiln.changes(before) == []


def test_a_recipe_that_names_one_later_marks_what_is_published_and_one_that_names_none_takes_it_off(
    kiln: Kiln,
) -> None:
    kiln.recipe(publish=share(ONE))
    kiln.bake()
    assert borne(kiln) == [[[]]] * 3
    kiln.recipe(publish=f'watermark = "verified"\n{share(ONE)}')
    kiln.sweep()
    assert borne(kiln) == [[[KEY]]] * 3
    kiln.recipe(publish=f'watermark = "golden"\n{share(ONE)}')
    kiln.sweep()
    assert borne(kiln) == [[[f"{ACCOUNT}:golden"]]] * 3
    kiln.recipe(publish=share(ONE))
    kiln.sweep()
    assert borne(kiln) == [[[]]] * 3
    before = kiln.aws.journal_end()
    assert kiln.sweep() == [] and kiln.changes(before) == []


def test_a_recall_takes_it_off_everywhere_and_what_is_brought_back_gets_it_again(kiln: Kiln) -> None:
    kiln.recipe(publish=MARKED)
    for version in (OLD, NEW):
        bake(kiln, version)
    recall(kiln)
    assert borne(kiln) == [[[KEY], []]] * 3
    answer = kiln.invoke("publish", {"reinstate": "web", "version": NEW, "dry_run": False})
    kiln.settle()
    assert not answer.failed and borne(kiln) == [[[KEY], [KEY]]] * 3


def test_where_ec2_does_not_know_it_that_is_told_beforehand_and_no_release_waits(kiln: Kiln) -> None:
    kiln.aws.without_watermarks(HOME, FURTHER[0])
    kiln.recipe(publish=MARKED)
    told = {line["reason"] for line in kiln.invoke("bake", {"preflight": True}).decisions}
    for region in (HOME, FURTHER[0]):
        assert any(f"EC2 in {region} does not know watermarks" in reason for reason in told), told
    assert not any(FURTHER[1] in reason for reason in told)
    kiln.bake()
    assert borne(kiln) == [[[]], [[]], [[KEY]]]
    assert [tags_of(kiln.images(region)[0])["kiln:stage"] for region in REGIONS] == ["released"] * 3
    assert kiln.dead_letters() == []
    before = kiln.aws.journal_end()
    assert kiln.sweep() == [] and kiln.changes(before) == []


def test_a_refusal_is_no_failure_and_is_told_in_the_answer(kiln: Kiln) -> None:
    kiln.recipe(publish=MARKED)
    denied = {"code": "UnauthorizedOperation", "message": "not authorized to mark", "status": 403}
    kiln.aws.faults({"call": "AttachImageWatermark", "times": -1, **denied})
    kiln.bake()
    assert kiln.named()[0] is not None and kiln.dead_letters() == []
    kiln.recipe(publish=MARKED.replace("verified", "golden"))
    (image,) = kiln.images()
    published = {"source": "kiln", "detail-type": "Image Verified"}
    detail = {"image": image["ImageId"], "region": HOME}
    answer = kiln.invoke("publish", {**published, "detail": detail})
    (line,) = [line for line in answer.decisions if line["action"] == "attach-watermark"]
    assert line["outcome"] == "forgone" and "not authorized to mark" in line["error"]
