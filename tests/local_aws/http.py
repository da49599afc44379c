"""The HTTP server: the control API, faults of calls, and the journal of calls."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from local_aws import calls
from local_aws.control import Control
from local_aws.lambdas import Identities
from local_aws.world import World

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class HttpApp:
    """An ASGI application that wraps MiniStack's."""

    def __init__(self, inner: App, world: World, identities: Identities, control: Control) -> None:
        self._inner = inner
        self._world = world
        self._identities = identities
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        body = await _read(receive)
        if scope["path"].startswith("/_local/"):
            query = scope.get("query_string", b"").decode()
            status, data = await self._control.answer(scope["method"], scope["path"], query, body)
            await _send(send, status, {"content-type": "application/json"}, data)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope.get("query_string", b"").decode()
        call = calls.parse(scope["method"], scope["path"], query, headers, body)
        if call is None:
            await self._inner(scope, _Replay(body, receive), send)
            return
        await self._call(call, scope, body, receive, send)

    async def _call(self, call: calls.Call, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Pass a call on, unless a fault fails it before. A fault after the call keeps its effect and
        replaces its answer."""
        who = self._identities.who(call.key)
        began = time.monotonic()
        fault = self._world.faults.of_call(call.service, call.action, call.region, who)
        captured = _Capture()
        repeats = self._world.faults.of_page(call.service, call.action, call.region, who)
        if repeats:
            captured.replace(*call.same_page_again())
        elif fault is None or fault.get("when", "before") == "after":
            await self._inner(scope, _Replay(body, receive), captured)
        if fault is not None:
            status, headers, data = call.error(
                fault["code"], fault.get("message", "injected"), int(fault.get("status", 400))
            )
            captured.replace(status, headers, data)
        headers = captured.headers()
        entry = {
            "service": call.service,
            "action": call.action,
            "region": call.region,
            "status": captured.status,
            "error": calls.error_code(captured.status, headers, captured.body()),
            "who": who,
            "ms": round((time.monotonic() - began) * 1000),
            "request": call.request,
            "made": calls.made(call.action, captured.body()),
            "fault": None if fault is None else fault.get("when", "before"),
        }
        self._world.journal.add("call", **entry)
        await captured.release(send)


class _Replay:
    """Hands the body, which was read already, to the wrapped application."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Capture:
    """Keeps an answer until it is journalled and, by a fault, replaced."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self._messages.append(message)

    @property
    def status(self) -> int:
        return int(self._messages[0]["status"]) if self._messages else 0

    def headers(self) -> dict[str, str]:
        raw = self._messages[0].get("headers", []) if self._messages else []
        return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in raw}

    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self._messages[1:])

    def replace(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._messages = list(_messages(status, headers, body))

    async def release(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(parts)


def _messages(status: int, headers: dict[str, str], body: bytes) -> tuple[Message, Message]:
    raw = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    start = {"type": "http.response.start", "status": status, "headers": raw}
    return start, {"type": "http.response.body", "body": body, "more_body": False}


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    for message in _messages(status, headers, body):
        await send(message)
