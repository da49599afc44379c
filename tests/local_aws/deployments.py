"""How AWS answers a deployment, where MiniStack's CloudFormation and S3 answer otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Parameters = dict[str, list[str]]
Answer = tuple[int, dict[str, str], Any]
_REVIEW = "REVIEW_IN_PROGRESS"
_OWNER = "x-amz-expected-bucket-owner"


def without_what_conditions_leave_out(original: Callable[..., Any]) -> Callable[..., Any]:
    """A change set counts a resource only if its condition holds; MiniStack's counts it always."""
    from ministack.services.cloudformation.engine import _evaluate_conditions

    def resolved(template: Any, params: Any, stack_name: str, stack_id: str) -> Any:
        found = original(template, params, stack_name, stack_id)
        conditions = _evaluate_conditions(template, params) if template else {}
        resources = {
            name: one
            for name, one in found.get("Resources", {}).items()
            if conditions.get(one.get("Condition"), True)
        }
        return {**found, "Resources": resources} if found else found

    return resolved


def reviewed_stack_stays(original: Callable[[Parameters], Answer]) -> Callable[[Parameters], Answer]:
    """A second change set that would create a stack belongs to the same stack under review; with MiniStack
    it belongs to another of the same name, and the first can no longer be executed."""
    from ministack.services.cloudformation import _change_sets, _stack_events, _stacks
    from ministack.services.cloudformation.helpers import _p

    def create(params: Parameters) -> Answer:
        name = str(_p(params, "StackName"))
        before = _stacks.get(name)
        if not before or before["StackStatus"] != _REVIEW:
            return original(params)
        known = set(_change_sets.keys())
        status, headers, body = original(params)
        other = _stacks.get(name)
        _stacks[name] = before
        if other is None or other is before:
            return status, headers, body
        _stack_events.pop(other["StackId"], None)
        for arn in set(_change_sets.keys()) - known:
            _change_sets[arn]["StackId"] = before["StackId"]
        text = body.decode() if isinstance(body, bytes) else body
        return status, headers, text.replace(other["StackId"], before["StackId"]).encode()

    return create


def bucket_with_objects_stays(original: Callable[..., Any]) -> Callable[..., Any]:
    """CloudFormation cannot delete a bucket that holds anything; with MiniStack it can."""
    from ministack.services import s3

    def delete(physical_id: str, props: dict[str, Any]) -> Any:
        bucket = s3._buckets.get(physical_id) or {}
        if bucket.get("objects") or s3._bucket_has_versions(physical_id):
            raise ValueError("The bucket you tried to delete is not empty")
        return original(physical_id, props)

    return delete


def expected_owner(original: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """S3 refuses a call that names another owner than the bucket has; MiniStack does not look at it. The
    bucket of another account is also refused, not missing: it is there for everybody."""
    from ministack.core.responses import get_account_id
    from ministack.services import s3

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: Any,
        *more: Any,
        **named: Any,
    ) -> Answer:
        expected = headers.get(_OWNER)
        bucket, _ = s3._parse_bucket_key(path, headers)
        owner = s3._bucket_owner_account(bucket) if bucket else None
        if expected and owner and not owner == expected == get_account_id():
            return s3._error("AccessDenied", "Access Denied", 403, path)
        return await original(method, path, headers, body, query_params, *more, **named)

    return handle_request
