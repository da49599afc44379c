"""AWS's filters: all must hold, one value of each is enough, `*` and `?` stand for others unless escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from local_aws.overlay.errors import bad_value, error

Thing = TypeVar("Thing")
Values = Iterable[str] | None
MAX_FILTERS = 50
MAX_VALUES = 200


def pattern(text: str) -> re.Pattern[str]:
    r"""The regular expression of one filter value; `\*`, `\?` and `\\` mean themselves."""
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


def parse(raw: list[dict[str, Any]]) -> list[tuple[str, list[re.Pattern[str]]]]:
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
        parsed.append((name, [pattern(value) for value in values]))
    return parsed


def select(
    raw: list[dict[str, Any]],
    things: Iterable[Thing],
    tags_of: Callable[[Thing], dict[str, str]],
    values_of: Callable[[Thing, str], Values],
) -> list[Thing]:
    """The things that pass. `values_of` answers None for a filter that the operation does not have."""
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

    def passes(thing: Thing) -> bool:
        return all(
            any(wanted.fullmatch(value) for value in values(thing, name) for wanted in patterns)
            for name, patterns in filters
        )

    return [thing for thing in things if passes(thing)]
