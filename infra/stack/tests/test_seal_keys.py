"""The KMS keys of the seals: who may use them, and how one takes the other's place."""

from __future__ import annotations

from typing import Any

import pytest

from stack.functions import functions
from stack.tests.expand import Expanded, home

BOTH = {"SealKeyInUse": "second", "SealKeysAccepted": "both"}


def keys(template: Expanded) -> dict[str, dict[str, Any]]:
    return template.of("AWS::KMS::Key")


def statements(key: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["Sid"]: one for one in key["KeyPolicy"]["Statement"]}


@pytest.mark.parametrize("name", ["FirstSealKey", "SecondSealKey"])
def test_the_roles_of_the_functions_alone_make_seals(name: str) -> None:
    seal = statements(keys(home(**BOTH))[name])["Seal"]
    # notify reads and writes no tag.
    sealing = [one for one in functions() if one.name != "notify"]
    assert sorted(seal["Principal"]["AWS"]) == sorted(f"<{one.role}.Arn>" for one in sealing)
    assert seal["Action"] == "kms:GenerateMac"


@pytest.mark.parametrize("name", ["FirstSealKey", "SecondSealKey"])
def test_who_administers_keys_makes_no_seal(name: str) -> None:
    key = keys(home(**BOTH))[name]
    administer = statements(key)["Administer"]
    assert administer["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert not [action for action in administer["Action"] if "Mac" in action or "*" in action]
    assert (key["KeySpec"], key["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert statements(key).keys() == {"Administer", "Seal"}


@pytest.mark.parametrize(
    ("given", "made", "named"),
    [
        ({}, {"FirstSealKey"}, "<FirstSealKey.Arn>"),
        ({"SealKeyInUse": "second"}, {"SecondSealKey"}, "<SecondSealKey.Arn>"),
        (BOTH, {"FirstSealKey", "SecondSealKey"}, "<SecondSealKey.Arn> <FirstSealKey.Arn>"),
    ],
)
def test_the_functions_seal_under_the_key_in_use_and_accept_the_other_while_they_are_told_to(
    given: dict[str, str], made: set[str], named: str
) -> None:
    template = home(**given)
    assert keys(template).keys() == made
    for name, function in template.of("AWS::Lambda::Function").items():
        given_keys = function["Environment"]["Variables"]["KILN_SEAL_KEYS"]
        assert given_keys == ("none" if name == "Notify" else named)
