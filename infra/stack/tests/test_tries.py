"""That every call of the code is tried, and what is said of the tries. `make policies` runs the simulator."""

from __future__ import annotations

import pytest

from stack.functions import functions
from stack.rights import listed
from stack.tests import calls
from stack.tests.expand import home
from stack.tests.judges import judge
from stack.tests.policies import WIDTH, label, report, table
from stack.tests.policy import statements_of
from stack.tests.tries import ANYTHING, ANYTHING_BY, NOT_OURS, ON_BEHALF, OURS, TOO, Try, all_tries, own

ROLES = [function.role for function in functions()]
NEEDED = {role: {call[0] for call in own(role)} for role in ROLES}
TRIES = all_tries()
RIGHT = [judge(one, home()) for one in TRIES]


def test_each_call_of_the_code_is_needed_by_some_role() -> None:
    missing = calls.made() - set().union(*NEEDED.values())
    assert not missing, (
        f"{missing} is called in shared/kiln/src/aws, and no role has a row in roles.py or tries.py"
    )


def test_each_row_is_a_call_of_the_code_or_made_on_its_behalf() -> None:
    assert set().union(*NEEDED.values()) == calls.made() | ON_BEHALF.keys()


def test_each_call_is_named_for_its_errors_as_it_is_read_here() -> None:
    names = {action.partition(":")[2] for action in calls.made()}
    # One call's failure is no error, two rights have another name than their calls, and what instances do
    # with signed URLs ends there.
    others = {"GetServiceQuota", "InvokeFunction", "GetObject", "PutObject", "ListBucket"}
    others.add("ChangeMessageVisibility")
    assert names - others == calls.named() - {"Invoke", "ChangeMessageVisibilityBatch"}


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("fn f() { self.ec2(region)\n  .await\n  .copy_image() }", {"ec2:CopyImage"}),
        ("fn f() { let ec2 = self.ec2(region).await; ec2.enable_image().x() }", {"ec2:EnableImage"}),
        ("fn f() { self.lambda().await.invoke() }", {"lambda:InvokeFunction"}),
        ("fn f() { self.quotas().await.get_service_quota() }", {"servicequotas:GetServiceQuota"}),
        ('fn f() { self.link("GET", store, key, within).await }', {"s3:GetObject"}),
        ("// self.ec2(region).await.copy_image()", set()),
    ],
)
def test_a_call_is_read_from_rust(source: str, made: set[str]) -> None:
    assert calls.read(source) == made


def test_a_client_that_is_handed_on_is_an_error() -> None:
    with pytest.raises(AssertionError, match="handed on"):
        calls.read("fn f() { elsewhere(self.ec2(region).await) }")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_no_right_that_its_function_does_not_need(role: str) -> None:
    allows = [one for one in statements_of(home(), role) if one["Effect"] == "Allow"]
    given = {action for statement in allows for action in listed(statement["Action"])}
    # The key of the seals has a policy of its own, which names the roles.
    assert given == NEEDED[role] - {"kms:GenerateMac"}


def test_kilns_own_judge_finds_nothing_wrong() -> None:
    lines, code = report(TRIES, RIGHT, RIGHT, lint=[])
    assert code == 0 and lines[-1].endswith("calls × 9 roles, 0 wrong"), "\n".join(lines)


def test_each_call_is_tried_by_each_role_on_what_is_kilns_and_each_change_on_what_is_not() -> None:
    rows = {one.row for one in TRIES}
    for role in ROLES:
        assert {one.row for one in TRIES if one.role == role} == rows, role
        for row in {one.row for one in TRIES if one.role == role and one.allowed and one.of == OURS}:
            sides = {one.of for one in TRIES if one.role == role and one.row == row}
            assert sides == {OURS, NOT_OURS}, f"{role} {row}"


def test_what_is_allowed_on_anything_or_to_others_too_is_still_needed() -> None:
    needed = {role: {one.row for one in TRIES if one.role == role and one.allowed} for role in ROLES}
    rows = {(action, "report" if what == "image-usage-report" else what) for action, what in ANYTHING}
    assert rows <= set().union(*needed.values())
    assert all((action, what) in needed[role] for role, action, what in ANYTHING_BY)
    assert all(rows <= needed[role] for role, rows in TOO.items())


def changed(number: int, answers: list[str]) -> list[str]:
    other = "refused" if answers[number] == "allowed" else "allowed"
    return [*answers[:number], other, *answers[number + 1 :]]


def find(role: str, action: str, of: str) -> tuple[int, Try]:
    return next((n, o) for n, o in enumerate(TRIES) if (o.role, o.action, o.of) == (role, action, of))


@pytest.mark.parametrize("of", [OURS, NOT_OURS])
def test_a_wrong_answer_is_seen_in_the_table_and_fails(of: str) -> None:
    number, one = find("ExpireRole", "ec2:DisableImage", of)
    answers = changed(number, RIGHT)
    lines, code = report(TRIES, answers, answers, lint=[])
    (row,) = (line for line in lines if line.startswith("DisableImage image"))
    assert "WRONG" in row and code == 1
    assert lines[-1].endswith("9 roles, 1 wrong")
    (told,) = (line for line in lines if line.startswith("WRONG"))
    assert one.resource in told and one.because in told


def test_two_judges_that_differ_are_wrong_even_if_one_is_right() -> None:
    number, _ = find("ExpireRole", "ec2:DisableImage", OURS)
    lines, code = report(TRIES, RIGHT, changed(number, RIGHT), lint=[])
    assert code == 1 and any("and policy.py" in line for line in lines)


def test_a_mistake_in_a_statement_fails() -> None:
    lines, code = report(TRIES, RIGHT, RIGHT, lint=["ec2:Frobnicate is not in the reference"])
    assert code == 1 and lines[-1].endswith("1 wrong")


def test_the_table_fits_its_width_and_has_a_line_for_every_call() -> None:
    lines, _ = report(TRIES, RIGHT, RIGHT, lint=[])
    assert max(map(len, lines)) <= WIDTH
    labels = [label(row) for row in {one.row for one in TRIES}]
    assert len(set(labels)) == len(labels) and all(labels)
    shown = list(table(TRIES, RIGHT))
    assert sum(line.startswith(tuple(f"{one} " for one in labels)) for line in shown) >= len(labels)


def test_what_the_reference_does_not_know_is_neither_right_nor_wrong() -> None:
    (row,) = (line for line in table(TRIES, RIGHT) if line.startswith("GetImageFindings"))
    assert row.split()[2:] == ["?"] * len(ROLES)
