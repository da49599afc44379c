"""The plan of expire as a table: what goes, what stays, why, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stack.operate import wake
from stack.text import moment, table

HEADING = ["RECIPE", "VERSION", "REGION", "IMAGE", "AGE", "GB", "$/MONTH", "USAGE", "NEXT", "FROM", "WHY"]
_RIGHT = {HEADING.index(name) for name in ("AGE", "GB", "$/MONTH")}


def plan(lambdas: Any, function: str, recipe: str | None, say: Callable[[str], None] = print) -> None:
    """Asks for the plan of one recipe or of all, and prints it. Nothing is changed."""
    event = {"dry_run": True} | ({"recipe": recipe} if recipe else {})
    body = wake(lambdas, function, event)
    rows = [row(line) for line in body["decisions"] if "plan" in line]
    for line in table([HEADING, *rows], right=_RIGHT):
        say(line)
    for line in beside(body):
        say(line)
    say(summary(body))


def row(line: dict[str, Any]) -> list[str]:
    plan = line["plan"]
    days = f"{plan['age_days']} d"
    next_step = plan.get("next_step") or ("" if line["action"] == "keep" else line["action"])
    return [
        line.get("recipe", ""),
        line.get("version", ""),
        line["region"],
        line["resource"],
        days,
        f"{plan['gb']:g}",
        f"{plan['monthly_usd']:.2f}",
        plan.get("usage", "-"),
        next_step or "-",
        moment(plan.get("next_step_at", "-")),
        line["reason"],
    ]


def beside(body: dict[str, Any]) -> list[str]:
    """What is no image: Regions that could not be read, recipes with mistakes, orphaned snapshots."""
    others = [
        line
        for line in body["decisions"]
        if "plan" not in line and line["action"] not in ("set-stage", "unprotect")
    ]
    entries = [
        f"{line['action']}  {line.get('resource') or line['region']}: {line['reason']}" for line in others
    ]
    return (["", *entries] if entries else []) + (
        [f"{body['omitted']} images that their recipes keep are omitted: ask for one recipe alone"]
        if body.get("omitted")
        else []
    )


def summary(body: dict[str, Any]) -> str:
    totals = body["totals"]
    prices = totals["prices"]
    others = "".join(f", {price:g} in {region}" for region, price in prices.get("regions", {}).items())
    cost = f"{totals['gb']:g} GB of snapshots cost at most {totals['monthly_usd']:.2f} dollars a month"
    saving = f"saves at most {totals['yearly_saving_usd']:.2f} dollars a year"
    return (
        f"\n{totals['images']} images with {cost}.\n"
        f"{totals['unused_images']} of them are unused, and their recipes let them go: "
        f"{totals['unused_gb']:g} GB, which {saving}.\n"
        f"At {prices['usd_per_gb_month']:g} dollars for a GB and month{others} (the stack's parameter "
        "SnapshotPrices); snapshots share blocks, so less may be freed."
    )
