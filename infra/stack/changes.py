"""What CloudFormation would do to a stack, as a change set tells it, and how that reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from stack.text import table


@dataclass(frozen=True)
class Change:
    """What would happen to one resource."""

    what: str
    """One of the words below."""
    resource: str
    kind: str
    fields: tuple[str, ...] = ()
    """The properties, or other parts, for which it is changed."""


ADDED, CHANGED, IMPORTED = "added", "changed", "imported"
# It names something that is changed but stays the same resource, so most often nothing happens to it.
FOLLOWS = "perhaps changed"
# In capitals, for these can lose something.
PERHAPS, REPLACED, REMOVED, LEFT = "MAY BE REPLACED", "REPLACED", "REMOVED", "left, but not deleted"
# The last lines are those that a person still sees before the question: what can lose something stands there.
_ORDER = (FOLLOWS, ADDED, IMPORTED, CHANGED, LEFT, PERHAPS, REPLACED, REMOVED)
_MARKS = {
    FOLLOWS: "~",
    ADDED: "+",
    IMPORTED: "+",
    CHANGED: "~",
    LEFT: "-",
    PERHAPS: "!",
    REPLACED: "!",
    REMOVED: "!",
}
_ACTIONS = {"Add": ADDED, "Import": IMPORTED, "Remove": REMOVED, "Modify": CHANGED}
_REPLACEMENTS = {"True": REPLACED, "Conditional": PERHAPS}


@dataclass(frozen=True)
class ChangeSet:
    """A change set that is ready to be executed."""

    stack: str
    region: str
    arn: str
    stack_id: str
    creates: bool
    """Whether it creates the stack."""
    placeholder: bool
    """Whether the stack is there only because this change set was made."""
    changes: tuple[Change, ...]

    def count(self, *what: str) -> int:
        """How many resources this happens to."""
        return sum(change.what in what for change in self.changes)

    def lines(self) -> list[str]:
        """The change set as text, one line for each resource."""
        verb = "will be created" if self.creates else "will be updated"
        counted = ", ".join(f"{self.count(what)} {what}" for what in _ORDER if self.count(what))
        title = f"stack {self.stack} in {self.region} {verb}: {counted or 'outputs or tags alone'}"
        return [title, *listed(self.changes)]


def listed(changes: tuple[Change, ...]) -> list[str]:
    """One line for each resource, those last that can lose something."""
    ordered = sorted(changes, key=lambda change: (_ORDER.index(change.what), change.resource))
    rows = [
        [f"{_MARKS[one.what]} {one.what}", one.resource, one.kind, ", ".join(one.fields)] for one in ordered
    ]
    return [f"  {row}" for row in table(rows)] if rows else []


def read_all(found: list[dict[str, Any]]) -> tuple[Change, ...]:
    """The changes of one change set.

    CloudFormation lists whatever names a changed resource, as if that could be replaced as well. It cannot
    unless what it names is replaced: the name and the ARN of a resource stay as long as it stays.
    """
    changes = {change.resource: change for change in map(read, found)}
    causes = {one["ResourceChange"]["LogicalResourceId"]: _causes(one) for one in found}
    stay = {name for name, change in changes.items() if change.what == CHANGED}
    while True:
        follow = {
            name
            for name, change in changes.items()
            if change.what in (CHANGED, PERHAPS) and causes[name] and causes[name] <= stay
        }
        if not follow:
            return tuple(changes.values())
        changes |= {name: replace(changes[name], what=FOLLOWS) for name in follow}
        stay |= follow


def _causes(change: dict[str, Any]) -> set[str]:
    """The resources that a change only follows from; none where it has a cause of its own."""
    details = change["ResourceChange"].get("Details", [])
    if any(
        detail.get("ChangeSource") not in ("ResourceAttribute", "ResourceReference") for detail in details
    ):
        return set()
    return {str(detail.get("CausingEntity", "")).partition(".")[0] for detail in details}


def read(change: dict[str, Any]) -> Change:
    """A change as DescribeChangeSet tells it."""
    found = change["ResourceChange"]
    what = _ACTIONS.get(found["Action"], PERHAPS)
    if what == CHANGED:
        what = _REPLACEMENTS.get(found.get("Replacement", ""), CHANGED)
    if what == REMOVED and found.get("PolicyAction") == "Retain":
        what = LEFT
    targets = [detail["Target"] for detail in found.get("Details", [])]
    fields = dict.fromkeys(target.get("Name") or target.get("Attribute", "") for target in targets)
    return Change(what, found["LogicalResourceId"], found["ResourceType"], tuple(filter(None, fields)))
