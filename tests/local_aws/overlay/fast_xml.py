"""Writes long answers as XML without moto's serializer.

moto's serializer looks up each member of a shape under several names, which takes minutes in tests that
describe 10,000 images again and again. Here the results are plain dictionaries with the member names of
botocore's model.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from moto.core.utils import get_service_model

RAW = "raw XML"
"""The key for XML that is copied unchanged, for members that botocore's model does not have yet."""
Writer = Callable[[list[str], str, Any], None]
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def answer(operation: str, result: dict[str, Any]) -> str:
    """The XML body of an operation's result. Members that are None are omitted."""
    out: list[str] = []
    write = _writer_of(operation)
    write(out, f"{operation}Response", {**result, "requestId": None})
    body = "".join(out)
    head = f'<{operation}Response xmlns="{_NAMESPACE}"><requestId>{uuid.uuid4()}</requestId>'
    return head + body.removeprefix(f"<{operation}Response>")


@cache
def _writer_of(operation: str) -> Writer:
    return _writer(get_service_model("ec2").operation_model(operation).output_shape)


def _writer(shape: Any) -> Writer:
    if shape.type_name == "structure":
        return _structure(shape)
    if shape.type_name == "list":
        return _list(shape)
    if shape.type_name == "boolean":
        return lambda out, name, value: out.append(f"<{name}>{'true' if value else 'false'}</{name}>")
    return _scalar


def _structure(shape: Any) -> Writer:
    members = [
        (name, member.serialization.get("name", name), _writer(member))
        for name, member in shape.members.items()
    ]

    def write(out: list[str], name: str, value: dict[str, Any]) -> None:
        out.append(f"<{name}>")
        for member, element, writer in members:
            found = value.get(member)
            if found is not None:
                writer(out, element, found)
        raw = value.get(RAW)
        if raw:
            out.append(raw)
        out.append(f"</{name}>")

    return write


def _list(shape: Any) -> Writer:
    element = shape.member.serialization.get("name", "item")
    writer = _writer(shape.member)

    def write(out: list[str], name: str, value: list[Any]) -> None:
        out.append(f"<{name}>")
        for entry in value:
            writer(out, element, entry)
        out.append(f"</{name}>")

    return write


def _scalar(out: list[str], name: str, value: Any) -> None:
    text = value.strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(value, datetime) else str(value)
    out.append(f"<{name}>{escape(text)}</{name}>")
