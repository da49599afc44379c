"""Faults on demand: a call fails before or after its effect, its answer never ends, an image becomes
`failed`, a usage report ends in error, a parameter never shows its new image, an event is lost, doubled or
late. `*` in a rule matches anything."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

_SHAPES: dict[str, set[str]] = {
    "call": {"call", "service", "region", "who", "code", "message", "status", "skip", "times", "when"},
    "page": {"page", "service", "region", "who", "times"},
    "parameter": {"parameter", "region", "times"},
    "image": {"image", "region", "message", "times"},
    "snapshot": {"snapshot", "region", "times"},
    "report": {"report", "region", "times"},
    "event": {"event", "state", "region", "effect", "seconds", "times"},
}
_EVERY = {"probability", "seed"}
# The codes of DeregisterImage for a snapshot that it should delete and did not.
_SNAPSHOT_CODES = ("missing-permissions", "internal-error", "client-error")
_EFFECTS = ("lose", "double", "late")


class FaultError(ValueError):
    """A wrong rule. It is an error at once, because it would silently never match."""


@dataclass
class Rule:
    """One rule and how often it can still be applied; -1 is without limit."""

    kind: str
    spec: dict[str, Any]
    left: int
    skip: int
    dice: random.Random
    probability: float
    applied: int = field(default=0)

    @classmethod
    def parse(cls, spec: dict[str, Any]) -> Rule:
        kinds = [kind for kind in _SHAPES if kind in spec]
        if len(kinds) != 1:
            raise FaultError(f"a fault names exactly one of {sorted(_SHAPES)}: {spec}")
        kind = kinds[0]
        unknown = set(spec) - _SHAPES[kind] - _EVERY
        if unknown:
            raise FaultError(f"unknown field {sorted(unknown)} in a fault of a {kind}: {spec}")
        if kind == "event" and spec.get("effect") not in _EFFECTS:
            raise FaultError(f"effect must be one of {_EFFECTS}: {spec}")
        if kind == "image" and spec["image"] not in ("CreateImage", "CopyImage"):
            raise FaultError(f"image must be CreateImage or CopyImage: {spec}")
        if kind == "snapshot" and spec["snapshot"] not in _SNAPSHOT_CODES:
            raise FaultError(f"snapshot must be one of {_SNAPSHOT_CODES}: {spec}")
        if kind == "call" and spec.get("when", "before") not in ("before", "after"):
            raise FaultError(f"when must be before or after: {spec}")
        if kind == "call" and not spec.get("code"):
            raise FaultError(f"a fault of a call needs an error code: {spec}")
        return cls(
            kind=kind,
            spec=spec,
            left=int(spec.get("times", 1)),
            skip=int(spec.get("skip", 0)),
            dice=random.Random(spec.get("seed", 0)),
            probability=float(spec.get("probability", 1.0)),
        )

    def applies(self, **seen: str | None) -> bool:
        """Whether the rule matches and applies now; if so, counts one time."""
        if self.left == 0:
            return False
        if any(self.spec.get(name, "*") not in ("*", value) for name, value in seen.items()):
            return False
        if self.probability < 1.0 and self.dice.random() >= self.probability:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.left -= 1 if self.left > 0 else 0
        self.applied += 1
        return True


class Faults:
    """The current rules. The first that matches applies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def replace(self, specs: list[dict[str, Any]]) -> int:
        rules = [Rule.parse(spec) for spec in specs]
        with self._lock:
            self._rules = rules
        return len(rules)

    def report(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{**rule.spec, "left": rule.left, "struck": rule.applied} for rule in self._rules]

    def of_call(self, service: str, action: str, region: str, who: str) -> dict[str, Any] | None:
        return self._first("call", call=action, service=service, region=region, who=who)

    def of_page(self, service: str, action: str, region: str, who: str) -> bool:
        """Whether the answer of this call is an empty page whose token is always the same."""
        return self._first("page", page=action, service=service, region=region, who=who) is not None

    def of_image(self, action: str, region: str) -> str | None:
        """The message with which the image of this call must fail; None if it must not."""
        spec = self._first("image", image=action, region=region)
        return None if spec is None else str(spec.get("message") or "Internal error")

    def of_snapshot(self, region: str) -> str | None:
        """The code with which a snapshot of a deregistered image is not deleted; None if it is."""
        spec = self._first("snapshot", region=region)
        return None if spec is None else str(spec["snapshot"])

    def of_parameter(self, name: str, region: str) -> bool:
        """Whether SSM accepts an image for this parameter and never shows it."""
        return self._first("parameter", parameter=name, region=region) is not None

    def of_report(self, region: str) -> str | None:
        """The reason for which a usage report must end in error; None if it must not."""
        spec = self._first("report", region=region)
        return None if spec is None else str(spec["report"])

    def of_event(self, detail_type: str, state: str | None, region: str) -> dict[str, Any] | None:
        return self._first("event", event=detail_type, state=state, region=region)

    def _first(self, kind: str, **seen: str | None) -> dict[str, Any] | None:
        with self._lock:
            for rule in self._rules:
                if rule.kind == kind and rule.applies(**seen):
                    return rule.spec
        return None
