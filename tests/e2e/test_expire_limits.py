"""expire: how much may go in one run, and what looks so strange that nothing goes."""

from __future__ import annotations

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of

VERSIONS = [f"2025{month:02}01T020000Z" for month in range(1, 7)]


def six_releases(kiln: Kiln, regions: tuple[str, ...] = REGIONS, **recipe: str) -> None:
    """Of which the recipe keeps the two newest."""
    kiln.recipe(**recipe)
    for version in VERSIONS:
        kiln.release("web", version, regions)


def left(kiln: Kiln) -> list[int]:
    return [len(kiln.images(region)) for region in REGIONS]


def test_more_than_may_go_in_one_run_and_nothing_goes_until_who_saw_the_plan_allows_it(kiln: Kiln) -> None:
    six_releases(kiln)
    kiln.aws.schedule("kiln-expire")
    kiln.settle()
    assert left(kiln) == [6, 6, 6]
    (news,) = kiln.said("Expiry Blocked")
    assert news["images"] == 12 and (news["recipe"], news["version"]) == ("web", VERSIONS[-1])
    assert (
        "expire.max_percent = 50, of 18 images" in news["reason"]
        and "kiln apply web --allow 12" in news["reason"]
    )

    planned = kiln.invoke("expire", {"recipe": "web"}).decisions
    assert {line["reason"] for line in planned if line["outcome"] == "planned"} == {news["reason"]}
    spared = [line["plan"] for line in planned if line["reason"] == news["reason"] and "plan" in line]
    assert [(one["next_step"], one.get("next_step_at")) for one in spared] == [("deregister", None)] * 12
    would = kiln.invoke("expire", {"recipe": "web", "allow": 12}).decisions
    assert len([line for line in would if line["action"] == "deregister"]) == 12 and left(kiln) == [6, 6, 6]

    fewer = kiln.invoke("expire", {"recipe": "web", "dry_run": False, "allow": 11}).decisions
    assert any("the limit is 11 (allow = 11)" in line["reason"] for line in fewer) and left(kiln) == [6, 6, 6]
    kiln.invoke("expire", {"recipe": "web", "dry_run": False, "allow": 12})
    assert left(kiln) == [2, 2, 2]


def test_the_recipe_says_how_much_may_go(kiln: Kiln) -> None:
    six_releases(kiln, expire="max_percent = 100\nmax_per_run = 11")
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    (news,) = kiln.said("Expiry Blocked")
    assert "the limit is 11 (expire.max_per_run = 11)" in news["reason"] and left(kiln) == [6, 6, 6]
    kiln.recipe(expire="max_percent = 67\nmax_per_run = 12")
    kiln.invoke("expire", {"dry_run": False})
    assert left(kiln) == [2, 2, 2]


def test_a_stop_of_one_recipe_stops_no_other(kiln: Kiln) -> None:
    six_releases(kiln)
    kiln.recipe("worker")
    for version in VERSIONS[:3]:
        kiln.release("worker", version)
    kiln.invoke("expire", {"dry_run": False})
    assert left(kiln) == [6, 6, 6] and len(kiln.images(HOME, "worker")) == 2


def test_a_region_that_answers_with_no_images_where_there_should_be_some_stops_the_run(kiln: Kiln) -> None:
    six_releases(kiln, regions=(HOME, FURTHER[0]), expire="max_percent = 100")
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    (news,) = kiln.said("Expiry Blocked")
    assert f"{FURTHER[1]} shows no image of the recipe" in news["reason"]
    assert left(kiln) == [6, 6, 0]


def test_allow_is_said_of_one_recipe(kiln: Kiln) -> None:
    six_releases(kiln)
    answer = kiln.invoke("expire", {"dry_run": False, "allow": 12})
    assert "allow needs a recipe; name the one whose plan you reviewed" in answer.error and left(kiln) == [
        6,
        6,
        6,
    ]


def test_a_region_that_shows_far_fewer_images_than_before_stops_the_run(kiln: Kiln) -> None:
    six_releases(kiln, quarantine="7d", expire="max_percent = 100")
    kiln.invoke("expire", {"dry_run": False})
    away = kiln.ec2(FURTHER[0])
    images = kiln.images(FURTHER[0])
    assert {tags_of(image).get("kiln:fleet-size") for image in images} == {"6", None}
    for image in images[1:]:
        away.deregister_image(ImageId=image["ImageId"])
    kiln.aws.days_pass(7)
    before = kiln.aws.journal_end()
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    (news,) = kiln.said("Expiry Blocked", before)
    told = f"{FURTHER[0]} shows 1 images of the recipe, down from 6 at an earlier step"
    assert told in news["reason"] and "DeregisterImage" not in kiln.changes(before)
    kiln.invoke("expire", {"recipe": "web", "dry_run": False, "allow": 12})
    assert left(kiln) == [2, 0, 2], "somebody has seen it, and said so"
