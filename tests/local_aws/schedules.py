"""EventBridge Scheduler: schedules fire when a test says so, never by the clock."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import eventbridge, lambda_svc, scheduler

from local_aws.lambdas import AsyncInvokes
from local_aws.world import World


class ScheduleError(ValueError):
    """The schedule does not exist or cannot fire."""


class Schedules:
    def __init__(self, world: World, invokes: AsyncInvokes) -> None:
        self._world = world
        self._invokes = invokes

    def fire(self, name: str, region: str | None = None, at: str | None = None) -> dict[str, Any]:
        """Fire a schedule now, through its own target, with the context attributes filled in."""
        account, region, schedule = _find(name, region)
        if schedule.get("State") != "ENABLED":
            raise ScheduleError(f"schedule {name} is {schedule.get('State')}")
        scheduled = at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        target = dict(schedule["Target"])
        attributes = {
            "<aws.scheduler.schedule-arn>": schedule["Arn"],
            "<aws.scheduler.scheduled-time>": scheduled,
            "<aws.scheduler.execution-id>": str(uuid.uuid4()),
            "<aws.scheduler.attempt-number>": "1",
        }
        text = target.get("Input") or "{}"
        for mark, value in attributes.items():
            text = text.replace(mark, value)
        with request_scope(account, region):
            self._deliver(name, schedule, {**target, "Input": text})
        return {"name": name, "region": region, "target": target["Arn"], "input": text}

    def _deliver(self, name: str, schedule: dict[str, Any], target: dict[str, Any]) -> None:
        arn = target["Arn"]
        if ":lambda:" not in arn:
            event = {
                "EventId": str(uuid.uuid4()),
                "Source": "aws.scheduler",
                "DetailType": "Scheduled Event",
                "Detail": "{}",
                "Time": int(datetime.now(UTC).timestamp()),
                "Resources": [schedule["Arn"]],
            }
            eventbridge._invoke_target(target, event, schedule)
            return
        func, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if func is None or config is None:
            raise ScheduleError(f"schedule {name}: there is no function {arn}")
        record = lambda_svc._execution_record_for_config(func, config)
        self._invokes.submit(record, json.loads(target["Input"]), f"schedule {name}")


def _find(name: str, region: str | None) -> tuple[str, str, dict[str, Any]]:
    found = [
        (account, where, schedule)
        for (account, where, _), schedule in list(scheduler._schedules._data.items())
        if schedule["Name"] == name and region in (None, where)
    ]
    if len(found) != 1:
        known = sorted(schedule["Name"] for schedule in scheduler._schedules._data.values())
        raise ScheduleError(f"{len(found)} schedules are named {name}; there are {known}")
    return found[0]
