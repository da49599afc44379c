"""publish: who may use an image, when, and under which findings."""

from __future__ import annotations

from typing import Any

from e2e.kiln import HOME, REGIONS, Kiln, tags_of

ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"
ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-a1b2c3d4e5"


def share(*accounts: str, more: str = "") -> str:
    listed = ", ".join(f'"{account}"' for account in accounts)
    return f"share = {{ accounts = [{listed}]{more} }}"


def everywhere(kiln: Kiln) -> list[tuple[str, dict[str, Any]]]:
    return [(region, kiln.images(region)[-1]) for region in REGIONS]


def test_an_image_and_its_replicas_are_shared_deprecated_and_protected_as_the_recipe_says(kiln: Kiln) -> None:
    more = f', organizations = ["{ORGANIZATION}"], snapshots = true'
    kiln.recipe(publish=f'{share(ONE, more=more)}\ndeprecate_after = "90d"\nprotect = true')
    kiln.bake(scheduled_time="2026-11-20T02:00:00Z")
    for region, image in everywhere(kiln):
        assert kiln.allowed(image["ImageId"], region) == [ONE, ORGANIZATION]
        assert kiln.copiers(image, region) == [ONE]
        assert image["DeprecationTime"] == "2027-02-18T02:00:00.000Z"
        assert image["DeregistrationProtection"] == "enabled-without-cooldown"
    assert len(kiln.said("Image Published")) == 1 and len(kiln.said("Image Replicated")) == 2


def test_a_changed_recipe_converges_images_replicas_and_snapshots_and_then_nothing_changes(
    kiln: Kiln,
) -> None:
    kiln.recipe(publish=share(ONE, TWO, more=", snapshots = true"))
    kiln.bake(scheduled_time="2025-06-01T02:00:00Z")
    kiln.bake(scheduled_time="2025-06-02T02:00:00Z")
    stranger = kiln.aws.seed(images=[{"region": HOME, "name": "theirs"}])["images"][0]
    kiln.ec2().modify_image_attribute(ImageId=stranger, LaunchPermission={"Add": [{"UserId": ONE}]})

    kiln.recipe(publish=share(TWO, THREE, more=", snapshots = true"))
    before = kiln.aws.journal_end()
    kiln.sweep()
    for region in REGIONS:
        for image in kiln.images(region):
            assert kiln.allowed(image["ImageId"], region) == [TWO, THREE]
            assert kiln.copiers(image, region) == [TWO, THREE]
    assert kiln.allowed(stranger) == [ONE]
    assert set(kiln.changes(before)) == {"ModifyImageAttribute", "ModifySnapshotAttribute", "CreateTags"}

    before = kiln.aws.journal_end()
    assert kiln.sweep() == [] and kiln.changes(before) == []
    assert kiln.calls("DescribeImageAttribute", before) == []


def test_a_recipe_that_shares_no_more_takes_everything_away(kiln: Kiln) -> None:
    kiln.recipe(publish=f"{share(ONE)}\nprotect = true")
    kiln.bake()
    kiln.recipe()
    kiln.sweep()
    for region, image in everywhere(kiln):
        assert kiln.allowed(image["ImageId"], region) == []
        assert image["DeregistrationProtection"] == "disabled"


def test_a_guard_that_the_recipe_asked_for_does_not_keep_an_old_image_and_a_persons_does(kiln: Kiln) -> None:
    kiln.recipe(publish="protect = true", keep=1, older_than="0d")
    kiln.bake(scheduled_time="2025-06-01T02:00:00Z")
    kiln.bake(scheduled_time="2025-06-02T02:00:00Z")
    assert [len(kiln.images(region)) for region in REGIONS] == [1, 1, 1]
    by_hand = kiln.release("web", "20250101T020000Z")
    kiln.ec2().enable_image_deregistration_protection(ImageId=by_hand[HOME])
    kiln.invoke("expire", {"dry_run": False})
    assert [len(kiln.images(region)) for region in REGIONS] == [2, 2, 2]


def test_an_image_waits_until_it_is_scanned_and_is_published_without_findings(kiln: Kiln) -> None:
    kiln.recipe(publish='block_on_findings = "high"')
    kiln.bake()
    (image,) = kiln.images()
    assert tags_of(image)["kiln:stage"] == "verified" and kiln.sweep() == []
    findings = [
        {"severity": "medium", "title": "CVE-2026-1"},
        {"severity": "critical", "title": "CVE-2026-2", "fix": False},
    ]
    kiln.aws.scan(image["ImageId"], findings)
    kiln.sweep()
    assert tags_of(kiln.images()[0])["kiln:stage"] == "released"


def test_an_image_with_a_finding_that_has_a_fix_is_rejected_with_it(kiln: Kiln) -> None:
    kiln.recipe(publish='block_on_findings = "high"')
    kiln.bake()
    (image,) = kiln.images()
    kiln.aws.scan(image["ImageId"], [{"severity": "critical", "title": "CVE-2026-3 in openssl"}])
    kiln.sweep()
    (news,) = kiln.said("Image Rejected")
    assert (
        "it has 1 fixable findings of severity high or higher, such as CVE-2026-3 in openssl"
        in news["reason"]
    )
    assert tags_of(kiln.images()[0])["kiln:stage"] == "rejected" and kiln.images("eu-west-1") == []


def test_a_missing_permission_to_share_is_told_and_nothing_is_published(kiln: Kiln) -> None:
    kiln.recipe(publish=share(ONE))
    denied = {"code": "UnauthorizedOperation", "message": "You are not authorized.", "status": 403}
    kiln.aws.faults({"call": "ModifyImageAttribute", "times": -1, **denied})
    kiln.bake()
    (image,) = kiln.images()
    assert tags_of(image)["kiln:stage"] == "verified" and kiln.said("Image Published") == []
    letters = [letter for letter in kiln.dead_letters() if "ModifyImageAttribute" in str(letter)]
    assert letters and "does not say which policy did" in str(letters[0])
    kiln.aws.faults()
    kiln.sweep()
    assert kiln.allowed(image["ImageId"]) == [ONE]


def test_what_is_launched_from_images_and_replicas_asks_for_a_token_where_the_recipe_wants_it(
    kiln: Kiln,
) -> None:
    kiln.recipe(expire='[image]\nimds = "v2.0"\ndescription = "nginx on ${base.name}"')
    kiln.bake()
    kiln.sweep()
    for region in REGIONS:
        (image,) = kiln.images(region)
        assert (tags_of(image)["kiln:stage"], image["ImdsSupport"]) == ("released", "v2.0")
    (image,) = kiln.images()
    assert image["Description"].startswith("nginx on al2023-ami-")
