"""Lambda: what a function sees, how it is retried, and where its failures go."""

from __future__ import annotations

import json
import time
from typing import Any

from local_aws.client import LocalAws
from local_aws.tests.conftest import DeadLetters, image

ENTRY = {"DetailType": "Told", "EventBusName": "sample"}


def invoke(aws: LocalAws, **event: Any) -> Any:
    answer = aws.client("lambda").invoke(FunctionName="sample-worker", Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def send_event(aws: LocalAws, source: str = "sample", times: int = 1, **detail: Any) -> None:
    entry = {**ENTRY, "Source": source, "Detail": json.dumps(detail)}
    aws.client("events").put_events(Entries=[entry] * times)


def runs(aws: LocalAws, function: str = "sample-worker") -> list[dict[str, Any]]:
    return [e for e in aws.journal(kind="invoke") if e["function"] == function]


def test_a_function_sees_lambdas_environment_and_its_own(aws: LocalAws, stack: dict[str, str]) -> None:
    seen = invoke(aws, mode="env")
    assert seen["AWS_ENDPOINT_URL"] == aws.url
    assert (seen["AWS_REGION"], seen["GREETING"]) == ("us-east-1", "hello")
    assert seen["AWS_ACCESS_KEY_ID"].startswith("KILN")
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "sample-worker"
    foreign = [
        name for name in seen if name.startswith(("PYTEST", "LOCAL_AWS", "MINISTACK", "MOTO", "VIRTUAL"))
    ]
    assert foreign == []


def test_a_functions_calls_bear_its_name_and_its_lines_are_in_the_journal(
    aws: LocalAws, stack: dict[str, str]
) -> None:
    image(aws)
    after = aws.journal_end()
    assert invoke(aws, mode="call") == 1
    entries = aws.journal(after)
    calls = {(e["action"], e["who"]) for e in entries if e["kind"] == "call" and e["service"] == "ec2"}
    assert calls == {("DescribeImages", "sample-worker")}
    lines = [(e["function"], e["line"]) for e in entries if e["kind"] == "log"]
    assert ("sample-worker", "handling call") in lines


def test_a_warm_function_is_used_again_and_several_run_at_once(aws: LocalAws, stack: dict[str, str]) -> None:
    assert invoke(aws)["pid"] == invoke(aws)["pid"]
    after = aws.journal_end()
    send_event(aws, times=3, mode="slow", seconds=2)
    aws.wait_idle()
    kinds = [e["kind"] for e in aws.journal(after) if e["kind"] in ("log", "invoke")]
    assert sorted(kinds) == ["invoke"] * 3 + ["log"] * 3
    assert kinds[:2] == ["log", "log"], "the second began before the first had ended"


def test_a_failing_function_is_tried_three_times_and_its_event_kept(
    aws: LocalAws, stack: dict[str, str], dead: DeadLetters
) -> None:
    send_event(aws, mode="fail")
    aws.wait_idle(retries=True)
    tries = runs(aws)
    assert [(e["attempt"], e["outcome"]) for e in tries] == [
        (1, "error"),
        (2, "error"),
        (3, "error"),
        (3, "given up"),
    ]
    assert tries[0]["error"] == {"errorMessage": "asked to fail", "errorType": "ValueError"}
    (body,) = dead.take()
    record = json.loads(body)
    assert record["requestPayload"]["detail"] == {"mode": "fail"}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorMessage"] == "asked to fail"


def test_a_retry_that_waits_counts_only_when_asked_for(aws: LocalAws, stack: dict[str, str]) -> None:
    send_event(aws, mode="fail")
    deadline = time.monotonic() + 5
    while not runs(aws) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.03)
    assert aws.idle(retries=False)[0]
    assert not aws.idle(retries=True)[0]
    aws.wait_idle()


def test_a_function_that_dies_and_one_that_is_too_slow_count_as_failed(
    aws: LocalAws, stack: dict[str, str], dead: DeadLetters
) -> None:
    send_event(aws, mode="exit")
    aws.wait_idle()
    assert [e["outcome"] for e in runs(aws)] == ["error", "error", "error", "given up"]
    assert len(dead.take()) == 1
    changed = aws.client("lambda").update_function_configuration
    changed(FunctionName="sample-worker", Timeout=1)
    try:
        answer = invoke(aws, mode="slow", seconds=3)
    finally:
        changed(FunctionName="sample-worker", Timeout=5)
    assert answer["errorType"] == "Sandbox.Timedout"
    assert runs(aws)[-1]["outcome"] == "timeout"


def test_no_event_is_lost_over_reserved_concurrency(
    aws: LocalAws, stack: dict[str, str], dead: DeadLetters
) -> None:
    send_event(aws, source="single", times=6, mode="slow", seconds=0.1)
    aws.wait_idle()
    outcomes = [e["outcome"] for e in runs(aws, "sample-single")]
    assert outcomes.count("ok") == 6
    assert "throttled" in outcomes
    assert dead.take() == []


def test_a_functions_own_number_of_retries_counts(
    aws: LocalAws, stack: dict[str, str], dead: DeadLetters
) -> None:
    send_event(aws, source="single", mode="fail")
    aws.wait_idle()
    assert [e["attempt"] for e in runs(aws, "sample-single") if e["outcome"] == "error"] == [1, 2]
    assert json.loads(dead.take()[0])["requestContext"]["approximateInvokeCount"] == 2
