"""The pages of docs/reference that are made from the templates: they are what would be made now."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack import reference, rights
from stack.functions import names
from stack.template import ACCOUNT_TEMPLATE, HOME_TEMPLATE, REGION_TEMPLATE, Short, parse, read


@pytest.mark.parametrize("name", reference.pages())
def test_a_page_is_as_the_templates_are(name: str) -> None:
    path = reference.REFERENCE / name
    assert path.exists() and path.read_text() == reference.pages()[name], f"{name} is old: run make docs"


def test_pages_are_written_only_where_they_changed(tmp_path: Path) -> None:
    written = reference.write(tmp_path / "reference")
    assert sorted(path.name for path in written) == sorted(reference.pages())
    assert reference.write(tmp_path / "reference") == []
    written[0].write_text("old")
    assert reference.write(tmp_path / "reference") == [written[0]]


def test_each_parameter_of_the_templates_has_its_row_and_a_description() -> None:
    page = reference.pages()["template-parameters.md"]
    for path in (HOME_TEMPLATE, REGION_TEMPLATE, ACCOUNT_TEMPLATE):
        for name, parameter in read(path)["Parameters"].items():
            (row,) = [
                line
                for line in page.splitlines()
                if line.startswith(f"| `{name}` ") and line.endswith(f"| {parameter['Description']} |")
            ]
            assert row.count(" | ") == 4


def test_each_function_has_its_section_with_every_right_of_its_role() -> None:
    page = reference.pages()["functions.md"]
    for name in names():
        assert f"\n## {name}\n" in page
    document = read(HOME_TEMPLATE)
    policies = [*rights.of_kind(document, "AWS::IAM::ManagedPolicy").values()]
    policies += [policy for role in rights.roles(document).values() for policy in role.get("Policies", [])]
    for policy in policies:
        for statement in rights.of_policy(policy):
            rows = [line for line in page.splitlines() if line.startswith(f"| {statement['Sid']} |")]
            actions = rights.listed(statement["Action"])
            assert any(all(f"`{action}`" in row for action in actions) for row in rows), statement["Sid"]


def test_what_has_no_comment_of_its_own_does_not_take_anothers() -> None:
    text = "  A:\n    - Sid: One\n    # Why two.\n    # And so on.\n    - Sid: Two\n    - Sid: Three\n"
    assert rights.comments(text) == {"A": {"Two": "Why two. And so on."}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"*"', "everything"),
        ("!GetAtt Bus.Arn", "`Bus` of this stack"),
        ("!Sub arn:${AWS::Partition}:ec2:*::image/*", "ec2 `image/*` in every Region"),
        (
            "!Sub arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*",
            "ec2 `instance/*` of this account in the home Region",
        ),
        ("!Sub arn:${AWS::Partition}:kms:*:*:key/*", "kms `key/*` of any account in every Region"),
        ("!Sub arn:${AWS::Partition}:s3:nowhere::x", "`arn:{Partition}:s3:nowhere::x`"),
    ],
)
def test_a_resource_in_words(text: str, said: str) -> None:
    assert rights.resource(parse(f"a: {text}")["a"]) == said


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"Null": {"aws:ResourceTag/kiln:hold": "true"}}, ["it does not bear the tag `kiln:hold`"]),
        ({"StringEquals": {"aws:ResourceTag/kiln:role": "tester"}}, ["its tag `kiln:role` is `tester`"]),
        (
            {"Null": {"aws:TagKeys": "false"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}},
            ["no other tags are written or removed than `a`, `b`"],
        ),
        ({"Null": {"aws:TagKeys": "false"}}, ["`aws:TagKeys` is `false` (`Null`)"]),
        (
            {"StringLike": {"kms:ViaService": Short("Sub", "ec2.*.${AWS::URLSuffix}")}},
            ["the call comes through `ec2.*.{URLSuffix}`"],
        ),
        ({"StringNotLike": {"aws:ResourceTag/x": "y"}}, ["`aws:ResourceTag/x` is `y` (`StringNotLike`)"]),
    ],
)
def test_a_condition_in_words(condition: dict[str, dict[str, object]], said: list[str]) -> None:
    assert rights.conditions(condition) == said
