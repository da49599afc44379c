"""The release of every Region at once, and the way back."""

from __future__ import annotations

from typing import Any

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_replicate import later

NAMED = 'parameter = "/golden/web"'
OLD, NEW, NEXT = "20250601T020000Z", "20250602T020000Z", "20250603T020000Z"


def bake(kiln: Kiln, version: str) -> None:
    day = version[6:8]
    kiln.bake(scheduled_time=f"2025-06-{day}T02:00:00Z")


def released(kiln: Kiln, *versions: str, **fields: Any) -> None:
    """Releases that were made before: the parameters name the newest."""
    kiln.recipe(**{"publish": NAMED, **fields})
    for version in versions:
        kiln.release("web", version)
    kiln.sweep()
    assert kiln.named() == [versions[-1]] * 3


def comes(kiln: Kiln, version: str, recipe: str = "web") -> None:
    """An image has just been published in the home Region: all that follows from it is done."""
    kiln.release(recipe, version, regions=(HOME,), tags={"kiln:stage": "published"})
    kiln.sweep()


def puts(kiln: Kiln, after: int = 0) -> list[str]:
    """The functions that moved parameters, each time they did."""
    tried = ("ParameterPatternMismatchException", "ParameterAlreadyExists")
    calls = [call for call in kiln.calls("PutParameter", after) if call["error"] not in tried]
    return [str(call["who"]) for call in calls]


def test_all_regions_move_within_one_invocation_once_the_last_is_ready_and_never_before(kiln: Kiln) -> None:
    """From the bake on; the other tests begin with images that are there."""
    released(kiln, OLD)
    message = "Given key ID is not accessible"
    kiln.aws.faults({"image": "CopyImage", "region": "eu-west-1", "message": message, "times": 1})
    before = kiln.aws.journal_end()
    bake(kiln, NEW)
    assert kiln.named() == [OLD] * 3
    later(kiln, hours=0.1)
    assert kiln.named() == [NEW] * 3

    entries = kiln.aws.journal(before)
    ready = [
        e["n"] for e in entries if e["kind"] == "state" and e["what"] == "image" and e["state"] == "available"
    ]
    moved = [e for e in entries if e["kind"] == "call" and e["action"] == "PutParameter" and not e["error"]]
    assert all(move["n"] > max(ready) for move in moved), "nothing moved before the last replica was there"
    assert {move["region"] for move in moved} == set(REGIONS)
    answers = [e["n"] for e in entries if e["kind"] == "invoke" and e["function"] == "kiln-replicate"]
    first = {min(move["n"] for move in moved if move["region"] == region) for region in REGIONS}
    assert not [n for n in answers if min(first) < n < max(first)], "one invocation moved all of them"


def test_a_release_is_said_with_its_regions_ids_and_times_and_the_former_value_is_in_the_history(
    kiln: Kiln,
) -> None:
    released(kiln, OLD)
    comes(kiln, NEW)
    assert kiln.named() == [NEW] * 3
    news = kiln.said("Image Released")[-1]
    assert news["images"] == {region: kiln.parameter(region) for region in REGIONS}
    assert news["parameter"] == "/golden/web" and news["baked"] == "2025-06-02T02:00:00Z"
    assert news["released"] == tags_of(kiln.images()[-1])["kiln:released-at"]
    for region in REGIONS:
        history = kiln.aws.client("ssm", region).get_parameter_history(Name="/golden/web")["Parameters"]
        assert kiln.images(region)[0]["ImageId"] in [entry["Value"] for entry in history]


def test_a_region_whose_copies_fail_for_good_leaves_all_parameters_where_they_were(kiln: Kiln) -> None:
    released(kiln, OLD)
    message = "Given key ID is not accessible"
    kiln.aws.faults({"image": "CopyImage", "region": "ap-southeast-2", "message": message, "times": -1})
    comes(kiln, NEW)
    for _ in range(8):
        later(kiln, hours=4.1)
    assert kiln.named() == [OLD] * 3
    (news,) = kiln.said("Replication Failed")
    assert news["region"] == "ap-southeast-2" and message in news["reason"]
    assert tags_of(kiln.images()[-1])["kiln:stage"] == "published"


def test_a_best_effort_region_does_not_hold_and_is_filled_in_when_it_can_be(kiln: Kiln) -> None:
    released(kiln, OLD, replicate='best_effort = ["ap-southeast-2"]')
    denied = {"code": "ResourceLimitExceeded", "message": "too many copies", "status": 400}
    kiln.aws.faults({"call": "CopyImage", "region": "ap-southeast-2", "times": -1, **denied})
    comes(kiln, NEW)
    assert kiln.named() == [NEW, NEW, OLD]
    kiln.aws.faults()
    kiln.sweep()
    assert kiln.named() == [NEW] * 3


def test_each_region_goes_by_itself_where_the_recipe_says_so(kiln: Kiln) -> None:
    released(kiln, OLD, replicate='release = "each"')
    denied = {"code": "ResourceLimitExceeded", "message": "too many copies", "status": 400}
    kiln.aws.faults({"call": "CopyImage", "region": "ap-southeast-2", "times": -1, **denied})
    comes(kiln, NEW)
    assert kiln.named() == [NEW, NEW, OLD] and kiln.said("Image Released") == []


def test_a_region_that_comes_to_the_recipe_later_is_filled_in_by_the_next_sweep(kiln: Kiln) -> None:
    kiln.recipe(publish=NAMED, regions='["eu-west-1"]')
    kiln.release("web", OLD, regions=(HOME, "eu-west-1"))
    kiln.sweep()
    assert kiln.named() == [OLD, OLD, None]
    kiln.recipe(publish=NAMED)
    kiln.sweep()
    assert kiln.named() == [OLD] * 3


def test_a_parameter_that_may_not_be_written_in_one_region_moves_in_none(kiln: Kiln) -> None:
    released(kiln, OLD)
    denied = {"code": "AccessDeniedException", "message": "not authorized", "status": 400}
    kiln.aws.faults(
        {"call": "PutParameter", "region": "eu-west-1", "who": "kiln-replicate", "times": -1, **denied}
    )
    comes(kiln, NEW)
    assert kiln.named() == [OLD] * 3
    (blocked,) = kiln.said("Release Blocked")
    assert "eu-west-1" in blocked["reason"] and "No Region moved" in blocked["reason"]


def test_a_parameter_that_somebody_overwrote_is_brought_back_by_the_next_sweep(kiln: Kiln) -> None:
    released(kiln, OLD, NEW)
    old = kiln.images("eu-west-1")[0]["ImageId"]
    ssm = kiln.aws.client("ssm", "eu-west-1")
    ssm.put_parameter(Name="/golden/web", Value=old, Type="String", Overwrite=True)
    kiln.sweep()
    assert kiln.named() == [NEW] * 3


def test_a_rollback_is_one_step_and_holds_until_the_next_newer_release(kiln: Kiln) -> None:
    released(kiln, OLD, NEW)
    before = kiln.aws.journal_end()
    assert not kiln.invoke("publish", {"rollback": "web"}).failed
    kiln.settle()
    assert kiln.named() == [OLD] * 3
    (news,) = kiln.said("Image Rolled Back", before)
    assert (news["version"], news["from"]) == (OLD, NEW)
    for _ in range(2):
        kiln.sweep()
    assert kiln.named() == [OLD] * 3 and set(puts(kiln, before)) == {"kiln-publish"}
    comes(kiln, NEXT)
    assert kiln.named() == [NEXT] * 3


def test_a_rollback_to_a_named_version_and_forward_again(kiln: Kiln) -> None:
    released(kiln, OLD, NEW, NEXT)
    for version in (OLD, NEXT):
        kiln.invoke("publish", {"rollback": "web", "to": version})
        kiln.settle()
        kiln.sweep()
        assert kiln.named() == [version] * 3


def test_a_rollback_is_refused_with_the_reason_where_it_cannot_be(kiln: Kiln) -> None:
    released(kiln, OLD, NEW)
    gone = kiln.images("eu-west-1")[0]["ImageId"]
    kiln.ec2("eu-west-1").deregister_image(ImageId=gone)
    kiln.settle()
    error = kiln.invoke("publish", {"rollback": "web"}).error
    assert f"{OLD} cannot be launched in eu-west-1" in error
    error = kiln.invoke("publish", {"rollback": "web", "to": OLD}).error
    assert f"there is no release {OLD} to roll back to" in error
    assert "there is no recipe wbe" in kiln.invoke("publish", {"rollback": "wbe"}).error
    assert kiln.named() == [NEW] * 3


def test_expire_keeps_what_a_parameter_or_a_pin_names(kiln: Kiln) -> None:
    released(kiln, OLD, keep=1, older_than="0d", quarantine="7d")
    comes(kiln, NEW)
    assert kiln.named() == [NEW] * 3
    # The event wakes expire before the release is marked, perhaps too early.
    kiln.invoke("expire", {"dry_run": False})
    kiln.recipe(publish=NAMED, keep=1, older_than="30d", quarantine="7d")
    states = [image["State"] for image in kiln.images()]
    assert states == ["disabled", "available"], "the older one was not named any more"
    third = kiln.release("web", "20250530T020000Z")
    kiln.invoke("publish", {"rollback": "web", "to": "20250530T020000Z"})
    kiln.settle()
    kiln.invoke("expire", {"dry_run": False})
    decisions = kiln.invoke("expire", {"dry_run": True}).decisions
    why = {line["resource"]: line["reason"] for line in decisions}
    assert "a rollback to it is in force" in why[third[HOME]]
    assert "it is used by parameter arn:aws:ssm:" in why[third[FURTHER[0]]]


def test_a_launch_template_gets_a_version_in_each_region_and_follows_a_rollback(kiln: Kiln) -> None:
    kiln.launch_template("web-fleet")
    released(kiln, OLD, NEW, publish=f'{NAMED}\nlaunch_template = {{ name = "web-fleet", default = true }}')

    def default(region: str) -> tuple[str, str]:
        found = kiln.ec2(region).describe_launch_template_versions(
            LaunchTemplateName="web-fleet", Versions=["$Default"]
        )
        data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        return data["ImageId"], data["InstanceType"]

    for region in REGIONS:
        assert default(region) == (kiln.images(region)[-1]["ImageId"], "t4g.small")
    kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    kiln.sweep()
    for region in REGIONS:
        assert default(region)[0] == kiln.images(region)[0]["ImageId"]
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.changes(before) == []


def test_a_release_of_the_base_bakes_the_layer_that_asks_for_it(kiln: Kiln) -> None:
    kiln.recipe("base")
    kiln.recipe("web", base='"recipe:base"', bake="on_base_release = true")
    kiln.recipe("worker", base='"recipe:base"')
    comes(kiln, OLD, "base")
    (base,) = kiln.images(recipe="base")
    (layer,) = kiln.images(recipe="web")
    assert tags_of(layer)["kiln:base"] == base["ImageId"] and tags_of(layer)["kiln:stage"] == "released"
    assert kiln.images(recipe="worker") == []
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.changes(before) == []


def test_a_release_of_the_base_that_nobody_heard_of_bakes_the_layer_with_the_next_sweep(kiln: Kiln) -> None:
    kiln.recipe("base")
    kiln.recipe("web", base='"recipe:base"', bake="on_base_release = true")
    kiln.aws.faults({"event": "Image Released", "effect": "lose", "times": -1})
    comes(kiln, OLD, "base")
    assert kiln.images(recipe="web") == []
    kiln.sweep()
    assert tags_of(kiln.images(recipe="web")[0])["kiln:stage"] == "released"


def test_recipes_that_are_baked_from_each_other_are_refused(kiln: Kiln) -> None:
    kiln.recipe("a", base='"recipe:b"')
    kiln.recipe("b", base='"recipe:a"')
    for call in ({"recipe": "a"}, {}):
        error = kiln.invoke("bake", call).error
        assert "a cycle: a → b → a" in error


def test_a_night_in_which_ssm_throttles_the_writes_of_every_region_is_released_all_the_same(
    kiln: Kiln,
) -> None:
    kiln.recipe(publish=NAMED)
    throttled = {
        "call": "PutParameter",
        "who": "kiln-replicate",
        "code": "ThrottlingException",
        "message": "Rate exceeded",
        "status": 400,
    }
    kiln.aws.faults(*({**throttled, "region": region, "times": 3} for region in REGIONS))
    kiln.bake()
    errors = [call["error"] for call in kiln.calls("PutParameter")]
    assert errors.count("ThrottlingException") == 9, "each Region's calls are throttled, and tried again"
    assert len(set(kiln.named())) == 1 and None not in kiln.named()
    assert kiln.said("Image Released") != [] and kiln.dead_letters() == []
