"""How a report of Checkov's is judged. Checkov itself runs by `make checkov`."""

from __future__ import annotations

from typing import Any

from stack.tests.scan import ACCEPTED, judged, templates


def report(*findings: tuple[str, str]) -> dict[str, Any]:
    failed = [{"check_id": check, "resource": one, "check_name": "Ensure it"} for check, one in findings]
    return {"results": {"failed_checks": failed}}


ALL = [(check, resource if "Common" in resource else f"{resource}Bake") for check, resource in ACCEPTED]


def test_what_is_accepted_is_not_wrong_and_each_acceptance_has_a_reason() -> None:
    assert list(judged(report(*ALL))) == []
    assert all(len(reason) > 40 for reason in ACCEPTED.values())


def test_any_other_finding_is_wrong() -> None:
    other = ("CKV_AWS_111", "AWS::IAM::ManagedPolicy.BakePolicy")
    (line,) = judged(report(*ALL, other))
    assert line == "AWS::IAM::ManagedPolicy.BakePolicy: CKV_AWS_111, Ensure it"


def test_an_acceptance_that_nothing_needs_is_wrong() -> None:
    (line,) = judged(report(*ALL[1:]))
    assert line.startswith(f"{list(ACCEPTED)[0][1]}: {ALL[0][0]} is not found any more")


def test_checkov_gets_templates_of_plain_values() -> None:
    for template in templates().values():
        assert template["Resources"]
        text = str(template)
        assert "Fn::" not in text and "'Ref'" not in text
