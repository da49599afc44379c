"""What `expire` knows of one image, as a page for a person."""

from __future__ import annotations

from typing import Any

from stack import answers
from stack.text import moment, table

# The fields of the answer that are read here.
STORY, DECISIONS = "explanation", answers.DECISIONS
IMAGE, REGION, RECIPE, VERSION, STAGE = "image", "region", "recipe", "version", "stage"
MADE, BAKED_AT, BASE, BUILDER, COPIED_FROM, ADOPTED = (
    "provenance",
    "baked_at",
    "base",
    "builder",
    "copied_from",
    "adopted",
)
RELEASED_AT, MEMBERS, STATE = "released_at", "members", "state"
USED_BY, KEPT_BY = "used_by", "kept_by"
STEPS, STEP, STEP_AT = "past_steps", "step", "at"
PLAN, AGE, SIZE, COST, USAGE, NEXT, NEXT_AT = (
    "plan",
    "age_days",
    "gb",
    "monthly_usd",
    "usage",
    "next_step",
    "next_step_at",
)
ACTION, REASON = "action", "reason"


def explain(body: dict[str, Any]) -> list[str]:
    """The page, or what was answered in its place."""
    told = body.get(STORY)
    if not told:
        return answers.decisions(body) or ["Nothing is known of it."]
    lines = [_heading(told), _made(told), _cost(told[PLAN]), "", *_facts(told)]
    if body[DECISIONS]:
        lines += ["", "What could not be found out:", *answers.decisions(body)]
    return lines


def _heading(told: dict[str, Any]) -> str:
    name = f"{told[RECIPE]} {told[VERSION]}"
    state = f"stage {told[STAGE]}, state {told[PLAN][STATE]}"
    return f"{told[IMAGE]} in {told[REGION]} is {name} ({state})."


def _made(told: dict[str, Any]) -> str:
    made = told[MADE]
    if made.get(COPIED_FROM):
        text = f"It is a copy of {made[COPIED_FROM]}, whose bake began {moment(made[BAKED_AT])}"
    elif made[ADOPTED]:
        text = f"Somebody made it {moment(made[BAKED_AT])} and handed it to Kiln"
    else:
        text = f"Its bake began {moment(made[BAKED_AT])}"
        text += f" on instance {made[BUILDER]}" if made.get(BUILDER) else ""
    text += f"; its base is {made[BASE]}" if made.get(BASE) else ""
    text += f"; it was released {moment(told[RELEASED_AT])}" if told.get(RELEASED_AT) else ""
    return f"{text}."


def _cost(plan: dict[str, Any]) -> str:
    cost = f"{plan[SIZE]:g} GB of snapshots, at most {plan[COST]:.2f} dollars a month"
    return f"It is {plan[AGE]} days old and costs {cost}."


def _facts(told: dict[str, Any]) -> list[str]:
    plan = told[PLAN]
    members = table([[one[REGION], one[IMAGE], one[STATE]] for one in told[MEMBERS]])
    steps = [f"{moment(one[STEP_AT])}  {one[STEP]}" for one in told[STEPS]]
    upcoming = plan.get(NEXT)
    when = f", from {moment(plan[NEXT_AT])} on" if plan.get(NEXT_AT) else ""
    facts = {
        "Release": members,
        "Used by": told[USED_BY] or ["nothing that was found"],
        "Kept by": told[KEPT_BY] or ["nothing but its recipe and its release"],
        "Usage": [plan.get(USAGE) or "not looked for: its recipe keeps it"],
        "Past steps": steps or ["none"],
        "Next step": [f"{upcoming}{when}" if upcoming else "none"],
        "Decided": [f"{told[ACTION]}: {told[REASON]}"],
    }
    rows = [[name if at == 0 else "", text] for name, texts in facts.items() for at, text in enumerate(texts)]
    return table(rows)
