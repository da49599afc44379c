"""The story of a night, from the journal: one line for each step of each release, and nothing twice.

It asks nothing of the cloud: the journal's entries come in, lines go out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from demo import words

Entry = dict[str, Any]
Found = dict[str, Entry]
"""What an entry says of a step, by Region."""
Tell = Callable[[str, str, str, str | None], None]
"""Takes the time of the night, the recipe, what happened, and a colour."""

MINUTES_A_SECOND = 5
"""EC2 takes minutes for what the local AWS does in a second."""

KEPT = "kept"
OLD = (KEPT, words.DEPRECATED, words.DISABLED, words.DEREGISTERED)
"""What becomes of an old release, in this order."""

ARN = re.compile(r"arn:aws:ec2:(?P<region>[^:]+):\d*:(?P<kind>launch-template|instance)/(?P<id>[\w-]+)")


@dataclass(frozen=True)
class Facts:
    """What the journal does not say."""

    regions: tuple[str, ...]
    """The home Region first."""
    zones: Mapping[str, str]
    """By subnet."""
    bases: Mapping[str, str]
    """The names of public images, by id."""
    steps: Mapping[str, tuple[str, str]]
    """By recipe: `confirm_after` and `quarantine`."""


@dataclass
class Gathering:
    """A step of a release that is reported Region by Region, and told once, when all have come."""

    what: str
    recipe: str
    text: Callable[[Found], str]
    clock: str = ""
    found: Found = field(default_factory=dict)
    told: bool = False


class Clock:
    """The time of the night: it starts at a full hour, with the first entry that is told."""

    def __init__(self, hour: int) -> None:
        self._hour = hour
        self._first: datetime | None = None

    def at(self, entry: Entry) -> str:
        now = datetime.fromisoformat(entry["at"])
        self._first = self._first or now
        minutes = int((now - self._first).total_seconds() * MINUTES_A_SECOND)
        return f"{(self._hour + minutes // 60) % 24:02}:{minutes % 60:02}"


class Story:
    """Sees every entry of the journal once, in order."""

    def __init__(self, tell: Tell, facts: Facts, hour: int = 2) -> None:
        self._tell = tell
        self._facts = facts
        self._clock = Clock(hour)
        self._last: Entry | None = None
        self._gathered: dict[tuple[str, str, str], Gathering] = {}
        self._once: set[tuple[str, str, str]] = set()
        self._failed: set[tuple[str, str]] = set()
        self._later: list[Gathering] = []
        self._bases: dict[str, str] = {}
        """Which image an instance was launched from."""
        self._subnets: dict[str, str] = {}
        """Where an image was booted."""
        self._events: dict[str, Callable[[Entry, Entry], None]] = {
            words.BAKE_STARTED: self._launched,
            words.CAPTURED: self._captured,
            words.VERIFIED: self._verified,
            words.REJECTED: self._rejected,
            words.PUBLISHED: lambda entry, detail: None,
            words.REPLICATED: self._replicated,
            words.RELEASED: self._released,
            words.ROLLED_BACK: self._rolled_back,
            words.DEPRECATED: self._old,
            words.DISABLED: self._old,
            words.DEREGISTERED: self._old,
            words.DRIFT_REPAIRED: self._repaired,
        }

    def begin(self, hour: int) -> None:
        self._clock = Clock(hour)

    def now(self) -> str:
        """When in the night the newest entry was written."""
        return self._clock.at(self._last) if self._last else ""

    def see(self, entry: Entry) -> None:
        self._last = entry
        kind = entry["kind"]
        if kind == "event" and entry["source"] == "kiln":
            self._events.get(entry["detail_type"], self._other)(entry, entry["detail"])
        elif kind == "call" and entry["action"] == "RunInstances" and not entry["error"]:
            image = entry["request"]["ImageId"]
            self._bases[str(entry["made"]["instanceId"])] = image
            self._subnets[image] = entry["request"].get("SubnetId", "")
        elif kind == "log":
            self._kept(entry)
        elif kind == "invoke" and entry["outcome"] != "ok":
            name, error = str(entry["function"]).rpartition("-")[2], entry["error"]
            text = error.get("errorMessage", error) if isinstance(error, dict) else error
            if (name, str(text)) not in self._failed:
                self._failed.add((name, str(text)))
                self._tell(self._clock.at(entry), "", f"the function {name} failed: {text}", "red")

    def pause(self) -> None:
        """Nothing more comes for now: what has not come from every Region is told as it is."""
        for gathering in self._gathered.values():
            self._close(gathering)

    def old_releases(self) -> None:
        """Tells what became of old releases, which waits until the new ones are through."""
        for one in sorted(self._later, key=lambda one: (one.clock, one.recipe, OLD.index(one.what))):
            self._tell(one.clock, one.recipe, one.text(one.found), None)
        self._later.clear()

    # -------------------------------------------------------------------------------- a new release

    def _launched(self, entry: Entry, detail: Entry) -> None:
        base = self._bases.get(detail["instance"], "an image that the journal does not name")
        self._step(entry, detail, f"builder launched from {self._facts.bases.get(base, base)}")

    def _captured(self, entry: Entry, detail: Entry) -> None:
        self._step(entry, detail, f"builder stopped by itself, captured as {detail['image']}")

    def _verified(self, entry: Entry, detail: Entry) -> None:
        self._step(entry, detail, f"{self._test(detail)}: passed")

    def _rejected(self, entry: Entry, detail: Entry) -> None:
        why = str(detail["reason"]).rpartition(": ")[2]
        said = str(detail.get("console-tail", "")).strip().rpartition("\n")[2]
        text = f"{self._test(detail)}: rejected, {why}" + (f':\n"{said}"' if said else "")
        self._step(entry, detail, text, "yellow")

    def _test(self, detail: Entry) -> str:
        zone = self._facts.zones.get(self._subnets.get(detail["image"], ""))
        return f"booted and tested in {zone}" if zone else "tested"

    def _replicated(self, entry: Entry, detail: Entry) -> None:
        wanted = len(self._facts.regions) - 1
        self._gather(entry, detail, detail, wanted, lambda found: f"copied to {' and '.join(sorted(found))}")

    def _released(self, entry: Entry, detail: Entry) -> None:
        copies = self._gathered.get((words.REPLICATED, detail["recipe"], detail["version"]))
        if copies:
            self._close(copies)  # a release may go on without a Region
        text = f"released: {detail['parameter']} names it in {regions(detail['images'])}"
        self._step(entry, detail, text, "green")

    def _step(self, entry: Entry, detail: Entry, text: str, colour: str | None = None) -> None:
        """An event may come twice; its step is told once."""
        key = (entry["detail_type"], detail["recipe"], detail["version"])
        if key not in self._once:
            self._once.add(key)
            self._tell(self._clock.at(entry), detail["recipe"], text, colour)

    # -------------------------------------------------------------------------------- old releases

    def _old(self, entry: Entry, detail: Entry) -> None:
        for image in detail["images"]:
            of = {"recipe": detail["recipe"], **image}
            text = self._became(entry["detail_type"], of)
            self._gather(entry, of, image, len(self._facts.regions), text)

    def _became(self, what: str, of: Entry) -> Callable[[Found], str]:
        day = day_of(of["version"])
        confirm, quarantine = self._facts.steps.get(of["recipe"], ("", ""))

        def deprecated(found: Found) -> str:
            return f"{day} deprecated in {regions(found)}: unused; disabled in {confirm} if still unused"

        def disabled(found: Found) -> str:
            next_step = f"deregistered in {quarantine} unless restored"
            return f"{day} disabled in {regions(found)}: unused for {confirm}; {next_step}"

        def deregistered(found: Found) -> str:
            snapshots = count([one for image in found.values() for one in image["snapshots"]], "snapshot")
            none = quarantine in ("", "0d")
            why = "its recipe sets no quarantine" if none else f"its quarantine of {quarantine} is over"
            return f"{day} deregistered in {regions(found)} with {snapshots}: {why}"

        return {words.DEPRECATED: deprecated, words.DISABLED: disabled}.get(what, deregistered)

    def _kept(self, entry: Entry) -> None:
        """What the recipe lets go, and somebody uses. Only the log says so, for nothing has changed."""
        try:
            line = json.loads(entry["line"])
        except ValueError:
            return
        if not isinstance(line, dict) or line.get("outcome") != words.UNCHANGED or "version" not in line:
            return
        used = ARN.search(str(line.get("reason")))
        if used:
            place = "" if used["region"] == self._facts.regions[0] else f" in {used['region']}"
            user = f"{used['kind'].replace('-', ' ')} {used['id']}{place}"
            day = day_of(line["version"])
            told = {**entry, "detail_type": KEPT}
            wanted = len(self._facts.regions)
            self._gather(
                told, line, line, wanted, lambda found: f"{day} kept in {regions(found)}: {user} uses it"
            )

    # -------------------------------------------------------------------------------- the morning

    def _rolled_back(self, entry: Entry, detail: Entry) -> None:
        late, to = day_of(detail["from"]), day_of(detail["version"])
        where = regions(detail["images"])
        self._step(entry, detail, f"rolled back from the release of {late} to {to}, in {where} in one step")

    def _repaired(self, entry: Entry, detail: Entry) -> None:
        """One line for all that a sweep repairs of a recipe's."""

        def text(found: Found) -> str:
            versions = {one["version"] for one in found.values()}
            where = regions({one["region"] for one in found.values()})
            return f"sweep repairs {count(versions, 'older release')} in {where}: now as the recipe says"

        place = f"{detail['version']} {detail['region']}"
        self._gather(entry, {"recipe": detail["recipe"], "version": "", "region": place}, detail, None, text)

    # -------------------------------------------------------------------------------- what they stand on

    def _other(self, entry: Entry, detail: Entry) -> None:
        """An event that this night should not have."""
        why = f": {detail['reason']}" if detail.get("reason") else ""
        text = f"{entry['detail_type']} in {detail.get('region', 'no Region')}{why}"
        self._tell(self._clock.at(entry), str(detail.get("recipe", "")), text, "red")

    def _gather(
        self, entry: Entry, of: Entry, told: Entry, wanted: int | None, text: Callable[[Found], str]
    ) -> None:
        """`of` says of which recipe, version and Region; with `wanted` of them the step is told."""
        what, recipe = entry["detail_type"], of["recipe"]
        gathering = self._gathered.setdefault((what, recipe, of["version"]), Gathering(what, recipe, text))
        if not gathering.told:
            gathering.clock = self._clock.at(entry)
            gathering.found[of["region"]] = told
            if len(gathering.found) == wanted:
                self._close(gathering)

    def _close(self, gathering: Gathering) -> None:
        if gathering.told:
            return
        gathering.told = True
        if gathering.what in OLD:
            self._later.append(gathering)
        else:
            self._tell(gathering.clock, gathering.recipe, gathering.text(gathering.found), None)


def day_of(version: str) -> str:
    """20261126T014349Z was baked on 2026-11-26."""
    return f"{version[:4]}-{version[4:6]}-{version[6:8]}"


def regions(of: Any) -> str:
    return count(of, "Region")


def count(of: Any, what: str) -> str:
    return f"{len(of)} {what}" + ("" if len(of) == 1 else "s")
