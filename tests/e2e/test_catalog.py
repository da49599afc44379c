"""catalog: the document and the pages in the stack's bucket, and the history."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from e2e.kiln import DEFAULTS, HOME, RECIPE, REGIONS, Kiln, tags_of
from local_aws.cli import Cli

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "docs" / "reference" / "catalog.schema.json"


CHANNELS = """
parameter = "/golden/web"
[channels.prod]
parameter = "/golden/web/prod"
follows = "stage"
approval = true
[channels.stage]
parameter = "/golden/web/stage"
after = "3d"
"""


class Bucket:
    """The stack's bucket, from a person's side."""

    def __init__(self, kiln: Kiln) -> None:
        self._s3 = kiln.aws.client("s3")
        stack = kiln.aws.client("cloudformation").describe_stacks(StackName="kiln")["Stacks"][0]
        self.name = next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "Store")

    def keys(self, prefix: str = "") -> list[str]:
        found = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [one["Key"] for page in found for one in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return bytes(self._s3.get_object(Bucket=self.name, Key=key)["Body"].read())

    def kind(self, key: str) -> str:
        return str(self._s3.head_object(Bucket=self.name, Key=key)["ContentType"])

    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.read("catalog/catalog.json")))

    def delete(self, prefix: str) -> None:
        for key in self.keys(prefix):
            self._s3.delete_object(Bucket=self.name, Key=key)


@pytest.fixture
def bucket(kiln: Kiln) -> Bucket:
    bucket = Bucket(kiln)
    for prefix in ("catalog/", "history/", "contents/"):
        bucket.delete(prefix)
    return bucket


def made(kiln: Kiln) -> dict[str, Any]:
    answer = kiln.invoke("catalog", {})
    assert not answer.failed, answer.body
    return dict(answer.body["catalog"])


def the_recipe(bucket: Bucket) -> dict[str, Any]:
    (recipe,) = bucket.document()["recipes"]
    return dict(recipe)


def test_after_a_release_the_catalogue_shows_it_and_names_its_image_in_every_region(
    kiln: Kiln, bucket: Bucket
) -> None:
    kiln.recipe(publish='parameter = "/golden/web"')
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    keys = bucket.keys("catalog/")
    for page in ("index.html", "web/index.html", "web/20261120T020000Z.html"):
        assert f"catalog/{page}" in keys and bucket.kind(f"catalog/{page}") == "text/html; charset=utf-8"
    assert bucket.kind("catalog/catalog.json") == "application/json"
    document, recipe = bucket.document(), the_recipe(bucket)
    holds_to_its_schema(document)
    (version,) = recipe["versions"]
    found = {one["region"]: one["image"] for one in version["images"]}
    assert found == {region: kiln.images(region)[0]["ImageId"] for region in REGIONS}
    assert (document["home"], document["gaps"]) == (HOME, [])
    assert (recipe["name"], version["version"], version["stage"]) == ("web", "20261120T020000Z", "released")
    assert recipe["newest"]["version"] == "20261120T020000Z" and recipe["newest"]["released_at"]
    named = {place["region"]: (place["parameter"], place["image"]) for place in recipe["regions"]}
    assert named == {region: ("/golden/web", found[region]) for region in REGIONS}
    assert version["decision"]["action"] == "keep" and version["decision"]["reason"]
    assert version["cost"]["monthly_usd"] > 0 and recipe["under_way"] == []
    assert [entry["event"] for entry in recipe["history"]] == ["released"]
    assert found[HOME] in bucket.read("catalog/web/20261120T020000Z.html").decode()


def test_what_its_tester_listed_is_there_as_a_list_and_as_bills_of_materials(
    kiln: Kiln, bucket: Bucket
) -> None:
    kiln.recipe(regions="[]")
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    (tag,) = [tags_of(image).get("kiln:contents") for image in kiln.images()]
    if tag is None:
        pytest.skip("the sandbox of the testers has nothing that lists packages")
    contents = the_recipe(bucket)["versions"][0]["contents"]
    assert f"{contents['packages']} sha256:{contents['digest']}" == tag
    listed = bucket.read(f"catalog/{contents['list']}")
    kept = bucket.read("contents/web/20261120T020000Z.txt")
    version = the_recipe(bucket)["versions"][0]
    text = bucket.read(f"catalog/{version['recipe_text']}")
    assert kept == listed + f"\nkiln-recipe sha256:{version['recipe_digest']}\n".encode() + text
    assert hashlib.sha256(listed).hexdigest() == contents["digest"]
    assert hashlib.sha256(text).hexdigest() == version["recipe_digest"] and b'name = "web"' in text
    assert json.loads(bucket.read(f"catalog/{contents['cyclonedx']}"))["bomFormat"] == "CycloneDX"
    assert json.loads(bucket.read(f"catalog/{contents['spdx']}"))["spdxVersion"] == "SPDX-2.3"


def test_a_recipe_tells_what_it_is_for_and_what_waits_for_its_channels(kiln: Kiln, bucket: Bucket) -> None:
    document = RECIPE.format(name="web", **{**DEFAULTS, "publish": CHANNELS})
    document = f'description = "What the shop runs on."\n{document}'
    kiln.recipe(document=document)
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    made(kiln)
    recipe = the_recipe(bucket)
    holds_to_its_schema(bucket.document())
    assert recipe["description"] == "What the shop runs on."
    assert bucket.read(f"catalog/{recipe['text']}").decode() == document
    by_name = {channel["name"]: channel for channel in recipe["channels"]}
    waiting = by_name["stage"]["waiting"]
    assert waiting["version"] == "20261120T020000Z" and waiting["comes_at"] > waiting["since"]
    assert "waiting" not in by_name["prod"]
    kiln.aws.days_pass(4)
    kiln.sweep()
    made(kiln)
    by_name = {channel["name"]: channel for channel in the_recipe(bucket)["channels"]}
    assert by_name["stage"]["version"] == "20261120T020000Z" and "waiting" not in by_name["stage"]
    assert "comes_at" not in by_name["prod"]["waiting"]
    page = bucket.read("catalog/index.html").decode()
    assert f"kiln approve web prod --region {HOME}" in page


def test_whom_images_are_shared_with_is_told_of_the_newest_release_too(kiln: Kiln, bucket: Bucket) -> None:
    kiln.recipe(publish='parameter = "/golden/web"\nshare = { accounts = ["111122223333"] }')
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    made(kiln)
    version = the_recipe(bucket)["versions"][0]
    assert version["shared_with"] == ["111122223333"]
    assert [image["sharing"]["accounts"] for image in version["images"]] == [1] * 3


def test_whoever_makes_it_changes_nothing_but_its_pages_and_says_nothing(kiln: Kiln, bucket: Bucket) -> None:
    kiln.recipe()
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    before = kiln.aws.journal_end()
    once = ("digests.json", "made.json", ".packages.txt", ".cdx.json", ".spdx.json", ".recipe.toml")
    pages = [key for key in bucket.keys("catalog/") if not key.endswith(once)]
    assert made(kiln) == {"recipes": 1, "versions": 1, "put": len(pages)}
    kiln.settle()
    assert kiln.changes(before) == []
    assert [e for e in kiln.aws.journal(before, kind="event") if e["source"] == "kiln"] == []
    calls = {
        call["action"] for call in kiln.aws.journal(before, kind="call") if call["who"] == "kiln-catalog"
    }
    reads = ("Describe", "Get", "List")
    assert {call for call in calls if not call.startswith(reads)} <= {"PutObject", "GenerateMac"}


def test_what_a_scan_found_in_the_newest_releases_is_counted(kiln: Kiln, bucket: Bucket) -> None:
    kiln.recipe(publish='block_on_findings = "critical"')
    kiln.bake()
    (image,) = kiln.images()
    high = {"severity": "high", "title": "CVE-2026-2 in curl"}
    kiln.aws.scan(image["ImageId"], [high, high, {"severity": "low", "title": "CVE-2026-4 in vim"}])
    kiln.sweep()
    made(kiln)
    recipe = the_recipe(bucket)
    assert {name: count for name, count in recipe["findings"].items() if count} == {"high": 2, "low": 1}
    assert recipe["versions"][0]["findings"] == recipe["findings"]
    pages = [bucket.read(key).decode() for key in bucket.keys("catalog/") if key.endswith(".html")]
    assert any("2 findings of high severity" in page for page in pages)

    # A recipe that does not ask for scans reads none.
    kiln.recipe()
    before = kiln.aws.journal_end()
    made(kiln)
    assert "findings" not in the_recipe(bucket)
    calls = [
        call["action"] for call in kiln.aws.journal(before, kind="call") if call["who"] == "kiln-catalog"
    ]
    assert "GetImageFindings" not in calls


def test_what_happened_before_the_last_reading_is_kept_and_makes_nothing(kiln: Kiln, bucket: Bucket) -> None:
    kiln.recipe()
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    made(kiln)
    before = bucket.read("catalog/made.json")
    detail = {"id": "00ff", "recipe": "web", "version": "20261119T020000Z", "region": HOME, "images": {}}
    event = {"detail-type": "Image Released", "source": "kiln", "detail": detail}
    assert "catalog" not in kiln.invoke("catalog", event | {"time": "2026-11-19T02:30:00Z"}).body
    assert bucket.read("catalog/made.json") == before
    (kept,) = bucket.keys("history/web/20261119T023000Z-image-released-00ff.json")
    assert json.loads(bucket.read(kept))["detail"] == detail

    assert kiln.invoke("catalog", event | {"time": "2126-11-19T02:30:00Z"}).body["catalog"]["recipes"] == 1
    assert bucket.read("catalog/made.json") != before


def test_a_failed_bake_is_shown_with_its_reason(kiln: Kiln, bucket: Bucket) -> None:
    kiln.recipe(script="exit 3")
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    recipe = the_recipe(bucket)
    failure = recipe["last_failure"]
    assert (failure["event"], failure["version"]) == ("Bake Failed", "20261120T020000Z")
    assert "3" in failure["reason"] and recipe["versions"] == []
    holds_to_its_schema(bucket.document())


def test_without_the_history_only_the_past_is_lost(kiln: Kiln, bucket: Bucket) -> None:
    kiln.recipe()
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    made(kiln)
    before = the_recipe(bucket)
    bucket.delete("history/")
    bucket.delete("catalog/")
    made(kiln)
    after = the_recipe(bucket)
    # The image itself tells that it was released, and when.
    assert [entry["event"] for entry in after["history"]] == ["released"]
    assert {**before, "history": []} == {**after, "history": []}


def test_it_is_fetched_into_a_folder(kiln: Kiln, bucket: Bucket, tmp_path: Path) -> None:
    cli, to = Cli(kiln.aws.url, tmp_path), tmp_path / "it"
    error = cli.document("catalog", "--to", str(to), code=1)["error"]
    assert error["what"] == "There is no catalogue yet." and not to.exists()
    kiln.recipe()
    made(kiln)
    found = cli.document("catalog", "--to", str(to))
    files = {str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()}
    assert found["page"] == str(to / "index.html") and found["files"] == len(files)
    assert {"index.html", "catalog.json", "style.css", "web/index.html"} <= files
    assert not {"digests.json", "made.json"} & files
    (to / "former.html").write_text("of a recipe that left")
    assert "Its first page is" in cli.text_of_any_width("catalog", "--to", str(to))
    assert not (to / "former.html").exists()


def test_a_folder_that_holds_something_else_stays_as_it_is(
    kiln: Kiln, bucket: Bucket, tmp_path: Path
) -> None:
    kiln.recipe()
    made(kiln)
    (tmp_path / "thesis.txt").write_text("mine")
    error = Cli(kiln.aws.url, tmp_path).document("catalog", "--to", str(tmp_path), code=1)["error"]
    assert "holds something else than a catalogue" in error["what"]
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def holds_to_its_schema(document: dict[str, Any]) -> None:
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
