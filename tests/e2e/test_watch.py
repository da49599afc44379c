"""What an operator watches: numbers in the logs, alarms that go off by themselves, and failures that end."""

from __future__ import annotations

import json
import time

import pytest

from e2e.alarms import DAY, HOUR, QUEUES, Point, numbers, points, raised
from e2e.kiln import HOME, Kiln

OLD, NEW = "20250101T020000Z", "20250201T020000Z"


@pytest.fixture(autouse=True)
def empty_queues(kiln: Kiln) -> None:
    sqs = kiln.aws.client("sqs")
    for queue in QUEUES:
        sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"])


def value(kiln: Kiln, metric: str, since: float) -> list[float]:
    return [point.value for point in points(kiln, since) if point.metric == metric]


def test_a_release_is_counted_with_its_time_and_a_sweep_tells_its_age(kiln: Kiln) -> None:
    begun = time.time()
    kiln.recipe()
    kiln.bake()
    kiln.sweep()
    assert value(kiln, "ImagesReleased", begun) == [1.0]
    (seconds,) = value(kiln, "SecondsToRelease", begun)
    assert 0 <= seconds < 120
    assert value(kiln, "HoursSinceRelease", begun) == [0.0] and value(kiln, "Sweeps", begun) == [1.0]
    (line,) = [line for line in numbers(kiln, begun) if "ImagesReleased" in line]
    assert (line["recipe"], line["Stack"]) == ("web", "kiln") and line["version"].endswith("Z")


def test_a_night_of_expire_counts_what_it_keeps(kiln: Kiln) -> None:
    begun = time.time()
    kiln.recipe()
    kiln.release("web", OLD)
    kiln.release("web", NEW)
    kiln.aws.schedule("kiln-expire")
    kiln.settle()
    assert value(kiln, "ImagesKept", begun) == [6.0] and value(kiln, "ImagesUnknown", begun) == [0.0]
    assert value(kiln, "SnapshotGigabytes", begun)[0] > 0


def test_a_failed_bake_raises_an_alarm_for_minutes_and_two_nights_of_them_another(kiln: Kiln) -> None:
    begun = time.time()
    kiln.recipe(script="echo no; exit 3")
    kiln.bake()
    known, now = points(kiln, begun), time.time()
    assert raised(kiln, known, now) == {"ended-badly", "sweeps"}
    assert raised(kiln, known, now + 600) == {"sweeps"}, "what is not new raises nothing"
    before = [point.earlier(DAY) for point in known if point.metric == "NothingCame"]
    assert "failed-nights" in raised(kiln, known + before, now)
    assert "failed-nights" not in raised(kiln, known + before, now + DAY), "the night after was good"


def test_a_function_that_fails_raises_an_alarm_and_its_event_can_be_sent_again(kiln: Kiln) -> None:
    begun = time.time()
    kiln.recipe()
    kiln.aws.faults({"call": "CreateImage", "code": "UnauthorizedOperation", "times": -1, "status": 403})
    kiln.bake()
    assert "failures" in raised(kiln, points(kiln, begun), time.time())
    (one,) = listed(kiln)
    assert (one["queue"], one["function"], one["outcome"]) == ("failures", "capture", "kept")
    assert one["event"].startswith("EC2 Instance State-change Notification: i-")
    assert "CreateImage" in one["error"] and "UnauthorizedOperation" in one["error"]
    assert "kiln failures redrive" in one["advice"]
    kiln.aws.faults()
    again = kiln.invoke("reconcile", {"failures": "redrive", "ids": [one["id"][:8]]}).body["waiting"]
    assert [entry["outcome"] for entry in again] == ["sent-again"]
    kiln.settle()
    assert [news["recipe"] for news in kiln.said("Image Released")] == ["web"]
    assert listed(kiln) == []


def listed(kiln: Kiln) -> list[dict[str, str]]:
    return list(kiln.invoke("reconcile", {"failures": "list"}).body["waiting"])


def test_an_event_that_reached_no_function_is_shown_with_its_rule_and_sent_again(kiln: Kiln) -> None:
    begun = time.time()
    sqs = kiln.aws.client("sqs")
    kiln.recipe()
    about = {"recipe": "web", "version": NEW, "region": HOME, "image": kiln.release("web", NEW)[HOME]}
    event = {"source": "kiln", "detail-type": "Image Published", "detail": about, "region": HOME}
    attributes = {
        "RULE_ARN": f"arn:aws:events:{HOME}:000000000000:rule/kiln/kiln-image-published",
        "TARGET_ARN": f"arn:aws:lambda:{HOME}:000000000000:function:kiln-replicate",
        "ERROR_CODE": "NO_PERMISSIONS",
    }
    sqs.send_message(
        QueueUrl=sqs.get_queue_url(QueueName="kiln-undelivered")["QueueUrl"],
        MessageBody=json.dumps(event),
        MessageAttributes={k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()},
    )
    assert "undelivered" in raised(kiln, points(kiln, begun), time.time())
    (one,) = listed(kiln)
    assert (one["queue"], one["function"]) == ("undelivered", "replicate")
    assert one["error"].startswith("kiln-image-published could not hand it over (NO_PERMISSIONS)")
    before = kiln.aws.journal_end()
    kiln.invoke("reconcile", {"failures": "redrive"})
    kiln.settle()
    woken = [
        entry for entry in kiln.aws.journal(before, kind="invoke") if entry["function"] == "kiln-replicate"
    ]
    assert [one["outcome"] for one in woken] == ["ok"] and listed(kiln) == []


def test_an_end_that_needs_a_person_is_shown_and_removed_once_it_is_dealt_with(kiln: Kiln) -> None:
    kiln.recipe(verify="script = 'echo port 80 is closed; exit 7'")
    kiln.bake()
    (one,) = listed(kiln)
    assert one["event"].startswith("Image Rejected: web 2") and "status 7" in one["error"]
    assert "kiln retest ami-" in one["advice"]
    assert [
        entry["outcome"] for entry in kiln.invoke("reconcile", {"failures": "redrive"}).body["waiting"]
    ] == ["kept"]
    assert [
        entry["outcome"] for entry in kiln.invoke("reconcile", {"failures": "purge"}).body["waiting"]
    ] == ["removed"]
    assert listed(kiln) == []


def test_a_recipe_without_a_new_release_raises_an_alarm_until_there_is_one(kiln: Kiln) -> None:
    begun = time.time()
    kiln.recipe()
    kiln.release("web", NEW)
    kiln.sweep()
    now = time.time()
    assert "stale" in raised(kiln, points(kiln, begun), now)
    (line,) = [line for line in numbers(kiln, begun) if "Sweeps" in line]
    assert line["stalest"] == "web"
    kiln.bake()
    kiln.sweep()
    # An hour later, what the first sweep said no longer counts.
    fresh = [point for point in points(kiln, begun) if point.at > now]
    assert "stale" not in raised(kiln, fresh, time.time())


def test_sweeps_that_stop_raise_an_alarm_and_one_that_comes_ends_it(kiln: Kiln) -> None:
    begun = time.time()
    assert "sweeps" in raised(kiln, [], begun)
    kiln.recipe()
    kiln.sweep()
    known = points(kiln, begun)
    assert "sweeps" not in raised(kiln, known, time.time())
    assert "sweeps" in raised(kiln, known, time.time() + HOUR)


def test_a_sweep_that_could_not_read_a_region_is_none(kiln: Kiln) -> None:
    begun = time.time()
    kiln.recipe()
    kiln.aws.faults(
        {"call": "DescribeImages", "region": "eu-west-1", "code": "UnauthorizedOperation", "times": -1}
    )
    kiln.aws.schedule("kiln-reconcile")
    kiln.settle()
    assert "sweeps" in raised(kiln, points(kiln, begun), time.time())


def test_repairs_that_keep_coming_raise_an_alarm_and_a_single_one_does_not(kiln: Kiln) -> None:
    begun = time.time()
    kiln.recipe(publish='parameter = "/golden/web"')
    kiln.release("web", NEW)
    assert kiln.sweep() != []
    known, now = points(kiln, begun), time.time()
    repaired = [point for point in known if point.metric == "DriftRepaired"]
    assert repaired and "drift" not in raised(kiln, known, now)
    often = known + [point.earlier(HOUR * hours) for hours in (5, 20) for point in repaired]
    assert "drift" in raised(kiln, often, now)
    assert "drift" not in raised(kiln, often, now + 20 * HOUR)


def test_an_expiry_that_a_limit_blocks_raises_an_alarm_for_a_day(kiln: Kiln) -> None:
    begun = time.time()
    kiln.recipe(keep=1, older_than="1d", expire="max_percent = 50")
    for day in range(1, 9):
        kiln.release("web", f"202501{day:02}T020000Z")
    kiln.aws.schedule("kiln-expire")
    kiln.settle()
    assert kiln.said("Expiry Blocked") != []
    known, now = points(kiln, begun), time.time()
    assert "expiry-blocked" in raised(kiln, known, now)
    assert "expiry-blocked" not in raised(kiln, known, now + DAY)


def test_functions_that_are_turned_away_for_long_raise_an_alarm(kiln: Kiln) -> None:
    now = time.time()
    turned_away = Point("AWS/Lambda", "Throttles", (), now - 1, 4.0)
    assert "throttles" not in raised(kiln, [turned_away], now), "once is no trouble"
    for_long = [turned_away.earlier(seconds) for seconds in (0, 300, 600)]
    assert "throttles" in raised(kiln, for_long, now) and "throttles" not in raised(kiln, for_long, now + 600)


def test_each_alarm_and_query_of_the_stack_is_there(kiln: Kiln) -> None:
    alarms = kiln.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="kiln-")["MetricAlarms"]
    assert {one["AlarmName"].removeprefix("kiln-") for one in alarms} == {
        "failures",
        "undelivered",
        "ended-badly",
        "stale",
        "failed-nights",
        "sweeps",
        "drift",
        "expiry-blocked",
        "throttles",
    }
    body = json.loads(kiln.aws.client("cloudwatch").get_dashboard(DashboardName="kiln")["DashboardBody"])
    shown = {metric[1] for widget in body["widgets"] for metric in widget["properties"]["metrics"]}
    assert {"HoursSinceRelease", "ImagesReleased", "DriftRepaired", "NumberOfMessagesSent"} <= shown
