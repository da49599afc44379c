"""The versions of images that somebody gives: each has its own, and none lies in the future."""

from __future__ import annotations

from e2e.kiln import HOME, Kiln, tags_of

NAMED = 'parameter = "/golden/web"'
ADOPT = '[adopt]\nname = "packer *"'


def asking(kiln: Kiln) -> None:
    kiln.recipe(publish=NAMED, regions="[]", expire=ADOPT)


def test_of_two_images_given_in_the_same_second_one_is_released_and_the_other_is_told(kiln: Kiln) -> None:
    asking(kiln)
    given = {"region": HOME, "tags": {"kiln:recipe": "web"}, "created": "2025-06-01T02:00:00Z"}
    first, second = kiln.aws.seed(images=[{**given, "name": f"packer {n}"} for n in (1, 2)])["images"]
    first, second = sorted((first, second))
    answer = kiln.invoke("verify", {"adopt": second, "recipe": "web"})
    assert f"because {first} was handed over with the same version" in answer.error
    assert "set its tag kiln:version to another time" in answer.error
    kiln.sweep()
    released = [one["ImageId"] for one in kiln.images() if "kiln:stage" in tags_of(one)]
    assert released == [first] and kiln.parameter() == first
    # Numbered by hand, it is adopted too.
    kiln.ec2().create_tags(Resources=[second], Tags=[{"Key": "kiln:version", "Value": "20250601T020001Z"}])
    kiln.sweep()
    assert kiln.parameter() == second


def test_an_image_given_with_a_version_of_the_future_freezes_no_parameter(kiln: Kiln) -> None:
    asking(kiln)
    tags = {"kiln:recipe": "web", "kiln:version": "20620101T000000Z"}
    (future,) = kiln.aws.seed(images=[{"region": HOME, "name": "packer 1748736000", "tags": tags}])["images"]
    kiln.sweep()
    assert "which is in the future" in kiln.invoke("verify", {"adopt": future, "recipe": "web"}).error
    kiln.bake(scheduled_time="2025-06-02T02:00:00Z")
    tonight = next(image for image in kiln.images() if image["Name"] == "web-20250602T020000Z")
    assert kiln.parameter() == tonight["ImageId"]
