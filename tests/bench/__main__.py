"""`make bench`: the release binaries' size, start and memory, each against its limit.

The memory is measured over a whole night on the local AWS, in which every function runs. Exits with 0 only if
every number is within its limit.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

from bench import plan, report
from bench.decisions import MOST_MS, decisions, growth
from bench.decisions import within as decided_within
from bench.memory import peaks
from bench.share import tables
from bench.spawn import spawn_to_first_poll
from bench.sweep import sweep
from demo.account import FURTHER, HOME, midnight, prepare
from demo.screen import Screen
from local_aws.client import LocalAws
from local_aws.deploy import HOME_STACK, deploy
from stack import functions

ROOT = Path(__file__).resolve().parent.parent.parent
BUILT = ROOT / ".build" / "release"
SAMPLES = {"SampleRecipes": "true"}
MOST_ZIP_MB = 3.5
MOST_PEAK_MIB = 14.0
MOST_START_MS = 20.0


def zipped(binary: Path) -> float:
    """The size of the zip file for Lambda, in MB of 1,000,000 bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.write(binary, "bootstrap")
    return len(archive.getvalue()) / 1e6


def memory_of_a_night() -> dict[str, float]:
    with LocalAws() as aws:
        topic = aws.client("sns").create_topic(Name="news")["TopicArn"]
        parameters = {**SAMPLES, "NotifyTopic": topic, "NotifyOf": "everything"}
        deploy(aws.url, BUILT, home=HOME, regions=list(FURTHER), architecture="x86_64", parameters=parameters)
        prepare(aws, midnight())
        for schedule in (name for function in functions.functions() for name in function.schedules):
            aws.schedule(f"{HOME_STACK}-{schedule}", at=midnight().strftime("%Y-%m-%dT%H:%M:%SZ"))
            aws.wait_idle(60)
        return peaks(aws.pid)


def main() -> int:
    screen = report.screen()
    screen.title("The release binaries, x86-64")
    memory = memory_of_a_night()
    rows = [["FUNCTION", "BINARY MB", "ZIP MB", "START ms", "PEAK MiB", "WITHIN"]]
    within = True
    for name in functions.names():
        binary = BUILT / name / "bootstrap"
        size, start, peak = zipped(binary), spawn_to_first_poll(binary), memory.get(name, float("inf"))
        good = size <= MOST_ZIP_MB and start <= MOST_START_MS and peak <= MOST_PEAK_MIB
        within = within and good
        megabytes = binary.stat().st_size / 1e6
        rows.append(
            [name, f"{megabytes:.1f}", f"{size:.2f}", f"{start:.1f}", f"{peak:.1f}", "yes" if good else "NO"]
        )
    rows.append(["limit", "", f"{MOST_ZIP_MB}", f"{MOST_START_MS}", f"{MOST_PEAK_MIB}", ""])
    screen.table(rows)
    parts = [share_is_within, sweep_is_within, decisions_are_within, expire_is_within]
    return 0 if all([within, *(part(screen) for part in parts)]) else 1


def share_is_within(screen: Screen) -> bool:
    return tables.is_within(screen, BUILT)


def decisions_are_within(screen: Screen) -> bool:
    screen.title("The decisions of expire alone")
    done = decisions(BUILT.parent / "bench" / "decide")
    rows = [["IMAGES", "DECISIONS ms", "READING RECORDS ms", "PEAK MiB"]]
    rows += [
        [str(one.images), f"{one.decisions_ms:.0f}", f"{one.reading_ms:.0f}", f"{one.peak_mib:.0f}"]
        for one in done
    ]
    rows.append(["limit", f"{MOST_MS:.0f}", "", ""])
    screen.table(rows)
    print(f"  memory for each further image: {growth(done):.2f} of what it was at the start", flush=True)
    return decided_within(done)


def sweep_is_within(screen: Screen) -> bool:
    screen.title("A sweep of reconcile over many images, with nothing to repair")
    done = sweep(BUILT)
    rows = [["REGION", "CALLS", "PAGES + 5"]]
    rows += [[region, str(calls), str(done.allowed[region])] for region, calls in sorted(done.calls.items())]
    screen.table(rows)
    print(
        f"  {done.images} images in {len(done.allowed)} Regions: {sum(done.calls.values())} calls, "
        f"{done.seconds:.2f} s with the local AWS's own time, {done.peak_mib:.1f} MiB at most",
        flush=True,
    )
    return done.within()


def expire_is_within(screen: Screen) -> bool:
    screen.title("A plan of expire for 10,000 images in 3 Regions, and a night on which 1,000 of 10,000 go")
    planned = plan.plan(BUILT)
    night, limits = plan.night(BUILT)
    names = sorted(planned.calls | night.calls, key=lambda name: -planned.calls[name] - night.calls[name])
    rows = [["CALL", "PLAN", "NIGHT"]]
    rows += [[name, str(planned.calls[name]), str(night.calls[name])] for name in names]
    rows.append(["all", str(planned.calls.total()), str(night.calls.total())])
    screen.table(rows)
    rows_of_calls = [
        ("of one image each", night.each, limits.each),
        ("what names ten images", night.calls[plan.REFERENCES], limits.references),
        ("ten events", night.calls[plan.EVENTS], limits.events),
        ("pages, and others of a whole Region", night.pages, limits.pages),
    ]
    rows = [["CALLS OF THE NIGHT", "MADE", "LIMIT"]]
    screen.table(rows + [[what, str(made), str(most)] for what, made, most in rows_of_calls])
    for what, asked in [("plan", planned), ("night", night)]:
        print(
            f"  the {what}: {asked.calls.total()} calls, {asked.seconds:.2f} s with the local AWS's own "
            f"time, {asked.peak_mib:.1f} MiB at most; {asked.woken} calls by others that it woke",
            flush=True,
        )
    return limits.hold(night)


sys.exit(main())
