"""A function's answer as text: its decisions, those of one reason together."""

from __future__ import annotations

from typing import Any

from stack.text import table

# The fields of an answer that are read here.
DECISIONS, LEFT_OUT, UNSAID = "decisions", "omitted", "event_error"
# The fields of a decision.
ACTION, OUTCOME, REASON, ERROR, WAITS_FOR = "action", "outcome", "reason", "error", "waiting_for"
RECIPE, VERSION, REGION, RESOURCE = "recipe", "version", "region", "resource"


def decisions(body: dict[str, Any]) -> list[str]:
    """One paragraph for each reason: what was decided for it, how that ended, and of what."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in body[DECISIONS]:
        groups.setdefault((line[OUTCOME], line[REASON]), []).append(line)
    text: list[str] = []
    for (outcome, reason), lines in groups.items():
        actions = ", ".join(dict.fromkeys(line[ACTION] for line in lines))
        subjects = dict.fromkeys(_subject(line) for line in lines)
        text.append(f"{actions} ({outcome}): {reason}")
        text += [f"    {row}" for row in table(list(subjects))]
    return text + beside(body)


def beside(body: dict[str, Any]) -> list[str]:
    """What an answer says of itself: what it leaves out, and what could not be put onto the bus."""
    text = []
    if body.get(LEFT_OUT):
        text.append(f"{body[LEFT_OUT]} more decisions are left out here: the function's log has all.")
    if body.get(UNSAID):
        text.append(f"Some of it was done, but no event says so: {body[UNSAID]}")
    return text


def _subject(line: dict[str, Any]) -> tuple[str, ...]:
    name = " ".join(str(line[key]) for key in (RECIPE, VERSION) if line.get(key))
    found = line.get(ERROR) or (f"waits for {line[WAITS_FOR]}" if line.get(WAITS_FOR) else "")
    return line[REGION], name, line.get(RESOURCE, ""), found
