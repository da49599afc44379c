"""What is in an image: listed by its tester, kept, and compared; and a night that changes nothing."""

from __future__ import annotations

import hashlib
from typing import Any

from e2e.kiln import HOME, REGIONS, Kiln, tags_of
from e2e.test_release import NAMED, NEW, NEXT, OLD, bake

SKIPS = f"{NAMED}\nskip_unchanged = true"


def kept(kiln: Kiln, version: str) -> str | None:
    """The list that lies in the stack's bucket."""
    s3 = kiln.aws.client("s3")
    (bucket,) = (one["Name"] for one in s3.list_buckets()["Buckets"] if "store" in one["Name"])
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"contents/web/{version}.txt").get("Contents", [])
    return s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read().decode() if found else None


def forget_all(kiln: Kiln) -> None:
    """Somebody empties the bucket."""
    s3 = kiln.aws.client("s3")
    (bucket,) = (one["Name"] for one in s3.list_buckets()["Buckets"] if "store" in one["Name"])
    for one in s3.list_objects_v2(Bucket=bucket, Prefix="contents/").get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=one["Key"])


def versions(kiln: Kiln, region: str = HOME) -> list[str]:
    return [str(image["Name"]).removeprefix("web-") for image in kiln.images(region)]


def test_what_its_tester_lists_is_kept_and_its_digest_stands_on_the_image(kiln: Kiln) -> None:
    kiln.aws.repository(nginx="1.28.0-1")
    kiln.recipe(publish=NAMED)
    bake(kiln, OLD)
    text = kept(kiln, OLD)
    assert text is not None
    assert "dpkg nginx 1.28.0-1 arm64\n" in text and "dpkg openssl 3.0.8-1 arm64\n" in text
    assert 'os PRETTY_NAME="Local Linux 1"\n' in text and text.startswith("kernel ")
    # The recipe that it was baked by stands behind the list.
    listed, _, recipe = text.partition("\nkiln-recipe ")
    assert 'name = "web"' in recipe
    digest = hashlib.sha256(listed.encode()).hexdigest()
    (home,) = kiln.images()
    assert tags_of(home)["kiln:contents"] == f"3 sha256:{digest}"
    assert "difference" not in kiln.said("Image Released")[-1], "there is no release before"


def test_a_release_tells_what_changed_since_the_one_before(kiln: Kiln) -> None:
    kiln.aws.repository(nginx="1.28.0-1")
    kiln.recipe(publish=NAMED, script="dnf -y install nginx telnet")
    bake(kiln, OLD)
    kiln.aws.repository(nginx="1.28.1-1")
    kiln.recipe(publish=NAMED, script="dnf -y install nginx jq")
    before = kiln.aws.journal_end()
    bake(kiln, NEW)
    difference = kiln.said("Image Released")[-1]["difference"]
    assert difference == {
        "from": OLD,
        "added": [{"name": "jq", "version": "1.0-1"}],
        "removed": [{"name": "telnet", "version": "1.0-1"}],
        "changed": [{"name": "nginx", "from": "1.28.0-1", "to": "1.28.1-1"}],
    }
    puts = [call for call in kiln.aws.journal(before, kind="call") if call["action"] == "PutObject"]
    assert len(puts) <= 1, "a night costs one more call a release"


def test_without_the_bucket_an_image_is_released_all_the_same_and_only_its_past_is_lost(kiln: Kiln) -> None:
    kiln.recipe(publish=NAMED)
    bake(kiln, OLD)
    forget_all(kiln)
    kiln.aws.repository(nginx="1.29.0-1")
    bake(kiln, NEW)
    assert kiln.named() == [NEW] * 3
    assert "difference" not in kiln.said("Image Released")[-1]
    assert kept(kiln, OLD) is None and kept(kiln, NEW) is not None


def test_a_night_that_changes_nothing_publishes_nothing_and_leaves_nothing(kiln: Kiln) -> None:
    kiln.recipe(publish=SKIPS)
    bake(kiln, OLD)
    snapshots = {region: len(kiln.snapshots(region)) for region in REGIONS}
    before = kiln.aws.journal_end()
    bake(kiln, NEW)
    (news,) = kiln.said("Image Unchanged", before)
    assert (news["version"], news["same-as"], news["copies-saved"]) == (NEW, OLD, 2)
    assert news["gib-saved"] == 3 * kiln.images()[0]["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"]
    assert kiln.named() == [OLD] * 3
    # Its tester may still have been shutting down when expire was woken; then the night's own run removes it.
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert [versions(kiln, region) for region in REGIONS] == [[OLD]] * 3
    assert {region: len(kiln.snapshots(region)) for region in REGIONS} == snapshots
    assert kiln.living() == [] and kiln.calls("CopyImage", before) == []
    ends = ("Image Released", "Image Rejected", "Bake Failed", "Bake Refused")
    assert [kind for kind in ends if kiln.said(kind, before)] == []
    assert kiln.dead_letters() == []
    assert kiln.sweep() == []


def test_a_night_that_changes_a_package_the_script_or_the_base_publishes(kiln: Kiln) -> None:
    kiln.recipe(publish=SKIPS)
    bake(kiln, OLD)
    kiln.aws.repository(nginx="1.28.1-1")
    bake(kiln, NEW)
    assert kiln.named() == [NEW] * 3, "another package"
    kiln.recipe(publish=SKIPS, script="dnf -y install nginx\necho 'a file of its own' > \"$HOME/motd\"")
    bake(kiln, NEXT)
    assert kiln.named() == [NEXT] * 3, "the same packages, by another script"
    base: dict[str, Any] = {"name": "own-base", "region": HOME, "architecture": "arm64"}
    (other,) = kiln.aws.seed(images=[base])["images"]
    again = "20250604T020000Z"
    kiln.recipe(
        publish=SKIPS,
        base=f'"{other}"',
        script="dnf -y install nginx\necho 'a file of its own' > \"$HOME/motd\"",
    )
    bake(kiln, again)
    assert kiln.named() == [again] * 3, "the same packages, on another base"
    assert kiln.said("Image Unchanged") == []
