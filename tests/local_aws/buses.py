"""Delivers events from a bus to its targets, with faults, the journal, other Regions and dead letters."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge, lambda_svc

from local_aws.lambdas import AsyncInvokes
from local_aws.world import World

Event = dict[str, Any]
TARGETS: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("targets", default=None)
CROSSED = "_CrossedRegion"


class Buses:
    """Wraps MiniStack's own functions (`original_*`) for the delivery of events."""

    def __init__(
        self,
        world: World,
        invokes: AsyncInvokes,
        original_dispatch: Callable[..., None],
        original_invoke_target: Callable[..., None],
        original_to_bus: Callable[..., None],
    ) -> None:
        self._world = world
        self._invokes = invokes
        self._dispatch = original_dispatch
        self._invoke_target = original_invoke_target
        self._to_bus = original_to_bus

    def dispatch(self, event: Event, view: Any = None) -> None:
        """Deliver an event that reached a bus; a fault may lose, double or delay it.

        Faults apply where an event first enters, not again where a rule forwards it to another bus.
        """
        forwarded = bool(event.get("_DispatchPath"))
        detail = _detail(event)
        state = detail.get("state") or detail.get("State")
        fault = None
        if not forwarded:
            fault = self._world.faults.of_event(event.get("DetailType", ""), state, get_region())
        effect = fault["effect"] if fault else None
        if effect == "lose":
            self._note(event, detail, [], effect)
        elif effect == "late" and fault:
            self._late(event, float(fault.get("seconds", 1)))
        else:
            for _ in range(2 if effect == "double" else 1):
                self._deliver(event, view, detail, effect)

    def invoke_target(self, target: Event, event: Event, rule: Event, view: Any = None) -> None:
        """Record the target and invoke it. If its function does not exist, the event goes to the target's
        dead-letter queue."""
        arn = target.get("Arn", "")
        seen = TARGETS.get()
        if seen is not None:
            seen.append(f"{rule.get('Name', '-')} -> {arn}")
        if ":lambda:" in arn and lambda_svc._get_func_record_for_ref(arn)[0] is None:
            self._dead_letter(target, event, rule, view, "NO_RESOURCE")
            return
        self._invoke_target(target, event, rule, view)

    def to_lambda(self, arn: str, payload: str) -> None:
        """Invoke a rule's function asynchronously, with Lambda's retries and failure destination."""
        func, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if func is None or config is None:
            return
        body = json.loads(payload)
        self._invokes.submit(lambda_svc._execution_record_for_config(func, config), body, _cause(body))

    def to_bus(
        self, spec: Any, event: Event, rule: Event, path: set[str], payload: str | None = None
    ) -> None:
        """Forward an event to a bus, also in another Region. It keeps its first Region, and is not forwarded
        a second time."""
        here = spec.account_id == get_account_id() and spec.region == get_region()
        if here:
            self._to_bus(spec, event, rule, path, payload)
            return
        if event.get(CROSSED):
            self._note(event, _detail(event), [], "THIRD_REGION_HOP_DETECTED")
            return
        bus = spec.resource.split("/", 1)[1]
        key = eventbridge._rule_key(rule.get("Name"), rule.get("EventBusName", "default"))
        copy = {
            **event,
            "EventBusName": bus,
            "Region": event.get("Region") or get_region(),
            "_DispatchPath": [*path, key],
            CROSSED: True,
        }
        if payload is not None:
            copy["Detail"] = payload
        with request_scope(spec.account_id, spec.region):
            if bus != "default" and bus not in eventbridge._event_buses:
                self._note(event, _detail(event), [], f"no bus {bus} in {spec.region}")
                return
            eventbridge._dispatch_event(copy)

    def _deliver(self, event: Event, view: Any, detail: Event, effect: str | None) -> None:
        """Journal the event before its consequences; its targets are added to the entry as they get it."""
        to: list[str] = []
        token = TARGETS.set(to)
        try:
            self._note(event, detail, to, effect)
            self._dispatch(event, view)
        finally:
            TARGETS.reset(token)

    def _late(self, event: Event, seconds: float) -> None:
        account, region = get_account_id(), get_region()
        detail = _detail(event)

        def due() -> None:
            with request_scope(account, region):
                self._deliver(event, None, detail, "late")

        what = f"{event.get('DetailType')} in {region} is late"
        self._world.clock.after(seconds, "event", what, due)

    def _note(self, event: Event, detail: Event, to: list[str], effect: str | None) -> None:
        self._world.journal.add(
            "event",
            id=event.get("EventId"),
            bus=event.get("EventBusName", "default"),
            region=get_region(),
            origin=event.get("Region"),
            source=event.get("Source"),
            detail_type=event.get("DetailType"),
            detail=detail,
            resources=event.get("Resources", []),
            to=to,
            effect=effect,
        )

    def _dead_letter(self, target: Event, event: Event, rule: Event, view: Any, code: str) -> None:
        arn = (target.get("DeadLetterConfig") or {}).get("Arn")
        self._note(event, _detail(event), [f"{rule.get('Name')} -> {arn or 'nowhere'}"], code)
        if arn:
            seen = view or eventbridge._pattern_event_view(event)
            eventbridge._dispatch_to_sqs(parse_arn(arn), json.dumps(seen.event_with_detail()))


def _detail(event: Event) -> Event:
    try:
        found = json.loads(event.get("Detail") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _cause(body: Any) -> str:
    if not isinstance(body, dict) or "detail-type" not in body:
        return "event"
    detail = body.get("detail") or {}
    state = detail.get("state") or detail.get("State") if isinstance(detail, dict) else None
    return f"event {body['detail-type']}" + (f" {state}" if state else "")
