"""Recognizes the AWS call in an HTTP request, and writes errors in its protocol."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from local_aws.dispatch import error_body

_CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_CBOR = re.compile(r"/service/[^/]+/operation/(\w+)")
_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_MADE = re.compile(rb"<(imageId|instanceId|snapshotId|reportId)>([^<]+)</")
_HIDDEN = {"Action", "Version", "UserData", "TemplateBody", "ZipFile", "AutoRefresh"}
_LONGEST = 300
_MOST = 60


@dataclass
class Call:
    """One AWS call, recognized by the scope of its signature and by its protocol."""

    service: str
    action: str
    region: str
    key: str
    protocol: str
    request: dict[str, Any] = field(default_factory=dict)

    def error(self, code: str, message: str, status: int) -> tuple[int, dict[str, str], bytes]:
        if self.protocol == "ec2":
            return status, {"content-type": "text/xml"}, error_body(code, message)
        if self.protocol == "query":
            body = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
                "</Error><RequestId>injected</RequestId></ErrorResponse>"
            )
            return status, {"content-type": "text/xml"}, body.encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
        return status, headers, json.dumps({"__type": code, "message": message}).encode()

    def same_page_again(self) -> tuple[int, dict[str, str], bytes]:
        """An answer that lists nothing, and names the same next page whichever page was asked for."""
        again = "the-same-page-again"
        if self.protocol == "ec2":
            body = f"<{self.action}Response><nextToken>{again}</nextToken></{self.action}Response>"
        elif self.protocol == "query":
            result = f"<{self.action}Result><NextToken>{again}</NextToken></{self.action}Result>"
            body = f"<{self.action}Response>{result}</{self.action}Response>"
        else:
            return (
                200,
                {"content-type": "application/x-amz-json-1.1"},
                json.dumps({"NextToken": again}).encode(),
            )
        return 200, {"content-type": "text/xml"}, body.encode()


def access_key(headers: dict[str, str]) -> str:
    """The access key of a signed call; empty for one that is not signed."""
    scope = _CREDENTIAL.search(headers.get("authorization", ""))
    return scope[1] if scope else ""


def parse(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Call | None:
    """The call, or None if the request is not a signed AWS call (a health check, for example)."""
    scope = _CREDENTIAL.search(headers.get("authorization", ""))
    if scope is None:
        return None
    key, region, service = scope.groups()
    target = headers.get("x-amz-target", "")
    if target:
        return Call(service, target.rsplit(".", 1)[-1], region, key, "json", _from_json(body))
    cbor = _CBOR.search(path)
    if cbor:
        return Call(service, cbor.group(1), region, key, "json")
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qs(body.decode(errors="replace"))
        action = form.get("Action", [""])[0]
        protocol = "ec2" if service == "ec2" else "query"
        return Call(service, action, region, key, protocol, _from_form(form))
    invoked = _INVOKE.fullmatch(path)
    if invoked:
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        request = {"FunctionName": unquote(invoked.group(1)), "InvocationType": kind}
        return Call(service, "Invoke", region, key, "rest", request)
    parsed = parse_qs(query)
    if "Action" in parsed:
        return Call(service, parsed["Action"][0], region, key, "query", _from_form(parsed))
    return Call(service, f"{method} {path}", region, key, "rest")


def error_code(status: int, headers: dict[str, str], body: bytes) -> str | None:
    """The error code of an answer, also of a PutEvents of which some entries failed."""
    if status >= 400:
        named = headers.get("x-amzn-errortype", "")
        if named:
            return named.split(":")[0]
        in_xml = _CODE.search(body)
        if in_xml:
            return in_xml.group(1).decode()
        found = _from_json(body)
        return str(found.get("__type") or found.get("code") or status).rsplit("#", 1)[-1]
    if b'"FailedEntryCount"' in body:
        for entry in json.loads(body).get("Entries", []):
            if entry.get("ErrorCode"):
                return str(entry["ErrorCode"])
    return None


def made(action: str, body: bytes) -> dict[str, str]:
    """The ids of the resources that a call created."""
    if not action.startswith(("Create", "Copy", "Run", "Register")):
        return {}
    return {name.decode(): value.decode() for name, value in _MADE.findall(body)[:3]}


def _from_form(form: dict[str, list[str]]) -> dict[str, Any]:
    shown = {name: values[0][:_LONGEST] for name, values in form.items() if name not in _HIDDEN}
    return dict(list(shown.items())[:_MOST])


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        whole = json.loads(body or b"{}")
    except (ValueError, UnicodeDecodeError):
        return {}
    if not isinstance(whole, dict):
        return {}
    out: dict[str, Any] = {}
    for name, value in list(whole.items())[:_MOST]:
        if name in _HIDDEN:
            continue
        short = isinstance(value, int | float | bool) or len(json.dumps(value)) <= _LONGEST
        out[name] = value if short else json.dumps(value)[:_LONGEST]
    return out
