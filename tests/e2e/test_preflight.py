"""The preflight: what would fail is told before anything is launched."""

from __future__ import annotations

from e2e.kiln import FURTHER, HOME, Kiln

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


def test_an_outage_in_a_best_effort_region_is_told_and_stops_no_bake(kiln: Kiln) -> None:
    kiln.recipe(publish=NAMED, replicate='best_effort = ["ap-southeast-2"]')
    outage = {"code": "ServiceUnavailable", "message": "regional outage", "status": 503}
    for call in ("GetParameters", "PutParameter"):
        kiln.aws.faults({"call": call, "region": FURTHER[1], "times": -1, **outage})
    told = kiln.invoke("bake", {"recipe": "web", "scheduled_time": "2025-06-01T02:00:00Z"}).decisions
    assert [line["action"] for line in told] == ["keep", "launch"], told
    assert f"the best-effort Region {FURTHER[1]}, but: publish.parameter" in told[0]["reason"]
    kiln.aws.faults()
    kiln.settle()


def test_a_testers_type_that_cannot_boot_the_image_is_told(kiln: Kiln) -> None:
    kiln.recipe(verify='instance_type = "t3.small"')
    error = kiln.bake().error
    assert "t3.small cannot boot images baked from ami-" in error
    assert "because they are arm64, and it runs x86_64; change verify.instance_type" in error
    base = {"region": HOME, "name": "uefi", "architecture": "x86_64", "boot_mode": "uefi"}
    (image,) = kiln.aws.seed(images=[base])["images"]
    kiln.recipe(
        "legacy",
        document=f'name = "legacy"\n[bake]\nbase = "{image}"\ninstance_type = "t3.small"\n'
        '[verify]\ninstance_type = "m4.large"\n',
    )
    error = kiln.invoke("bake", {"recipe": "legacy", "preflight": True}).error
    assert "because their boot mode is uefi, and it boots in legacy-bios" in error
    assert kiln.calls("RunInstances") == []


def test_a_base_that_awss_key_encrypts_is_told_where_the_recipe_shares(kiln: Kiln) -> None:
    key = f"arn:aws:kms:{HOME}:123456789012:alias/aws/ebs"
    seeded = {"region": HOME, "name": "hardened", "encrypted": True, "kms_key": key, "architecture": "arm64"}
    (base,) = kiln.aws.seed(images=[seeded])["images"]
    kiln.recipe(base=f'"{base}"')
    assert not kiln.invoke("bake", {"preflight": True}).failed
    kiln.recipe(base=f'"{base}"', publish='share = { accounts = ["111111111111"] }')
    error = kiln.invoke("bake", {"preflight": True}).error
    assert f"images baked from {base} cannot be shared" in error and "choose a base in bake.base" in error


def test_a_parameter_that_cannot_name_an_image_is_told(kiln: Kiln) -> None:
    kiln.aws.client("ssm", FURTHER[0]).put_parameter(Name="/golden/web", Value="ami", Type="String")
    kiln.recipe(publish=NAMED)
    error = kiln.invoke("bake", {"preflight": True}).error
    assert f"/golden/web in {FURTHER[0]} is a String of data type text" in error


def test_regions_without_default_subnets_are_told_where_something_is_launched_in_them(kiln: Kiln) -> None:
    kiln.recipe(replicate="verify = true")
    for region, said in (
        (FURTHER[0], f"{FURTHER[0]} has no default subnets for the tester of a replica"),
        (HOME, f"{HOME} has no default subnets for builders and testers"),
    ):
        ec2 = kiln.ec2(region)
        subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        for subnet in subnets:
            ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        try:
            assert said in kiln.invoke("bake", {"preflight": True}).error
        finally:
            for subnet in subnets:
                ec2.create_default_subnet(AvailabilityZone=subnet["AvailabilityZone"])
