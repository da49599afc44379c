"""What a stack allows its recipes: a recipe beyond it is refused whole, and no parameter's value is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.kiln import HOME, REGIONS, Kiln

SECRET = "correct-horse-battery-staple"


@contextmanager
def bounded(kiln: Kiln, *functions: str, **bounds: str) -> Iterator[None]:
    """These functions, as a stack with these bounds has them."""
    client = kiln.aws.client("lambda")
    before = {}
    for name in (f"kiln-{function}" for function in functions):
        before[name] = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": before[name] | bounds}
        )
    try:
        yield
    finally:
        for name, variables in before.items():
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def everything_said(kiln: Kiln, before: int) -> str:
    return json.dumps([kiln.aws.journal(before), kiln.dead_letters()])


def test_a_base_beyond_the_bounds_is_not_even_read(kiln: Kiln) -> None:
    kiln.aws.client("ssm").put_parameter(
        Name="/prod/db/password", Value=SECRET, Type="String", Overwrite=True
    )
    kiln.recipe(base='"ssm:/prod/db/password"')
    before = kiln.aws.journal_end()
    answer = kiln.bake()
    assert "bake.base: found /prod/db/password; expected what the stack allows: /golden/*" in answer.error
    assert kiln.changes(before) == [] and SECRET not in answer.error + everything_said(kiln, before)


def test_the_value_of_a_parameter_that_names_no_image_is_told_nobody(kiln: Kiln) -> None:
    kiln.aws.client("ssm").put_parameter(
        Name="/prod/db/password", Value=SECRET, Type="String", Overwrite=True
    )
    kiln.recipe(base='"ssm:/prod/db/password"')
    before = kiln.aws.journal_end()
    with bounded(kiln, "bake", KILN_BASE_PARAMETERS="/prod/*"):
        kiln.aws.schedule("kiln-bake")
        kiln.settle()
        answer = kiln.bake()
    assert "is not an image id" in answer.error
    assert kiln.said("Bake Refused") != [] and SECRET not in answer.error + everything_said(kiln, before)


def test_whoever_writes_a_recipe_shares_with_nobody_that_the_stack_does_not_name(kiln: Kiln) -> None:
    kiln.recipe(publish='share = { accounts = ["111111111111"], snapshots = true }')
    with bounded(kiln, "publish", "replicate", "reconcile", KILN_SHARE_TARGETS="222222222222"):
        before = kiln.aws.journal_end()
        kiln.bake()
        assert kiln.said("Image Verified", before) != [] and kiln.said("Image Published", before) == []
        error = kiln.invoke("reconcile", {})
        kiln.settle()
        changed = set(kiln.changes(before))
    assert not changed & {"ModifyImageAttribute", "ModifySnapshotAttribute", "CopyImage"}
    assert [len(kiln.images(region)) for region in REGIONS] == [1, 0, 0]
    assert kiln.allowed(kiln.images(HOME)[0]["ImageId"]) == []
    assert any("publish.share.accounts: found 111111111111" in one["reason"] for one in error.decisions)


def test_an_instance_type_and_a_public_image_beyond_the_bounds_are_both_told(kiln: Kiln) -> None:
    kiln.recipe(publish="share = { public = true }")
    with bounded(kiln, "bake", KILN_INSTANCE_TYPES="m7g.*", KILN_PUBLIC_IMAGES="forbidden"):
        error = kiln.bake().error
    assert "bake.instance_type: found t4g.small; expected what the stack allows: m7g.*" in error
    assert "the stack allows no public images" in error and kiln.living() == []
