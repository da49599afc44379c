"""The preflight: what would fail is told before anything is launched."""

from __future__ import annotations

from e2e.kiln import Kiln

NAMED = 'parameter = "/golden/web"'


def test_where_all_is_well_it_says_so_and_launches_nothing(kiln: Kiln) -> None:
    kiln.recipe(publish=NAMED)
    before = kiln.aws.journal_end()
    (line,) = kiln.invoke("bake", {"preflight": True}).decisions
    assert line["reason"] == "preflight passed: no problems found"
    assert kiln.changes(before) == [] and kiln.parameter() is None


def test_all_findings_come_at_once_and_a_bake_is_refused_with_them(kiln: Kiln) -> None:
    kiln.recipe(
        publish=f"{NAMED}\nshare = {{ public = true }}",
        regions='["eu-west-1", "xx-nowhere-1"]',
        replicate='kms_keys = { eu-west-1 = "alias/gone" }',
    )
    denied = {"code": "AccessDeniedException", "message": "not authorized to put", "status": 400}
    kiln.aws.faults({"call": "PutParameter", "region": "eu-west-1", "times": -1, **denied})
    kiln.recipe(
        publish=f"{NAMED}\nshare = {{ public = true }}",
        regions='["eu-west-1"]',
        replicate='kms_keys = { eu-west-1 = "alias/gone" }',
    )
    for call in ({"preflight": True, "recipe": "web"}, {"recipe": "web"}):
        error = kiln.invoke("bake", call).error
        for part in (
            "publish.parameter /golden/web cannot be written in eu-west-1",
            "there is no KMS key alias/gone in eu-west-1",
            "the account blocks public images in us-east-1",
            "the account blocks public images in eu-west-1",
        ):
            assert part in error, part
    assert kiln.calls("RunInstances") == [] and kiln.parameter() is None


def test_a_region_that_is_not_enabled_is_told(kiln: Kiln) -> None:
    kiln.recipe(regions='["eu-west-1", "xx-nowhere-1"]')
    error = kiln.invoke("bake", {"preflight": True}).error
    assert "xx-nowhere-1 does not exist or is not enabled for this account" in error


def test_a_key_of_awss_own_is_told_where_the_recipe_shares(kiln: Kiln) -> None:
    ec2 = kiln.ec2("eu-west-1")
    ec2.enable_ebs_encryption_by_default()
    try:
        kiln.recipe()
        assert not kiln.invoke("bake", {"preflight": True}).failed
        kiln.recipe(publish='share = { accounts = ["111111111111"] }')
        error = kiln.invoke("bake", {"preflight": True}).error
        assert "in eu-west-1 cannot be shared, because AWS manages that key" in error
    finally:
        ec2.disable_ebs_encryption_by_default()


def test_product_codes_of_the_base_are_told(kiln: Kiln) -> None:
    codes = {"region": "us-east-1", "name": "market", "owner": "679593333241", "public": True}
    (base,) = kiln.aws.seed(images=[{**codes, "product_codes": ["8zhx4vgc4h"]}])["images"]
    kiln.recipe(base=f'"{base}"')
    error = kiln.invoke("bake", {"preflight": True}).error
    assert "bears product codes (8zhx4vgc4h)" in error and "bake.allow_product_codes = true" in error
    kiln.recipe(base=f'"{base}"', bake="allow_product_codes = true")
    assert not kiln.invoke("bake", {"preflight": True}).failed


def test_a_name_that_somebody_has_is_told(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.seed(images=[{"region": "us-east-1", "name": "web-20250601T020000Z"}])
    call = {"preflight": True, "scheduled_time": "2025-06-01T02:00:00Z"}
    assert "the name web-20250601T020000Z is taken by ami-" in kiln.invoke("bake", call).error


def test_a_tester_that_would_have_no_zone_of_its_own_is_told(kiln: Kiln) -> None:
    subnets = kiln.ec2().describe_subnets()["Subnets"]
    one = f'subnets = ["{subnets[0]["SubnetId"]}"]'
    kiln.recipe(bake=one, verify=one)
    assert "name one in verify.subnets" in kiln.invoke("bake", {"preflight": True}).error
