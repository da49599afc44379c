"""expire: its plan for many images is what an independent oracle says, and what is planned is done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.kiln import Answer, Kiln
from oracle import compare, rules, snapshot, verify_applied, world
from oracle.model import Size
from oracle.snapshot import Account, Key

SEED = 20_261_124
SHOWN = 10
"""How many differences are told."""


@dataclass(repr=False)
class Planned:
    """A world, what the oracle says of it, and what Kiln plans for it."""

    account: Account
    expected: dict[Key, rules.Expected]
    answer: Answer


QUICK, FULL = Size().divided_by(5), Size()


def inhabited(kiln: Kiln, size: Size) -> Iterator[Planned]:
    """Many images in 3 Regions, with a plan for them. Leaves nothing of them behind."""
    world.clear(kiln.aws)
    kiln.fresh()
    now = datetime.now(UTC).replace(microsecond=0)
    world.put(kiln.aws, world.make(SEED, size, now))
    account = snapshot.look(kiln.aws)
    expected = rules.expected(account, datetime.now(UTC))
    before = kiln.aws.journal_end()
    answer = kiln.invoke("expire", {"dry_run": True})
    assert kiln.changes(before) == [], "a plan changes nothing"
    yield Planned(account, expected, answer)
    world.clear(kiln.aws)


@pytest.fixture(scope="module")
def quick(deployed: Kiln) -> Iterator[Planned]:
    yield from inhabited(deployed, QUICK)


@pytest.fixture(scope="module")
def full(deployed: Kiln) -> Iterator[Planned]:
    yield from inhabited(deployed, FULL)


@pytest.fixture(scope="module", params=["quick", pytest.param("full", marks=pytest.mark.full)])
def at_scale(request: pytest.FixtureRequest) -> Planned:
    """A plan that several tests look at."""
    planned: Planned = request.getfixturevalue(request.param)
    return planned


def told(differences: list[str]) -> str:
    return f"{len(differences)} differences, the first of them:\n" + "\n".join(differences[:SHOWN])


def test_what_is_done_is_what_was_planned_and_nothing_else_has_changed(
    quick: Planned, deployed: Kiln
) -> None:
    """It stands first: the tests below look at plans alone, the last of them at that of another world."""
    began = datetime.now(UTC).replace(microsecond=0)
    done = deployed.invoke("expire", {"dry_run": False})
    ended = datetime.now(UTC)
    deployed.settle()

    # Between the plan and the deed an image may grow a day older.
    def lines(answer: Answer, outcome: str) -> Counter[tuple[Any, ...]]:
        return Counter(
            (
                line["region"],
                line.get("resource"),
                line["action"],
                re.sub(r"\b\d+d old", "old", line["reason"]),
            )
            for line in answer.decisions
            if line["outcome"] == outcome
        )

    wanted = lines(quick.answer, "planned")
    assert len(wanted) > 500 and wanted == lines(done, "done")
    left = [line for line in quick.answer.decisions if line["outcome"] == "planned"]
    unlike = verify_applied.unlike(quick.account, snapshot.look(deployed.aws), left, (began, ended))
    assert unlike == [], told(unlike)
    assert deployed.dead_letters() == []


def test_the_plan_for_thousands_of_images_is_what_a_brute_force_oracle_says(at_scale: Planned) -> None:
    expected = at_scale.expected
    assert len(expected) in (QUICK.images, FULL.images) and not at_scale.answer.failed
    sorts = [sort for sort, count in compare.counted(expected).items() if count >= 3]
    assert len(sorts) > 15, "there is little of all that a plan can say"
    differences = compare.differences(at_scale.account, expected, at_scale.answer.body)
    assert differences == [], told(differences)


def test_each_next_step_is_told_with_the_time_at_which_it_comes(at_scale: Planned) -> None:
    lines = compare.of_images(at_scale.answer.decisions)
    differences = []
    for key, wanted in at_scale.expected.items():
        for plan in [line["plan"] for line in compare.telling(lines.get(key, []))]:
            on = snapshot.instant(plan.get("next_step_at"))
            is_near = wanted.on and on and abs(on - wanted.on) < timedelta(minutes=5)
            if plan.get("next_step") == wanted.next and not is_near and (on or wanted.on):
                differences.append(f"{'/'.join(key)}: {wanted.next} on {on}; the oracle: on {wanted.on}")
    assert differences == [], told(differences)


def test_the_totals_are_those_of_the_images_that_the_oracle_counts(at_scale: Planned) -> None:
    gib = {key: at_scale.account.images[key].gib for key in at_scale.expected}
    unused = [key for key, one in at_scale.expected.items() if one.verdict == "unused" and one.next]
    unused_gib = sum(gib[key] for key in unused)
    totals = at_scale.answer.body["totals"]
    price = totals.pop("prices")["usd_per_gb_month"]
    wanted = {
        "images": len(gib),
        "gb": sum(gib.values()),
        "monthly_usd": sum(gib.values()) * price,
        "unused_images": len(unused),
        "unused_gb": unused_gib,
        "yearly_saving_usd": unused_gib * price * 12,
    }
    assert totals == pytest.approx(wanted, abs=0.5)
