"""A deployment as it is shown, confirmed and carried out: all change sets first, then one question."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from stack.changes import PERHAPS, REMOVED, REPLACED, Change, ChangeSet, listed
from stack.confirm import Confirm
from stack.stacks import Stack

Say = Callable[[str], None]


@dataclass
class Deployment:
    """What is to be done to each stack, in the order in which it is carried out."""

    say: Say
    confirm: Confirm | None
    """Without it nothing is shown beforehand and nobody is asked."""
    steps: list[tuple[Stack, ChangeSet | None]] = field(default_factory=list)
    removals: list[Stack] = field(default_factory=list)

    def bring(
        self, stack: Stack, template: dict[str, str], parameters: dict[str, str], known: Iterable[str]
    ) -> None:
        """Has a stack brought to its template."""
        self.clear(stack)
        self.steps.append((stack, stack.propose(template, parameters, known)))

    def remove(self, stack: Stack) -> None:
        """Has a stack deleted."""
        self.removals.append(stack)

    def ask(self) -> None:
        """Shows what would be done, and asks if that is wanted; raises NotConfirmed if it is not."""
        proposed = [change_set for _, change_set in self.steps if change_set]
        if self.confirm is None or not (proposed or self.removals):
            return
        for change_set in proposed:
            for line in change_set.lines():
                self.say(line)
        lost = [change.what for change_set in proposed for change in change_set.changes]
        for stack in self.removals:
            going = tuple(Change(REMOVED, name, kind) for name, (kind, _) in stack.resources().items())
            lost += [REMOVED] * len(going)
            self.say(f"{stack.title} will be DELETED: {len(going)} {REMOVED}")
            for line in listed(going):
                self.say(line)
        counted = ", ".join(
            f"{lost.count(what)} {what}" for what in (PERHAPS, REPLACED, REMOVED) if what in lost
        )
        self.say(f"of all resources: {counted or 'none is replaced or removed'}")
        self.confirm(f"Change {_stacks(len(proposed) + len(self.removals))}?")

    def carry_out(self) -> None:
        """Does it, stack by stack. `drop` takes back what is not reached because one failed."""
        while self.steps:
            stack, change_set = self.steps.pop(0)
            self.say(f"deploying {stack.title}")
            self.say(f"  {stack.carry_out(change_set) if change_set else 'unchanged'}")
        while self.removals:
            stack = self.removals.pop(0)
            self.say(f"deleting {stack.title}")
            stack.delete()
            self.say("  deleted")

    def drop(self) -> None:
        """Takes back what was proposed and not carried out."""
        for stack, change_set in self.steps:
            if change_set:
                try:
                    stack.drop(change_set)
                except ClientError as error:
                    # What went wrong before is what the person must read.
                    self.say(f"a change set of {stack.title} is left and does nothing: {error}")

    def clear(self, stack: Stack) -> None:
        """Deletes what is left of a stack whose first creation failed, once that is confirmed."""
        status = stack.failed_to_be_made()
        if status:
            self.say(f"{stack.title} is {status}: its first creation failed, and it can only be deleted")
            if self.confirm:
                self.confirm(f"Delete {stack.title}, to create it anew?")
            stack.delete()


def _stacks(count: int) -> str:
    return "1 stack" if count == 1 else f"{count} stacks"
