"""Who may take a role: MiniStack gives anyone a session of any role, whether there is such a role or not."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs

from ministack.core.responses import request_scope
from ministack.services import iam, lambda_svc

from local_aws.calls import access_key
from local_aws.dispatch import Response, error_body
from local_aws.lambdas import Identities
from local_aws.settings import ACCOUNT, HOME_REGION

_KEY = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")


class Trust:
    """Judges AssumeRole by the trust of the role: its account, `aws:PrincipalArn` and `sts:ExternalId`."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def refusal(self, headers: dict[str, str], body: bytes) -> Response | None:
        """The answer to a call that takes a role which its caller may not take."""
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        if form.get("Action") != "AssumeRole":
            return None
        wanted, caller = form.get("RoleArn", ""), self._role_of(headers)
        if self._takes(wanted, caller, form.get("ExternalId")):
            return None
        text = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {wanted}"
        return 403, {"Content-Type": "text/xml"}, error_body("AccessDenied", text)

    def remember(self, headers: dict[str, str], answer: bytes) -> None:
        """Whose session an answer gives, so that its calls show their function."""
        function = self._identities.who(access_key(headers))
        given = _KEY.search(answer if isinstance(answer, bytes) else str(answer).encode())
        if given and function != "-":
            self._identities.also(given[1].decode(), function)

    def _role_of(self, headers: dict[str, str]) -> str:
        """The role of the function that calls; of a person, the root of the account."""
        function = self._identities.who(access_key(headers))
        if function == "-":
            return f"arn:aws:iam::{ACCOUNT}:root"
        with request_scope(ACCOUNT, HOME_REGION):
            return str(lambda_svc._functions[function]["config"]["Role"])

    def _takes(self, wanted: str, caller: str, external_id: str | None) -> bool:
        parts = wanted.split(":")
        role = iam._roles.get_scoped(parts[4], None, wanted.rsplit("/", 1)[-1]) if len(parts) > 5 else None
        if role is None:
            return False
        trust = role.get("AssumeRolePolicyDocument") or {}
        trust = json.loads(trust) if isinstance(trust, str) else trust
        return any(_holds(one, caller, external_id) for one in trust.get("Statement", []))


def _holds(statement: dict[str, Any], caller: str, external_id: str | None) -> bool:
    """Whether a statement lets a caller in. An operator that is not known here lets nobody in."""
    root = f"arn:aws:iam::{caller.split(':')[4]}:root"
    if root not in _listed(statement.get("Principal", {}).get("AWS", [])):
        return False
    known = {
        ("ArnLike", "aws:PrincipalArn"): lambda one: fnmatchcase(caller, one),
        ("StringEquals", "sts:ExternalId"): lambda one: external_id == one,
    }
    return all(
        any(known.get((operator, key), lambda one: False)(str(one)) for one in _listed(values))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
