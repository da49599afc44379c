"""kiln, the command line: every command against functions that are deployed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_expire import MIDDLE, NEW, OLD, three_releases
from local_aws.cli import BINARY, Cli

NOBODY = "ami-0123456789abcdef0"
RECIPES = 200
FIVE_REGIONS = (*REGIONS, "us-west-2", "eu-central-1")
MOST_S = 3.0


@pytest.fixture
def cli(kiln: Kiln, tmp_path: Path) -> Cli:
    assert BINARY.exists(), "the command line is not built: make binaries"
    return Cli(kiln.aws.url, tmp_path)


def named(kiln: Kiln, **recipe: object) -> dict[str, str]:
    """Three releases, of which a parameter in each Region names the newest."""
    oldest = three_releases(kiln, publish='parameter = "/golden/web"', **recipe)
    kiln.sweep()
    return oldest


def test_status_tells_release_pointers_and_what_is_under_way_and_changes_nothing(
    kiln: Kiln, cli: Cli
) -> None:
    named(kiln)
    before = kiln.aws.journal_end()
    (recipe,) = cli.document("status")["status"]["recipes"]
    assert (recipe["name"], recipe["newest"]["version"], recipe["under_way"]) == ("web", NEW, [])
    assert {one["region"]: one["version"] for one in recipe["pointers"]} == dict.fromkeys(REGIONS, NEW)
    assert [one["version"] for one in recipe["versions"]] == [NEW, MIDDLE, OLD]
    text = cli.text("status")
    assert "newest in all 3 Regions" in text and NEW in text
    assert kiln.changes(before) == [] and kiln.calls("PutObject", before) == []
    assert cli.document("status", "wbe", code=1)["error"]["kind"] == "function"


def test_status_tells_the_last_failure_with_its_reason(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe(script="exit 3")
    kiln.bake()
    (recipe,) = cli.document("status", "web")["status"]["recipes"]
    assert recipe["last_failure"]["event"] == "Bake Failed"
    assert "Bake Failed" in cli.text("status") and "newest" not in recipe


def test_a_malformed_question_for_the_status_is_refused_with_every_mistake(kiln: Kiln) -> None:
    error = kiln.invoke("catalog", {"status": 1, "recipe": "We b", "dry_run": True}).error
    for told in ("status is 1", "'We b' is not a recipe name", "unknown field `dry_run`"):
        assert told in error


def test_status_of_200_recipes_in_five_regions_takes_no_longer_than_three_seconds(
    kiln: Kiln, cli: Cli
) -> None:
    names = [f"recipe-{number:03}" for number in range(RECIPES)]
    regions = str(list(FIVE_REGIONS[1:])).replace("'", '"')
    images = []
    for name in names:
        kiln.recipe(name, regions=regions, publish=f'parameter = "/golden/{name}"')
        tags = {"kiln:recipe": name, "kiln:version": NEW, "kiln:stage": "released"}
        common = {"name": f"{name}-{NEW}", "created": "2025-03-01T02:00:00Z", "tags": tags}
        images += [{**common, "region": region} for region in FIVE_REGIONS]
    kiln.aws.seed(images=images)
    try:
        cli.run("status", "recipe-000")
        began = time.monotonic()
        document = cli.document("status")
        took = time.monotonic() - began
        found = document["status"]["recipes"]
        assert [one["name"] for one in found] == names
        assert all(len(one["pointers"]) == len(FIVE_REGIONS) for one in found)
        assert took <= MOST_S, f"{took:.1f} s"
    finally:
        ssm = kiln.aws.client("ssm")
        for name in names:
            ssm.delete_parameter(Name=f"/kiln/recipes/{name}")


def test_a_plan_is_a_table_with_its_cost_and_its_exit_code_tells_that_something_goes(
    kiln: Kiln, cli: Cli
) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    before = kiln.aws.journal_end()
    document = cli.document("plan", "web")
    assert document["removes"] == 0, "to deprecate an image removes nothing"
    text = cli.text("plan")
    assert all(f"{oldest[region]} {region}" in text for region in REGIONS)
    assert "9 images with 72 GB of snapshots cost at most 3.60 dollars a month" in text
    assert kiln.changes(before) == []
    kiln.recipe()
    assert cli.document("plan", code=3)["removes"] == 3
    assert "deregister" in cli.text("plan", "web", code=3)


def test_a_plan_is_carried_out_once_somebody_says_yes(kiln: Kiln, cli: Cli) -> None:
    oldest = three_releases(kiln)
    refused = cli.run("apply")
    assert refused.code == 1 and "there is no terminal to ask at" in refused.err and "--yes" in refused.err
    assert cli.document("apply", code=1)["error"]["kind"] == "not-confirmed"
    assert oldest[HOME] in [one["ImageId"] for one in kiln.images()]
    document = cli.document("apply", "web", "--allow", "3", "--yes")
    kiln.settle()
    assert "deregister" in [one["action"] for one in document["answer"]["decisions"]]
    assert oldest[HOME] not in [one["ImageId"] for one in kiln.images()]
    assert "Nothing is to be done." in cli.text("apply", "web")


def test_a_question_is_asked_at_a_terminal_and_no_is_the_answer_of_silence(kiln: Kiln, cli: Cli) -> None:
    named(kiln)
    for answer, code, versions in (("", 1, [NEW] * 3), ("y", 0, [MIDDLE] * 3)):
        ended = cli.at_terminal("rollback", "web", answers=[answer])
        assert f"Roll web back to {MIDDLE}?" in ended.out
        assert ended.code == code
        kiln.settle()
        assert kiln.named() == versions, ended.out


def test_an_image_is_explained_in_prose(kiln: Kiln, cli: Cli) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    before = kiln.aws.journal_end()
    text = cli.text("explain", oldest[FURTHER[0]])
    first, made, *_ = text.splitlines()
    assert first == f"{oldest[FURTHER[0]]} in eu-west-1 is web {OLD} (stage released, state available)."
    assert made == f"It is a copy of us-east-1/{oldest[HOME]}, whose bake began 2025-01-01 02:00."
    assert all(f"{region:<14}  {image}  available" in text for region, image in oldest.items())
    assert "Nothing was found that uses it." in text and "2 newer releases are kept" in text
    kiln.aws.seed(instances=[{"region": HOME, "image": oldest[HOME], "state": "stopped"}])
    assert "It is used by: instance arn:aws:ec2:us-east-1" in cli.text("explain", oldest[HOME])
    told = cli.document("explain", oldest[HOME])["answer"]["explanation"]
    assert told["image"] == oldest[HOME] and kiln.changes(before) == []
    error = cli.document("explain", NOBODY, code=1)["error"]
    assert error["kind"] == "function" and "it is in no Region of the account" in error["what"]


def test_a_preflight_tells_all_that_a_bake_would_fail_for(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe()
    assert cli.document("preflight", "web")["answer"]["decisions"]
    assert "us-east-1  web" in cli.text("preflight", "web")
    kiln.recipe(replicate='kms_keys = { eu-west-1 = "alias/gone" }')
    refused = cli.run("preflight", "web")
    assert refused.code == 1 and "there is no KMS key alias/gone in eu-west-1" in refused.err
    assert kiln.calls("RunInstances") == []


def test_a_bake_is_followed_through_all_functions_until_it_is_released(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe(publish='parameter = "/golden/web"')
    document = cli.document("bake", "web", "--watch", "--for", "90s")
    assert document["outcome"] == "released"
    assert document["status"]["newest"]["version"] == document["version"]
    assert kiln.named() == [document["version"]] * 3


def test_a_bake_that_fails_is_told_with_its_reason(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe(script="exit 3")
    document = cli.document("bake", "web", "--watch", "--for", "90s", code=1)
    assert document["error"]["kind"] == "not-done" and "Bake Failed" in document["error"]["what"]
    assert cli.document("bake", "wbe", code=1)["error"]["kind"] == "function"


def test_a_bake_that_nobody_follows_tells_how_it_is_looked_at(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe()
    assert "kiln status web shows how far it is." in cli.text("bake", "web")
    kiln.settle()


def test_a_rollback_shows_from_and_to_and_refuses_without_a_yes(kiln: Kiln, cli: Cli) -> None:
    named(kiln)
    refused = cli.run("rollback", "web")
    assert refused.code == 1 and "Nothing was changed" in refused.err
    for region in REGIONS:
        (row,) = [line for line in refused.out.splitlines() if line.startswith(region)]
        assert row.split() == [region, "parameter", "/golden/web", NEW, MIDDLE]
    assert kiln.named() == [NEW] * 3
    document = cli.document("rollback", "web", "--yes")
    assert {(one["region"], one["from"], one["to"]) for one in document["moves"]} == {
        (region, NEW, MIDDLE) for region in REGIONS
    }
    assert kiln.named() == [MIDDLE] * 3
    text = cli.text("rollback", "web", "--to", NEW, "--yes")
    assert f"web stays on {NEW} until a release is newer" in text and kiln.named() == [NEW] * 3
    error = cli.document("rollback", "web", "--to", "20200101T000000Z", code=1)["error"]
    assert "there is no release 20200101T000000Z" in error["what"]
    assert "there is no recipe wbe" in cli.run("rollback", "wbe", "--yes").err


def test_a_rollback_that_fails_in_one_region_shows_what_each_names(kiln: Kiln, cli: Cli) -> None:
    named(kiln)
    denied = {"code": "AccessDeniedException", "message": "not authorized to put", "status": 400}
    kiln.aws.faults({"call": "PutParameter", "region": "eu-west-1", "times": -1, **denied})
    ended = cli.run("rollback", "web", "--yes")
    kiln.aws.faults()
    assert ended.code == 1 and "PutParameter on /golden/web in eu-west-1 failed" in ended.err
    rows = [line for line in ended.out.splitlines() if line.startswith("eu-west-1")]
    assert any("(as before)" in row for row in rows)


def test_a_recall_shows_who_uses_it_and_is_taken_back(kiln: Kiln, cli: Cli) -> None:
    named(kiln)
    asked = ("recall", "web", NEW, "--why", "CVE-1")
    shown = cli.run(*asked)
    assert shown.code == 1 and "recalled: CVE-1" in shown.out and "parameter/golden/web" in shown.out
    assert kiln.named() == [NEW] * 3
    document = cli.document(*asked, "--yes")
    kiln.settle()
    assert kiln.named() == [MIDDLE] * 3
    assert {(one["from"], one["to"]) for one in document["moves"]} == {(NEW, MIDDLE)}
    assert cli.document("reinstate", "web", NEW, code=1)["error"]["kind"] == "not-confirmed"
    text = cli.text("reinstate", "web", NEW, "--yes")
    assert f"the recall of {NEW} is taken back" in " ".join(text.split())


def test_an_approval_is_shown_and_done_once_somebody_says_yes(kiln: Kiln, cli: Cli) -> None:
    prod = "parameter = '/golden/web/prod'\nfollows = 'stage'\napproval = true"
    channels = f"[channels.stage]\nparameter = '/golden/web/stage'\n[channels.prod]\n{prod}"
    kiln.recipe(publish=f"parameter = '/golden/web'\n{channels}")
    kiln.bake(scheduled_time="2025-06-01T02:00:00Z")
    shown = cli.run("approve", "web", "prod")
    assert shown.code == 1 and "somebody approved 20250601T020000Z for channel prod" in shown.out
    assert cli.document("approve", "web", "prod", code=1)["error"]["kind"] == "not-confirmed"
    text = cli.text("approve", "web", "prod", "--yes")
    assert "has come to channel prod" in " ".join(text.split())
    kiln.settle()
    assert "no release waits for channel prod" in cli.run("approve", "web", "prod", "--yes").err


def test_a_channel_is_rolled_back_once_somebody_says_yes(kiln: Kiln, cli: Cli) -> None:
    stage = "[channels.stage]\nparameter = '/golden/web/stage'"
    kiln.recipe(publish=f"parameter = '/golden/web'\n{stage}")
    older, newer = "20250601T020000Z", "20250602T020000Z"
    for day in (1, 2):
        kiln.bake(scheduled_time=f"2025-06-0{day}T02:00:00Z")
    asked = ("rollback", "web", "--channel", "stage")
    shown = cli.run(*asked)
    assert shown.code == 1 and f"channel stage was rolled back to {older}" in " ".join(shown.out.split())
    assert newer in shown.out and "move-parameters (planned)" in shown.out
    assert cli.document(*asked, code=1)["error"]["kind"] == "not-confirmed"
    assert "move-parameters (done)" in cli.text(*asked, "--yes")
    kiln.settle()
    assert "no earlier release in channel stage" in cli.run(*asked, "--yes").err


def test_what_was_deprecated_is_restored(kiln: Kiln, cli: Cli) -> None:
    oldest = three_releases(kiln, quarantine="7d")
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    text = cli.text("restore", oldest[HOME])
    assert all(oldest[region] in text for region in REGIONS) and "(done)" in text
    assert cli.document("restore", oldest[HOME])["answer"]
    assert cli.document("restore", NOBODY, code=1)["error"]["kind"] == "function"


def test_an_image_is_held_with_a_reason_and_how_that_ends_is_told(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe()
    kiln.bake()
    (image,) = [one["ImageId"] for one in kiln.images()]
    said = cli.text_of_any_width("hold", image, "--why", "audit until June")
    assert said.startswith(
        "tag (done): somebody asked to hold it; it stays until its tag kiln:hold is removed"
    )
    assert f"aws ec2 delete-tags --region us-east-1 --resources {image} --tags Key=kiln:hold" in said
    (found,) = kiln.images()
    assert tags_of(found)["kiln:hold"] == "audit until June"
    told = cli.document("explain", image)["answer"]["explanation"]
    assert "it is held: kiln:hold = 'audit until June'" in told["kept_by"]
    again = cli.document("hold", image, "--why", "audit until June")["answer"]["decisions"]
    assert [(one["action"], one["outcome"]) for one in again] == [("keep", "unchanged")]
    assert "ami-0123456789abcdef0" in str(cli.document("hold", "ami-0123456789abcdef0", "--why", "x", code=1))


def test_what_waits_in_the_queues_is_in_the_status(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe()
    cli.run("failures", "purge", "--yes")
    assert "Nothing waits in the queues." in cli.text("status")
    url = kiln.aws.client("sqs").get_queue_url(QueueName="kiln-ended-badly")["QueueUrl"]
    kiln.aws.client("sqs").send_message(QueueUrl=url, MessageBody="{}")
    waiting = {one["name"]: one["waiting"] for one in cli.document("status")["status"]["queues"]}
    assert waiting == {"failures": 0, "undelivered": 0, "ended-badly": 1}
    assert "Something waits in the queues: 1 in ended-badly." in cli.text("status")


def test_a_rejected_image_is_tested_again_and_a_copy_is_asked_for(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe(verify="script = 'exit 1'")
    kiln.bake()
    (rejected,) = kiln.images()
    kiln.recipe()
    document = cli.document("retest", rejected["ImageId"])
    (decided,) = [one for one in document["answer"]["decisions"] if one["action"] == "set-stage"]
    assert "somebody asked to test it again" in decided["reason"]
    kiln.settle()
    assert [tags_of(image)["kiln:stage"] for image in kiln.images()] == ["released"]
    assert "only a rejected image is tested again" in cli.run("retest", rejected["ImageId"]).err
    assert cli.document("copy", rejected["ImageId"])["answer"]
    assert "the image is deregistered" in cli.run("copy", NOBODY).err


def test_an_image_of_somebody_is_handed_over(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe()
    foreign = {"region": HOME, "name": "packer 1", "created": "2026-11-20T02:00:00Z", "tags": {}}
    (image,) = kiln.aws.seed(images=[foreign])["images"]
    assert "adopt" in [one["action"] for one in cli.document("adopt", image, "web")["answer"]["decisions"]]
    kiln.settle()
    assert cli.document("adopt", NOBODY, "web", code=1)["error"]["kind"] == "function"


def test_the_images_of_a_deleted_recipe_are_shown_first_and_retired_then(kiln: Kiln, cli: Cli) -> None:
    oldest = three_releases(kiln)
    assert "recipe web still exists" in cli.run("retire", "web", "--yes").err
    kiln.aws.client("ssm").delete_parameter(Name="/kiln/recipes/web")
    before = kiln.aws.journal_end()
    text = cli.text("retire", "web", "--dry-run")
    assert "(planned)" in text and oldest[HOME] in text and "To do it: kiln retire web" in text
    assert cli.document("retire", "web", code=1)["error"]["kind"] == "not-confirmed"
    assert kiln.changes(before) == []
    assert cli.document("retire", "web", "--yes")["answer"]
    assert kiln.changes(before) != []


def test_what_failed_is_listed_sent_again_and_removed(kiln: Kiln, cli: Cli) -> None:
    cli.document("failures", "purge", "--yes")
    assert cli.text("failures", "list") == "Nothing waits: no failure is new, or all were dealt with.\n"
    kiln.recipe()
    kiln.aws.faults({"call": "CreateImage", "code": "UnauthorizedOperation", "times": -1, "status": 403})
    kiln.bake()
    kiln.aws.faults()
    text = cli.text("failures", "list")
    assert (
        "failures (capture)" in text and "UnauthorizedOperation" in text and "kiln failures redrive" in text
    )
    (waiting,) = cli.document("failures", "list")["answer"]["waiting"]
    assert cli.document("failures", "redrive", code=1)["error"]["kind"] == "not-confirmed"
    assert "begins with zz" in cli.document("failures", "redrive", "zz", code=1)["error"]["what"]
    done = cli.document("failures", "redrive", waiting["id"][:8], "--yes")
    assert [one["outcome"] for one in done["answer"]["waiting"]] == ["sent-again"]
    kiln.settle()
    assert [news["recipe"] for news in kiln.said("Image Released")] == ["web"]
    kiln.recipe("batch", script="exit 3")
    kiln.bake("batch")
    assert "Bake Failed: batch" in cli.text("failures", "list")
    assert "1 of 1 are dealt with." in cli.text("failures", "purge", "--yes")
