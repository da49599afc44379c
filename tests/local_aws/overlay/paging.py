"""Pages that neither skip nor repeat a resource while others are created and deleted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from local_aws.overlay.errors import bad_value, error

Thing = TypeVar("Thing")


def page(
    things: list[Thing],
    size: Any,
    token: str | None,
    key: Callable[[Thing], str],
    lowest: int = 5,
    highest: int = 1000,
    usual: int | None = None,
) -> tuple[list[Thing], str | None]:
    """One page and the token of the next. Without a size and a default size all come at once, as on EC2.

    The token holds the id of the last resource and its place, so a resource that is removed between two pages
    does not shift the others.
    """
    start = _start(things, token, key)
    if size is None and usual is None:
        return things[start:], None
    count = usual if size is None else int(size)
    if size is not None and not lowest <= count <= highest:
        raise bad_value(
            f"Value ( {count} ) for parameter maxResults is invalid. Expecting {lowest}-{highest}."
        )
    chosen = things[start : start + count]
    if start + count >= len(things):
        return chosen, None
    raw = f"{start + count}|{key(chosen[-1])}"
    return chosen, base64.urlsafe_b64encode(raw.encode()).decode()


def _start(things: list[Thing], token: str | None, key: Callable[[Thing], str]) -> int:
    if not token:
        return 0
    try:
        place, last = base64.urlsafe_b64decode(token.encode()).decode().split("|", 1)
        offset = int(place)
    except (binascii.Error, ValueError, UnicodeDecodeError):
        raise error("InvalidNextToken", "The token is not valid") from None
    for index, thing in enumerate(things):
        if key(thing) == last:
            return index + 1
    return offset
