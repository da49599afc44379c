"""expire: what keeps an image though a recipe names it otherwise, or an answer of AWS's can be misread."""

from __future__ import annotations

import pytest

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln
from e2e.test_expire import OLD, reason, there, three_releases


@pytest.mark.parametrize(
    "base", ['"ssm:/my/base"', f'{{ owner = "self", name = "web-{OLD[:8]}*" }}'], ids=["parameter", "newest"]
)
def test_a_base_stays_however_a_recipe_names_it(kiln: Kiln, base: str) -> None:
    oldest = three_releases(kiln)
    kiln.aws.client("ssm").put_parameter(Name="/my/base", Value=oldest[HOME], Type="String", Overwrite=True)
    kiln.recipe("worker", base=base)
    assert reason(kiln, oldest[HOME], dry_run=False) == "recipe worker uses it as its base"
    assert there(kiln, oldest) == list(REGIONS)


@pytest.mark.parametrize("code", ["InvalidLaunchTemplateId.NotFound", "ParameterNotFound", "IncorrectState"])
def test_what_is_missing_elsewhere_tells_nothing_of_the_image(kiln: Kiln, code: str) -> None:
    oldest = three_releases(kiln)
    error = {"code": code, "message": "It is not there.", "status": 400}
    kiln.aws.faults({"call": "DescribeImageReferences", "region": HOME, "times": -1, **error})
    answer = kiln.invoke("expire", {"dry_run": False})
    assert answer.failed and code in answer.error
    kiln.aws.faults()
    kiln.start_anew("expire")
    assert there(kiln, oldest) == list(REGIONS)


def test_an_image_that_is_there_is_not_believed_to_be_gone(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    gone = {"code": "InvalidAMIID.NotFound", "message": "It does not exist.", "status": 400}
    kiln.aws.faults({"call": "DescribeImageReferences", "region": HOME, "times": -1, **gone})
    answer = kiln.invoke("expire", {"dry_run": False})
    assert answer.failed and gone["code"] in answer.error
    kiln.aws.faults()
    assert there(kiln, oldest) == list(REGIONS)


def test_an_image_that_cannot_be_deregistered_now_is_not_told_as_gone(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    state = {"code": "IncorrectState", "message": "It is in another state.", "status": 400}
    kiln.aws.faults({"call": "DeregisterImage", "region": FURTHER[0], "times": -1, **state})
    answer = kiln.invoke("expire", {"dry_run": False})
    assert answer.failed and "IncorrectState" in answer.error
    kiln.aws.faults()
    assert FURTHER[0] in there(kiln, oldest) and HOME in there(kiln, oldest)


def test_an_image_whose_snapshot_is_locked_stays(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    (image,) = kiln.ec2().describe_images(ImageIds=[oldest[HOME]])["Images"]
    snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    kiln.ec2().lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=30)
    assert "lock" in reason(kiln, oldest[HOME], dry_run=False)
    assert there(kiln, oldest) == list(REGIONS)
    kiln.ec2().unlock_snapshot(SnapshotId=snapshot)
    kiln.invoke("expire", {"dry_run": False})
    assert there(kiln, oldest) == []
