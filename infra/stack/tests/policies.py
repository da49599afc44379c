"""`make policies`: what each role may do, tried in an IAM policy simulator that others keep.

Every call of Kiln's is tried by each role, on what is Kiln's and on what is not, and every statement of the
templates is compared with the service authorization reference. It fails if anything is not as it must be.
"""

from __future__ import annotations

import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator

from stack.functions import functions
from stack.tests import reference_lint
from stack.tests.expand import home
from stack.tests.judges import ALLOWED, REFUSED, judge, simulate
from stack.tests.reference_lint import UNKNOWN_ACTIONS
from stack.tests.tries import NOT_OURS, OURS, Try, all_tries

WIDTH = 116
LEGEND = """\
Each cell: whether the function's role may make the call on what is Kiln's / on what is not Kiln's.
no/no     the function does not need the call, and is refused it on everything
yes/no    it is allowed what it needs, and refused the same on what bears no tag of Kiln's, on what
          it would not tag, on another resource, and, if it ends it, on what bears kiln:hold
yes/yes   lists, settings, and what a launch or a copy reads: tries.py says why of each
?         the reference does not know the action, so what AWS answers is not known either
"""
_LABEL = 40


def label(row: tuple[str, str]) -> str:
    """A call as it stands in the table. Two names leave no room to say what they are about: they say it."""
    action, what = row
    name = action.partition(":")[2]
    whole = f"{name} {what}".strip()
    return whole if len(whole) <= _LABEL else name


def cell(tries: list[tuple[Try, str]]) -> str:
    """What one role may do of one row of the table."""
    if any(answer != _must(one) for one, answer in tries):
        return "WRONG"
    if tries[0][0].action in UNKNOWN_ACTIONS:
        return "?"
    return "/".join(
        "yes" if any(answer == ALLOWED for one, answer in tries if one.of == side) else "no"
        for side in (OURS, NOT_OURS)
    )


def wrong(tries: Iterable[Try], simulated: Iterable[str], own: Iterable[str]) -> Iterator[str]:
    """What is not as it must be: by the simulator, by Kiln's own judge, or between the two."""
    for one, theirs, ours in zip(tries, simulated, own, strict=True):
        what = f"{one.role} {one.action} on {one.resource} with {one.context} ({one.because})"
        if theirs != _must(one):
            yield f"{what}: must be {_must(one)}, and is {theirs}"
        if ours != theirs:
            yield f"{what}: the simulator says {theirs}, and policy.py {ours}"


def table(tries: list[Try], answers: list[str]) -> Iterator[str]:
    """The table, one line a call."""
    cells: dict[tuple[str, str], dict[str, list[tuple[Try, str]]]] = defaultdict(lambda: defaultdict(list))
    for one, answer in zip(tries, answers, strict=True):
        cells[one.row][one.role].append((one, answer))
    names = {function.role: function.name for function in functions()}
    widths = {role: max(len(name), 7) for role, name in names.items()}
    service = ""
    for row in sorted(cells):
        if row[0].partition(":")[0] != service:
            service = row[0].partition(":")[0]
            yield ""
            yield _line(service, [name.ljust(widths[role]) for role, name in names.items()])
        told = [cell(cells[row][role]) if cells[row][role] else "no/no" for role in names]
        yield _line(label(row), [one.ljust(widths[role]) for one, role in zip(told, names, strict=True)])


def _line(name: str, cells: list[str]) -> str:
    return f"{name:<{_LABEL}} {' '.join(cells)}".rstrip()


def _must(one: Try) -> str:
    return ALLOWED if one.allowed else REFUSED


def report(tries: list[Try], simulated: list[str], own: list[str], lint: list[str]) -> tuple[list[str], int]:
    """All that is printed, and the exit code."""
    mistakes = [*wrong(tries, simulated, own), *lint]
    calls, roles = len({one.row for one in tries}), len(functions())
    lines = [*LEGEND.splitlines(), *table(tries, simulated), ""]
    for action, reason in UNKNOWN_ACTIONS.items():
        lines += [*textwrap.wrap(f"? {action} is unknown, and not wrong: {reason}", WIDTH), ""]
    lines += [f"WRONG {line}" for line in mistakes]
    lines.append(f"{len(tries)} tries, each judged twice: by the simulator and by policy.py")
    lines.append(f"{calls} calls × {roles} roles, {len(mistakes)} wrong")
    return lines, 1 if mistakes else 0


def main(installed: str) -> int:
    tries = all_tries()
    said = simulate(tries, home(), reference_lint.actions(), installed)
    own = [judge(one, home()) for one in tries]
    lint = list(reference_lint.wrong(said.rows, said.globals))
    lines, code = report(tries, said.answers, own, lint)
    print("\n".join(lines[:-2]))
    checked = len({str(one) for one in reference_lint.statements()})
    print(f"{checked} statements of three templates compared with the reference of {said.updated}")
    print("\n".join(lines[-2:]))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
