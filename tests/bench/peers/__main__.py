"""`make bench-peers`: Kiln beside Cloud Custodian and aws-amicleaner, on the same local AWS.

Exits with 0 only if Kiln's night is faster and needs fewer calls, by the limits below, every tool removed all
images that it should, and Kiln removed nothing that is in use.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import report
from bench.peers import night, uses
from bench.peers.night import Night
from bench.peers.tools import Tool, ami_cleaner, custodian, missing
from demo.screen import Screen
from scenes import UNSEEN
from stack import functions

ROOT = Path(__file__).resolve().parents[3]
BUILT = ROOT / ".build" / "release"
LEAST_TIMES_FASTER = 4.0
"""The limits for the last of `night.RUNS`: without latency every tool mostly waits for the local AWS
itself."""
MOST_CALLS_PERCENT = 55.0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="bench.peers", description=__doc__)
    arguments.add_argument(
        "--tools", type=Path, required=True, help="the folder of the other tools' programs"
    )
    arguments.add_argument("--built", type=Path, default=BUILT, help="the folder of Kiln's binaries")
    arguments.add_argument("--only", choices=["night", "uses"], help="one of the two comparisons")
    given = arguments.parse_args()
    given.tools = given.tools.absolute()
    absent = [fn for fn in functions.names() if not (given.built / fn / "bootstrap").exists()]
    if absent:
        print(f"the binaries {absent} are not at {given.built}: make bench-peers builds them")
        return 2
    if absent := missing(given.tools):
        print(f"{absent} are not at {given.tools}: make bench-peers installs them")
        return 2
    screen = report.screen()
    good = True
    if given.only != "uses":
        good = _night(screen, given.tools, given.built) and good
    if given.only != "night":
        good = _uses(screen, given.tools, given.built) and good
    return 0 if good else 1


def _night(screen: Screen, programs: Path, built: Path) -> bool:
    screen.title(f"A night in which {night.IMAGES:,} images go with their snapshots, in one Region")
    tool = custodian(programs, "Cloud Custodian", "c7n.yml")
    rows = [
        [
            "TOOL",
            "SNAPSHOTS EACH",
            "AWS IS AWAY",
            "SECONDS",
            "CALLS",
            "IMAGES LEFT",
            "SNAPSHOTS LEFT",
            "MOST CALLS",
        ]
    ]
    good = True
    verdicts = []
    for run in night.RUNS:
        theirs, (last, at_once) = night.of_tool(tool, *run), night.of_kiln(built, *run)
        rows += [_row(one) for one in (theirs, last, at_once)]
        good = good and all(one.whole() for one in (theirs, last, at_once))
        percent = 100 * last.calls.total() / theirs.calls.total()
        verdicts.append((run, theirs.seconds / last.seconds, percent))
    screen.table(rows)
    for (snapshots, away), times, percent in verdicts:
        what = f"{snapshots} snapshots each, {away} ms away"
        print(f"  {what}: Kiln's last step {times:.1f} times as fast, {percent:.1f} % of the calls")
    (snapshots, away), times, percent = verdicts[-1]
    fast, few = times >= LEAST_TIMES_FASTER, percent <= MOST_CALLS_PERCENT
    limits = f"limits: {LEAST_TIMES_FASTER} times, {MOST_CALLS_PERCENT} % of the calls"
    judged = f"{snapshots} snapshots each, {away} ms away"
    print(f"  {limits}; {judged}: {'within' if fast and few else 'NOT within'}", flush=True)
    return good and fast and few


def _row(one: Night) -> list[str]:
    left = [str(one.images_left), str(one.snapshots_left)]
    if one.failed:
        left[0] += f" (failed: {one.failed})"
    if not one.kept:
        left[0] += " (and newest ones went)"
    most = ", ".join(f"{count:,} {action}" for action, count in one.calls.most_common(3))
    return [
        one.tool,
        str(one.snapshots),
        f"{one.away_ms} ms",
        f"{one.seconds:.1f}",
        f"{one.calls.total():,}",
        *left,
        most,
    ]


def _uses(screen: Screen, programs: Path, built: Path) -> bool:
    screen.title("What becomes of an old image that is in use, with removal switched on")
    tools: list[Tool] = [
        custodian(programs, "Cloud Custodian", "c7n.yml"),
        custodian(programs, "with every filter", "c7n-careful.yml"),
        ami_cleaner(programs, "aws-amicleaner"),
    ]
    outcomes = uses.all_scenes(tools, built)
    names = [*(tool.name for tool in tools), uses.KILN]
    rows = [["IT IS USED BY, OR BEARS", *names]]
    unseen = {scene.name: outcomes.pop(scene.name) for scene in UNSEEN}
    rows += [[scene, *(str(found[name]) for name in names)] for scene, found in outcomes.items()]
    rows += [["(Kiln says that it does not see:)", *("" for _ in names)]]
    rows += [[scene, *(str(found[name]) for name in names)] for scene, found in unseen.items()]
    screen.table(rows)
    for name in names:
        removed, blind = (
            sum(found[name].said == uses.REMOVED for found in of.values()) for of in (outcomes, unseen)
        )
        print(
            f"  {name}: {removed} of {len(outcomes)} removed though in use, "
            f"and {blind} of {len(unseen)} whose use Kiln does not see",
            flush=True,
        )
    print("  The tags kiln:hold and kiln:base are Kiln's own, which other tools know only by configuration.")
    print("  EC2 itself refuses to deregister what AWS Backup manages: there REMOVED would be failed.")
    return all(found[uses.KILN].good() for found in outcomes.values())


sys.exit(main())
