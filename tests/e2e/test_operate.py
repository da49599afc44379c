"""The commands with which a person operates a deployed Kiln."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.folder import pack
from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of
from e2e.test_expire import NEW, OLD, three_releases
from stack.__main__ import main
from stack.plan import HEADING
from stack.template import INFRA


def run(kiln: Kiln, command: str, *arguments: str) -> int:
    return main([command, "--endpoint-url", kiln.aws.url, *arguments])


def test_recipes_are_put_and_put_again_change_nothing(
    kiln: Kiln, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pack(INFRA / "recipes", tmp_path)
    folder = str(tmp_path)
    assert run(kiln, "recipes", folder) == 0
    assert capsys.readouterr().out == "/kiln/recipes/web: new\n/kiln/recipes/worker: new\n"
    assert run(kiln, "recipes", folder) == 0
    assert capsys.readouterr().out == "/kiln/recipes/web: unchanged\n/kiln/recipes/worker: unchanged\n"
    assert run(kiln, "recipes", "nowhere") == 1
    assert "no recipe was found in nowhere" in capsys.readouterr().err


def test_the_plan_is_a_table_with_its_cost_and_changes_nothing(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    oldest = three_releases(kiln, confirm_after="2d")
    before = kiln.aws.journal_end()
    assert run(kiln, "plan", "--recipe", "web") == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == HEADING
    (first,) = [row for row in rows if oldest["us-east-1"] in row]
    for part in ("20250101T020000Z", "unused", "deprecate", "2 newer releases are kept"):
        assert part in first
    assert any("which saves at most 14.40 dollars a year" in row for row in rows)
    assert kiln.changes(before) == []
    assert run(kiln, "plan", "--recipe", "nobody") == 1
    assert "there is no recipe nobody" in capsys.readouterr().err


def test_a_function_is_woken_by_hand_and_its_log_read(
    kiln: Kiln, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(kiln, "invoke", "expire", str(INFRA / "events" / "expire-dry-run.json")) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == []
    kiln.settle()
    assert run(kiln, "logs", "expire") == 0
    assert "START RequestId" in capsys.readouterr().out
    unknown = tmp_path / "unknown.json"
    unknown.write_text('{"recipe": "nobody"}')
    assert run(kiln, "invoke", "bake", str(unknown)) == 1
    assert "there is no recipe nobody" in capsys.readouterr().err
    unknown.write_text("{")
    assert run(kiln, "invoke", "bake", str(unknown)) == 1
    assert "is not a JSON file" in capsys.readouterr().err


def test_an_image_is_explained_on_a_page(kiln: Kiln, capsys: pytest.CaptureFixture[str]) -> None:
    oldest = three_releases(kiln, confirm_after="2d", quarantine="7d")
    before = kiln.aws.journal_end()
    assert run(kiln, "explain", "--image", oldest[FURTHER[0]]) == 0
    first, made, cost, _, *facts = capsys.readouterr().out.splitlines()
    assert first == f"{oldest[FURTHER[0]]} in eu-west-1 is web {OLD} (stage released, state available)."
    assert made == f"It is a copy of us-east-1/{oldest[HOME]}, whose bake began 2025-01-01 02:00."
    assert "costs 8 GB of snapshots, at most 0.40 dollars a month" in cost
    text = "\n".join(facts)
    assert all(f"{region:<14}  {image}  available" in text for region, image in oldest.items())
    assert "Used by     nothing that was found" in text and "2 newer releases are kept" in text
    kiln.aws.seed(instances=[{"region": HOME, "image": oldest[HOME], "state": "stopped"}])
    assert run(kiln, "explain", "--image", oldest[HOME]) == 0
    text = capsys.readouterr().out
    assert "on instance i-0123456789abcdef0" in text and "Used by     instance arn:aws:ec2:us-east-1" in text
    assert kiln.changes(before) == []
    assert run(kiln, "explain", "--image", "ami-0123456789abcdef0") == 1
    assert "it is in no Region of the account" in capsys.readouterr().err


def test_a_rollback_tells_from_which_version_to_which_each_region_went(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    three_releases(kiln, publish='parameter = "/golden/web"')
    kiln.sweep()
    assert run(kiln, "rollback", "--recipe", "web") == 0
    text = capsys.readouterr().out
    former = "20250201T020000Z"
    for region in REGIONS:
        (row,) = [line for line in text.splitlines() if line.startswith(region) and "parameter" in line]
        assert row.split() == [region, "parameter", "/golden/web", NEW, former]
    assert f"web stays on {former} until a release is newer" in text
    assert kiln.named() == [former] * 3
    assert run(kiln, "rollback", "--recipe", "web", "--to", NEW) == 0
    kiln.settle()
    assert kiln.named() == [NEW] * 3
    assert run(kiln, "rollback", "--recipe", "web", "--to", "20200101T000000Z") == 1
    said = capsys.readouterr()
    assert "there is no release 20200101T000000Z" in said.err and f"{NEW} (as before)" in said.out
    assert run(kiln, "rollback", "--recipe", "wbe") == 1
    assert "there is no recipe wbe" in capsys.readouterr().err


def test_a_rollback_that_fails_in_one_region_shows_what_each_names(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    three_releases(kiln, publish='parameter = "/golden/web"')
    kiln.sweep()
    denied = {"code": "AccessDeniedException", "message": "not authorized to put", "status": 400}
    kiln.aws.faults({"call": "PutParameter", "region": "eu-west-1", "times": -1, **denied})
    assert run(kiln, "rollback", "--recipe", "web") == 1
    kiln.aws.faults()
    said = capsys.readouterr()
    assert "PutParameter on /golden/web in eu-west-1 failed" in said.err
    assert any(line.startswith("eu-west-1") and "(as before)" in line for line in said.out.splitlines())


def test_a_recall_is_shown_with_who_uses_it_and_done_once_somebody_says_yes(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    three_releases(kiln, publish='parameter = "/golden/web"')
    kiln.sweep()
    of_release = ("recall", "--recipe", "web", "--version", NEW)
    assert run(kiln, *of_release, "--why", "CVE-1") == 1
    said = capsys.readouterr()
    assert "recalled: CVE-1" in said.out and "parameter/golden/web" in said.out
    assert "Nothing was changed" in said.err and "YES=1" in said.err
    assert kiln.named() == [NEW] * 3
    assert run(kiln, *of_release, "--why", "CVE-1", "--yes", "1") == 0
    text = capsys.readouterr().out
    assert f"To take it back: make reinstate RECIPE=web VERSION={NEW}" in text
    former = "20250201T020000Z"
    assert any(
        row.split() == ["us-east-1", "parameter", "/golden/web", NEW, former] for row in text.splitlines()
    )
    kiln.settle()
    assert kiln.named() == [former] * 3
    assert run(kiln, *of_release, "--back", "--yes", "1") == 0
    assert f"the recall of {NEW} is taken back" in capsys.readouterr().out


def test_an_approval_is_shown_and_done_once_somebody_says_yes(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = "parameter = '/golden/web/stage'\nfollows = 'test'\napproval = true"
    channels = f"[channels.test]\nparameter = '/golden/web/test'\n[channels.stage]\n{stage}"
    kiln.recipe(publish=f"parameter = '/golden/web'\n{channels}")
    kiln.bake(scheduled_time="2025-06-01T02:00:00Z")
    asked = ("approve", "--recipe", "web", "--channel", "stage")
    assert run(kiln, *asked) == 1
    said = capsys.readouterr()
    assert "somebody approved 20250601T020000Z for channel stage" in said.out and "YES=1" in said.err
    assert run(kiln, *asked, "--yes", "1") == 0
    kiln.settle()
    assert "has come to channel stage" in capsys.readouterr().out
    assert run(kiln, *asked, "--yes", "1") == 1
    assert "no release waits for channel stage" in capsys.readouterr().err
    assert run(kiln, "approve", "--recipe", "web") == 1
    assert "CHANNEL is missing" in capsys.readouterr().err


def test_what_was_deprecated_is_restored(kiln: Kiln, capsys: pytest.CaptureFixture[str]) -> None:
    oldest = three_releases(kiln, quarantine="7d")
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert run(kiln, "restore", "--image", oldest[HOME]) == 0
    text = capsys.readouterr().out
    assert all(oldest[region] in text for region in REGIONS) and "(done)" in text
    assert run(kiln, "restore", "--image", "ami-0123456789abcdef0") == 1


def test_a_rejected_image_is_tested_again_once_somebody_asks(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    kiln.recipe(verify="script = 'exit 1'")
    kiln.bake()
    (rejected,) = kiln.images()
    kiln.recipe()
    assert run(kiln, "retest", "--image", rejected["ImageId"]) == 0
    assert "set-stage (done): somebody asked to test it again" in capsys.readouterr().out
    kiln.settle()
    assert [tags_of(image)["kiln:stage"] for image in kiln.images()] == ["released"]
    assert run(kiln, "retest", "--image", rejected["ImageId"]) == 1
    assert "only a rejected image is tested again, and this one is released" in capsys.readouterr().err
    assert run(kiln, "copy", "--image", "ami-0123456789abcdef0") == 1
    assert "the image is deregistered" in capsys.readouterr().err


def test_the_images_of_a_deleted_recipe_are_shown_first_and_retired_then(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    oldest = three_releases(kiln)
    assert run(kiln, "retire", "--recipe", "web") == 1
    assert "recipe web still exists; delete its parameter first" in capsys.readouterr().err
    kiln.aws.client("ssm").delete_parameter(Name="/kiln/recipes/web")
    before = kiln.aws.journal_end()
    assert run(kiln, "retire", "--recipe", "web", "--dry-run", "1") == 0
    text = capsys.readouterr().out
    assert "(planned)" in text and oldest[HOME] in text and kiln.changes(before) == []
    assert "To do it: make retire RECIPE=web" in text
    assert run(kiln, "retire", "--recipe", "web") == 0
    assert "(done)" in capsys.readouterr().out and kiln.changes(before) != []


def test_a_preflight_tells_all_that_a_bake_would_fail_for(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    kiln.recipe()
    assert run(kiln, "preflight", "--recipe", "web") == 0
    assert "us-east-1  web " in capsys.readouterr().out
    kiln.recipe(replicate='kms_keys = { eu-west-1 = "alias/gone" }')
    assert run(kiln, "preflight", "--recipe", "web") == 1
    assert "there is no KMS key alias/gone in eu-west-1" in capsys.readouterr().err
    assert kiln.calls("RunInstances") == []
