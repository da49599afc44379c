"""Lambda's asynchronous invocations with retries and failure destinations, and the identity and logs of
functions."""

from __future__ import annotations

import contextvars
import hashlib
import json
import threading
import time
import traceback
import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import request_scope
from ministack.services import eventbridge, lambda_svc

from local_aws.activity import RETRY
from local_aws.world import World

CAUSE: contextvars.ContextVar[str] = contextvars.ContextVar("cause", default="Invoke")
ATTEMPT: contextvars.ContextVar[int] = contextvars.ContextVar("attempt", default=1)
THROTTLE_PAUSE = 0.1
DAY = 21600

Record = dict[str, Any]


class AsyncInvokes:
    """Lambda's internal queue: it retries errors and throttles, and then uses the failure destination."""

    def __init__(self, world: World) -> None:
        self._world = world

    def submit(self, func: Record, event: Any, cause: str) -> None:
        """Queue an event. The sender does not wait for the function."""
        _Delivery(self._world, func, event, cause).start()


class _Delivery:
    """The delivery of one event to one function."""

    def __init__(self, world: World, func: Record, event: Any, cause: str) -> None:
        self._world = world
        self._func = func
        self._event = event
        self._cause = cause
        self._config: Record = func.get("config") or func
        self._name: str = self._config["FunctionName"]
        self._account, self._region = lambda_svc._account_region_from_function_config(self._config)
        self._settings = _invoke_settings(func)
        self._born = time.time()
        self._attempt = 1
        self._tries = 0
        self._throttled = False

    def start(self) -> None:
        number = self._world.activity.begin("lambda", f"{self._name} ({self._cause})")
        threading.Thread(target=self._run, args=(number,), name=f"async-{self._name}", daemon=True).start()

    def _run(self, number: int) -> None:
        try:
            with request_scope(self._account, self._region):
                self._try()
        except Exception:
            traceback.print_exc()
        finally:
            self._world.activity.end(number)

    def _try(self) -> None:
        reserved = lambda_svc._reserved_concurrency(self._func, self._config)
        if reserved == 0:
            self._give_up("RetriesExhausted", {"error": True, "body": {"errorMessage": "Rate exceeded"}})
            return
        CAUSE.set(self._cause)
        ATTEMPT.set(self._attempt)
        result = lambda_svc._execute_function(self._func, self._event)
        if result.get("throttle"):
            if not self._throttled:
                self._throttled = True
                self._note("throttled", result.get("body"))
            self._again(THROTTLE_PAUSE, result, "lambda")
            return
        self._tries += 1
        if not result.get("error"):
            return
        retries = int(self._settings.get("MaximumRetryAttempts", 2))
        if self._attempt > retries:
            self._give_up("RetriesExhausted", result)
            return
        pauses = self._world.timing.retries
        pause = pauses[min(self._attempt - 1, len(pauses) - 1)]
        self._attempt += 1
        self._again(pause, result, RETRY)

    def _again(self, pause: float, result: Record, kind: str) -> None:
        oldest = float(self._settings.get("MaximumEventAgeInSeconds", DAY))
        if time.time() + pause - self._born > oldest:
            self._give_up("EventAgeExceeded", result)
            return
        what = f"{self._name} ({self._cause}), attempt {self._attempt} to come"
        self._world.clock.after(pause, kind, what, self.start)

    def _give_up(self, condition: str, result: Record) -> None:
        """Send the event to the failure destination or else to the dead-letter queue; without either it is
        lost."""
        destination = (self._settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        queue = (self._config.get("DeadLetterConfig") or {}).get("TargetArn")
        body = self._failure_record(condition, result) if destination else self._event
        arn = destination or queue
        delivered = bool(arn) and self._deliver(str(arn), body)
        self._note("given up", condition, str(arn) if delivered else None)

    def _note(self, outcome: str, error: Any, to: str | None = None) -> None:
        self._world.journal.add(
            "invoke",
            function=self._name,
            region=self._region,
            cause=self._cause,
            attempt=self._attempt,
            ms=0,
            outcome=outcome,
            error=error,
            to=to,
        )

    def _deliver(self, arn: str, body: Any) -> bool:
        try:
            spec = parse_arn(arn)
        except ArnParseError:
            return False
        if spec.service != "sqs":
            return False
        from ministack.services import sqs

        if sqs._queue_by_arn(arn) is None:
            return False
        eventbridge._dispatch_to_sqs(spec, json.dumps(body))
        return True

    def _failure_record(self, condition: str, result: Record) -> Record:
        body = result.get("body")
        return {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"{self._config['FunctionArn']}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": self._tries,
            },
            "requestPayload": self._event,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": result.get("function_error") or "Unhandled",
            },
            "responsePayload": body if isinstance(body, dict) else {"errorMessage": str(body)},
        }


def _invoke_settings(func: Record) -> Record:
    configs = func.get("event_invoke_configs") or {}
    found = func.get("event_invoke_config") or configs.get("$LATEST") or configs.get("") or {}
    return dict(found)


class Identities:
    """Gives each function its own access key, so that a call shows which function made it."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def key_of(self, function: str) -> str:
        key = "KILN" + hashlib.sha256(function.encode()).hexdigest()[:16].upper()
        self._names[key] = function
        return key

    def also(self, key: str, function: str) -> None:
        """A session that a function took has a key of its own."""
        self._names[key] = function

    def who(self, key: str) -> str:
        return self._names.get(key, "-")


def journal_execution(
    world: World, func: Record, config: Record, event: Any, started: float, result: Record
) -> None:
    """Journal one run of a function, however it was invoked."""
    body = result.get("body")
    failed = bool(result.get("error"))
    error = None
    outcome = "ok"
    if failed:
        outcome = "error"
        error = body if isinstance(body, dict) else {"errorMessage": str(body)}
        if error.get("errorType") == "Sandbox.Timedout":
            outcome = "timeout"
    world.journal.add(
        "invoke",
        function=config.get("FunctionName"),
        region=str(config.get("FunctionArn", ":::")).split(":")[3],
        cause=CAUSE.get(),
        attempt=ATTEMPT.get(),
        ms=round((time.time() - started) * 1000),
        outcome=outcome,
        error=error,
    )


class JournalingStream:
    """The output of a function; each line is copied to the journal before MiniStack reads it."""

    def __init__(self, stream: Any, world: World, function: str) -> None:
        self._stream = stream
        self._world = world
        self._function = function

    def readline(self) -> bytes:
        line: bytes = self._stream.readline()
        text = line.decode(errors="replace").rstrip("\r\n")
        if text:
            self._world.journal.add("log", function=self._function, line=text)
        return line

    def close(self) -> None:
        self._stream.close()
