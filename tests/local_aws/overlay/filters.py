"""AWS's filters: a resource must match one value of every filter; `*` and `?` are wildcards unless
escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from local_aws.overlay.errors import bad_value, error

Thing = TypeVar("Thing")
Values = Iterable[str] | None
_SPECIAL = re.compile(r"[*?\\]")
MAX_FILTERS = 50
MAX_VALUES = 200


def pattern(text: str) -> re.Pattern[str]:
    r"""The regular expression of one filter value; `\*`, `\?` and `\\` are literal characters."""
    out: list[str] = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            out.append(re.escape(next(characters, "\\")))
        elif character == "*":
            out.append(".*")
        elif character == "?":
            out.append(".")
        else:
            out.append(re.escape(character))
    return re.compile("".join(out), re.DOTALL)


@dataclass(frozen=True)
class Wanted:
    """The values of one filter: most are plain ids, up to 200, so those are compared by a set."""

    literals: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, values: list[str]) -> Wanted:
        special = [value for value in values if _SPECIAL.search(value)]
        return cls(frozenset(values) - set(special), tuple(pattern(value) for value in special))

    def takes(self, value: str) -> bool:
        return value in self.literals or any(one.fullmatch(value) for one in self.patterns)


def parse(raw: list[dict[str, Any]]) -> list[tuple[str, Wanted]]:
    if len(raw) > MAX_FILTERS:
        raise error("FilterLimitExceeded", f"The maximum number of filters is {MAX_FILTERS}")
    parsed = []
    for entry in raw:
        name = entry.get("Name")
        values = [str(value) for value in entry.get("Values", [])]
        if not name:
            raise bad_value("The filter 'null' is invalid")
        if not values:
            raise bad_value(f"The filter '{name}' has no value")
        if len(values) > MAX_VALUES:
            text = f"The maximum number of filter values specified on a single call is {MAX_VALUES}"
            raise error("FilterLimitExceeded", text)
        parsed.append((name, Wanted.of(values)))
    return parsed


def select(
    raw: list[dict[str, Any]],
    things: Iterable[Thing],
    tags_of: Callable[[Thing], dict[str, str]],
    values_of: Callable[[Thing, str], Values],
) -> list[Thing]:
    """The resources that match all filters. `values_of` returns None for a filter that the operation does not
    have."""
    filters = parse(raw)

    def values(thing: Thing, name: str) -> Iterable[str]:
        if name.startswith("tag:"):
            value = tags_of(thing).get(name[4:])
            return () if value is None else (value,)
        if name == "tag-key":
            return tags_of(thing)
        found = values_of(thing, name)
        if found is None:
            raise bad_value(f"The filter '{name}' is invalid")
        return found

    if not filters:
        return list(things)

    def passes(thing: Thing) -> bool:
        return all(any(wanted.takes(value) for value in values(thing, name)) for name, wanted in filters)

    return [thing for thing in things if passes(thing)]
