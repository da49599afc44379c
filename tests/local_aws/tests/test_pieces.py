"""The parts that need no server."""

from __future__ import annotations

from datetime import timedelta

import pytest
from moto.ec2.exceptions import EC2ClientError

from local_aws.activity import RETRY, Activity
from local_aws.faults import FaultError, Faults
from local_aws.journal import Journal
from local_aws.overlay import filters, paging, tags
from local_aws.overlay.api import Ec2Api
from local_aws.overlay.base import Overlay
from local_aws.overlay.times import earlier


@pytest.mark.parametrize(
    ("wanted", "value", "fits"),
    [
        ("web-*", "web-1", True),
        ("web-*", "a-web-1", False),
        ("web-?", "web-12", False),
        ("web-??", "web-12", True),
        (r"web-\*", "web-*", True),
        (r"web-\*", "web-1", False),
        (r"a\\b", r"a\b", True),
        (r"a\?c", "abc", False),
        ("a.c", "abc", False),
        ("Web", "web", False),
        ("[ab]", "a", False),
        ("*", "two\nlines", True),
    ],
)
def test_a_filter_value_knows_aws_wildcards_and_escapes(wanted: str, value: str, fits: bool) -> None:
    assert (filters.pattern(wanted).fullmatch(value) is not None) is fits


def test_all_filters_must_hold_and_one_value_of_each_is_enough() -> None:
    things = [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "3", "b": "y"}]
    raw = [{"Name": "tag:a", "Values": ["1", "3"]}, {"Name": "tag:b", "Values": ["x"]}]
    chosen = filters.select(raw, things, lambda thing: thing, lambda thing, name: None)
    assert chosen == [{"a": "1", "b": "x"}]


def test_a_filter_that_the_operation_does_not_have_is_refused() -> None:
    with pytest.raises(EC2ClientError, match="The filter 'colour' is invalid"):
        filters.select([{"Name": "colour", "Values": ["red"]}], ["thing"], lambda _: {}, lambda _, __: None)


def test_more_than_200_values_are_refused() -> None:
    with pytest.raises(EC2ClientError) as caught:
        filters.parse([{"Name": "name", "Values": [str(n) for n in range(201)]}])
    assert caught.value.code == "FilterLimitExceeded"


def test_pages_neither_skip_nor_repeat_when_things_go_between_two_pages() -> None:
    first, token = paging.page(list("abcdef"), 2, None, str, lowest=1)
    assert first == ["a", "b"]
    rest, token = paging.page(list("bcdef"), 2, token, str, lowest=1)
    assert rest == ["c", "d"]
    rest, token = paging.page(list("ef"), 2, token, str, lowest=1)
    assert (rest, token) == ([], None)


def test_a_page_size_out_of_bounds_and_a_strange_token_are_refused() -> None:
    with pytest.raises(EC2ClientError, match="maxResults"):
        paging.page(["a"], 1001, None, str)
    with pytest.raises(EC2ClientError, match="token"):
        paging.page(["a"], 5, "rubbish", str)


def test_tags_of_a_kind_that_the_call_does_not_make_are_refused() -> None:
    with pytest.raises(EC2ClientError, match="'volume' is not a valid taggable resource type"):
        tags.specified([{"ResourceType": "volume", "Tags": []}], ("image", "snapshot"))


def test_a_fault_applies_as_often_as_given_and_only_where_it_matches() -> None:
    faults = Faults()
    faults.replace([{"call": "CopyImage", "region": "eu-west-1", "code": "Boom", "times": 2}])
    seen = [faults.of_call("ec2", "CopyImage", region, "-") for region in ("us-east-1", *["eu-west-1"] * 3)]
    assert [found is not None for found in seen] == [False, True, True, False]


def test_a_fault_can_be_endless_and_can_name_the_function_that_calls() -> None:
    faults = Faults()
    faults.replace([{"call": "CopyImage", "who": "kiln-replicate", "code": "Boom", "times": -1}])
    assert all(faults.of_call("ec2", "CopyImage", "r", "kiln-replicate") for _ in range(100))
    assert faults.of_call("ec2", "CopyImage", "r", "-") is None


def test_the_same_seed_gives_the_same_faults() -> None:
    def applies() -> list[bool]:
        faults = Faults()
        rule = {"event": "E", "effect": "lose", "times": -1, "probability": 0.5, "seed": 7}
        faults.replace([rule])
        return [faults.of_event("E", None, "r") is not None for _ in range(40)]

    first = applies()
    assert first == applies()
    assert 5 < sum(first) < 35


@pytest.mark.parametrize(
    "rule",
    [
        {"code": "X"},
        {"call": "CopyImage"},
        {"call": "CopyImage", "code": "X", "when": "sometimes"},
        {"call": "CopyImage", "code": "X", "tims": 2},
        {"image": "RunInstances"},
        {"event": "E", "effect": "melt"},
    ],
)
def test_a_rule_that_could_never_strike_is_refused(rule: dict[str, str]) -> None:
    with pytest.raises(FaultError):
        Faults().replace([rule])


def test_the_journal_numbers_on_after_it_was_cleared() -> None:
    journal = Journal()
    for line in "abc":
        journal.add("log", line=line)
    assert [entry["line"] for entry in journal.after(1)[0]] == ["b", "c"]
    journal.clear()
    journal.add("log", line="d")
    entries, last = journal.after(3)
    assert ([entry["line"] for entry in entries], last) == (["d"], 4)
    assert journal.after(4) == ([], 4)


def test_a_waiting_retry_counts_only_when_asked_for() -> None:
    activity = Activity()
    number = activity.begin(RETRY, "later")
    assert activity.why() == []
    assert activity.why(retries=True) == ["retry: later"]
    activity.end(number)
    assert activity.why(retries=True) == []


def test_no_two_parts_of_ec2_bear_the_same_name() -> None:
    """All parts are bases of one class, so a helper of one part would replace another's of the same name."""
    parts = [part for part in Ec2Api.__mro__ if issubclass(part, Overlay) and part not in (Overlay, Ec2Api)]
    names = [name for part in parts for name in vars(part) if not name.startswith("__")]
    assert len(parts) > 10
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("text", "was"),
    [
        ("2026-03-10T10:11:12Z", "2026-03-08T22:11:12Z"),
        ("2026-03-10T10:11:12.500+02:00", "2026-03-08T22:11:12.500+02:00"),
        ("2026-03-10T10:11:12", "2026-03-10T10:11:12"),
        ("20260310T101112Z", "20260310T101112Z"),
        ("2026-13-10T10:11:12Z", "2026-13-10T10:11:12Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("released", "released"),
    ],
)
def test_only_a_time_becomes_earlier(text: str, was: str) -> None:
    assert earlier(text, timedelta(days=1.5)) == was
