"""The alarms of the deployed stack, judged as CloudWatch judges them: from the metrics in the logs of the
functions, and from the messages that came into the queues."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from e2e.kiln import Kiln

QUEUES = ("kiln-failures", "kiln-undelivered", "kiln-ended-badly")
HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class Point:
    """One value of a metric."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    at: float
    value: float

    def earlier(self, seconds: float) -> Point:
        return replace(self, at=self.at - seconds)


def numbers(kiln: Kiln, since: float) -> list[dict[str, Any]]:
    """The metrics that the functions have logged since then; a line comes to its log a bit late."""
    before, found = None, _logged(kiln)
    while found != before:
        time.sleep(0.3)
        before, found = found, _logged(kiln)
    return [one for one in found if one["_aws"]["Timestamp"] / 1000 >= since]


def _logged(kiln: Kiln) -> list[dict[str, Any]]:
    logs = kiln.aws.client("logs")
    found: list[dict[str, Any]] = []
    for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/kiln-")["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for page in pages:
            for event in page["events"]:
                lines = (line for line in event["message"].splitlines() if line.startswith("{"))
                found += [one for one in map(json.loads, lines) if "_aws" in one]
    return found


def points(kiln: Kiln, since: float) -> list[Point]:
    """All that CloudWatch makes of what happened since then."""
    logged = [point for line in numbers(kiln, since) for point in _of_line(line)]
    return logged + [point for point in _of_queues(kiln) if point.at >= since]


def _of_line(line: dict[str, Any]) -> Iterator[Point]:
    at = line["_aws"]["Timestamp"] / 1000
    for directive in line["_aws"]["CloudWatchMetrics"]:
        (names,) = directive["Dimensions"]
        dimensions = tuple((name, str(line[name])) for name in names)
        for metric in directive["Metrics"]:
            values = line[metric["Name"]]
            for value in values if isinstance(values, list) else [values]:
                yield Point(directive["Namespace"], metric["Name"], dimensions, at, value)


def _of_queues(kiln: Kiln) -> Iterator[Point]:
    sqs = kiln.aws.client("sqs")
    for queue in QUEUES:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, AttributeNames=["SentTimestamp"]
        )
        for message in found.get("Messages", []):
            at = int(message["Attributes"]["SentTimestamp"]) / 1000
            yield Point("AWS/SQS", "NumberOfMessagesSent", (("QueueName", queue),), at, 1.0)


def raised(kiln: Kiln, known: list[Point], now: float) -> set[str]:
    """The alarms that are on at that moment, by their names without the stack's."""
    alarms = kiln.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="kiln-")["MetricAlarms"]
    return {one["AlarmName"].removeprefix("kiln-") for one in alarms if _is_on(one, known, now)}


def _is_on(alarm: dict[str, Any], known: list[Point], now: float) -> bool:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""
    wanted = tuple(sorted((one["Name"], one["Value"]) for one in alarm.get("Dimensions", [])))
    own = [
        point
        for point in known
        if (point.namespace, point.metric) == (alarm["Namespace"], alarm["MetricName"])
        and tuple(sorted(point.dimensions)) == wanted
    ]
    periods = range(alarm["EvaluationPeriods"])
    breaching = [_breaches(alarm, own, now - alarm["Period"] * (back + 1)) for back in periods]
    return sum(breaching) >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])


def _breaches(alarm: dict[str, Any], own: list[Point], start: float) -> bool:
    values = [point.value for point in own if start < point.at <= start + alarm["Period"]]
    if not values:
        return bool(alarm["TreatMissingData"] == "breaching")
    value = {"Sum": sum, "Maximum": max}[alarm["Statistic"]](values)
    compare = {
        "GreaterThanThreshold": value > alarm["Threshold"],
        "LessThanThreshold": value < alarm["Threshold"],
    }
    return compare[alarm["ComparisonOperator"]]
