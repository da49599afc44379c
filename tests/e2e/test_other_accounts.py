"""The parameter that names a release, in other accounts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.kiln import HOME, REGIONS, Kiln
from e2e.test_recall import recall
from e2e.test_release import NEW, NEXT, OLD, bake
from local_aws.settings import ACCOUNT

WITH_ROLES, WITHOUT = "111111111111", "222222222222"
NAME = "/golden/web"
TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "account.yaml"
STACK = "kiln-account"
FUNCTIONS = ("publish", "replicate", "reconcile")


def publish(*accounts: str) -> str:
    listed = ", ".join(f'"{account}"' for account in accounts)
    return f'parameter = "{NAME}"\nparameter_accounts = [{listed}]\nshare = {{ accounts = [{listed}] }}'


def give_roles(kiln: Kiln, account: str, **more: str) -> None:
    """Deploys infra/account.yaml there."""
    cloudformation = kiln.aws.client("cloudformation", account=account)
    given = {"HomeAccount": ACCOUNT, **more}
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    deadline = time.monotonic() + 20
    while (state := _state(cloudformation)) == "CREATE_IN_PROGRESS":
        assert time.monotonic() < deadline, "the stack does not come"
        time.sleep(0.05)
    assert state == "CREATE_COMPLETE", state
    # What could not be reached is not asked again for half a minute.
    for function in FUNCTIONS:
        kiln.start_anew(function)


def take_roles(kiln: Kiln, account: str) -> None:
    kiln.aws.client("cloudformation", account=account).delete_stack(StackName=STACK)
    iam = kiln.aws.client("iam", account=account)
    deadline = time.monotonic() + 20
    while iam.list_roles()["Roles"]:
        assert time.monotonic() < deadline, "the roles do not go"
        time.sleep(0.05)
    for function in FUNCTIONS:
        kiln.start_anew(function)


def _state(cloudformation: Any) -> str:
    return str(cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])


@pytest.fixture
def accounts(kiln: Kiln) -> Iterator[Kiln]:
    """Kiln, and an account that gave it roles."""
    give_roles(kiln, WITH_ROLES)
    yield kiln
    take_roles(kiln, WITH_ROLES)
    for account in (WITH_ROLES, WITHOUT):
        for region in REGIONS:
            ssm = kiln.aws.client("ssm", region, account=account)
            for parameter in ssm.get_parameters_by_path(Path="/golden", Recursive=True)["Parameters"]:
                ssm.delete_parameter(Name=parameter["Name"])


def there(kiln: Kiln, account: str = WITH_ROLES) -> list[str | None]:
    """The version that the parameter of each Region names in another account."""
    found: list[str | None] = []
    for region in REGIONS:
        ssm = kiln.aws.client("ssm", region, account=account)
        values = [one["Value"] for one in ssm.get_parameters(Names=[NAME])["Parameters"]]
        images = {image["ImageId"]: image["Name"] for image in kiln.images(region)}
        found.append(images[values[0]].removeprefix("web-") if values else None)
    return found


def test_it_arrives_in_each_region_moves_with_the_next_release_and_goes_back_at_a_rollback(
    accounts: Kiln,
) -> None:
    kiln = accounts
    kiln.recipe(publish=publish(WITH_ROLES))
    bake(kiln, OLD)
    assert kiln.named() == there(kiln) == [OLD] * 3
    bake(kiln, NEW)
    assert kiln.named() == there(kiln) == [NEW] * 3
    kinds = kiln.aws.client("ssm", account=WITH_ROLES).get_parameters(Names=[NAME])["Parameters"]
    assert [(one["Type"], one["DataType"]) for one in kinds] == [("String", "aws:ec2:image")]
    answer = kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    assert not answer.failed and kiln.named() == there(kiln) == [OLD] * 3
    assert any(
        line["action"] == "move-in-accounts" and line["outcome"] == "done" for line in answer.decisions
    )
    bake(kiln, NEXT)
    assert kiln.named() == there(kiln) == [NEXT] * 3
    before = kiln.aws.journal_end()
    assert kiln.sweep() == [] and kiln.calls("PutParameter", before) == []


def test_a_recall_moves_it_too(accounts: Kiln) -> None:
    kiln = accounts
    kiln.recipe(publish=publish(WITH_ROLES))
    for version in (OLD, NEW):
        bake(kiln, version)
    recall(kiln)
    assert kiln.named() == there(kiln) == [OLD] * 3


def test_an_account_without_roles_holds_no_release_up_is_told_and_is_set_right_once_it_has_them(
    accounts: Kiln,
) -> None:
    kiln = accounts
    kiln.recipe(publish=publish(WITH_ROLES, WITHOUT))
    bake(kiln, NEW)
    assert kiln.named() == there(kiln) == [NEW] * 3 and there(kiln, WITHOUT) == [None] * 3
    assert kiln.dead_letters() == [] and len(kiln.said("Image Released")) == 1
    answer = kiln.invoke("reconcile", {})
    (line,) = answer.decisions
    assert line["outcome"] == "unchanged" and line["resource"] == WITHOUT
    assert f"the parameter of account {WITHOUT} cannot be read" in line["reason"]
    assert "AssumeRole" in line["reason"] and "infra/account.yaml" in line["reason"]
    before = kiln.aws.journal_end()
    assert kiln.sweep() == [] and kiln.calls("PutParameter", before) == []
    give_roles(kiln, WITHOUT)
    try:
        assert kiln.sweep() == ["move-in-accounts"]
        assert there(kiln, WITHOUT) == [NEW] * 3
        before = kiln.aws.journal_end()
        assert kiln.sweep() == [] and kiln.calls("PutParameter", before) == []
    finally:
        take_roles(kiln, WITHOUT)


def test_what_somebody_there_wrote_does_not_last(accounts: Kiln) -> None:
    kiln = accounts
    kiln.recipe(publish=publish(WITH_ROLES))
    for version in (OLD, NEW):
        bake(kiln, version)
    older = kiln.images("eu-west-1")[0]["ImageId"]
    ssm = kiln.aws.client("ssm", "eu-west-1", account=WITH_ROLES)
    ssm.put_parameter(Name=NAME, Value=older, Type="String", DataType="aws:ec2:image", Overwrite=True)
    kiln.settle()
    assert there(kiln) == [NEW, OLD, NEW]
    assert kiln.sweep() == ["move-in-accounts"]
    assert there(kiln) == [NEW] * 3


def test_where_it_cannot_be_written_that_is_told_and_the_release_goes_on(accounts: Kiln) -> None:
    kiln = accounts
    kiln.recipe(publish=publish(WITH_ROLES))
    bake(kiln, OLD)
    take_roles(kiln, WITH_ROLES)
    give_roles(kiln, WITH_ROLES, ExternalId="another")
    bake(kiln, NEW)
    assert kiln.named() == [NEW] * 3 and there(kiln) == [OLD] * 3
    assert kiln.dead_letters() == [] and len(kiln.said("Image Released")) == 2


def test_the_functions_take_the_role_once_for_all_regions_and_write_by_nothing_else(accounts: Kiln) -> None:
    kiln = accounts
    kiln.recipe(publish=publish(WITH_ROLES))
    bake(kiln, OLD)
    taken, runs = kiln.calls("AssumeRole"), kiln.aws.journal(kind="invoke")
    for call in taken:
        assert call["region"] == HOME and call["who"] in ("kiln-replicate", "kiln-publish"), call
    assert 0 < len(taken) <= len([one for one in runs if one["function"] == "kiln-replicate"])
    written = {call["who"] for call in kiln.calls("PutParameter") if not call["error"]}
    assert written == {"kiln-replicate"}
