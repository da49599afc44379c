"""The calls that Kiln's code makes, read from its one side that talks to AWS: shared/kiln/src/aws."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3] / "shared" / "kiln" / "src" / "aws"
# Each client of `Aws`, and the prefix that IAM has for its service.
SERVICES = {
    "ec2": "ec2",
    "ssm": "ssm",
    "kms": "kms",
    "events": "events",
    "lambda": "lambda",
    "quotas": "servicequotas",
    "auto_scaling": "autoscaling",
    "sns": "sns",
    "sts": "sts",
    "sqs": "sqs",
}
# IAM's name for a call, where it is not the call's own.
RENAMED = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}

_CLIENT = "|".join(SERVICES)
_GOT = rf"self\.({_CLIENT})\([^()]*\)\.await"
_USED = re.compile(rf"{_GOT}\.([a-z]\w*)\(")
_KEPT = re.compile(rf"let (\w+)={_GOT};")
# What an instance does with a URL counts as done by the role that signed it.
_SIGNED = re.compile(r'self\.link\("(GET|PUT)"')
_METHODS = {"GET": "s3:GetObject", "PUT": "s3:PutObject"}
# A list of keys is asked for by a signed URL, too.
_LISTED = re.compile(r"self\.listing\(")
# What calls by a client of whichever account, and what that calls.
HELPERS = {"given": "get_parameters", "put_image": "put_parameter"}
_HELPED = re.compile(rf"({'|'.join(HELPERS)})\(&({_GOT}),")
_NAMED = re.compile(r'Call::new\("(\w+)"')


@cache
def made() -> frozenset[str]:
    """Each call as IAM names it, such as `ec2:CopyImage`."""
    return frozenset(action for path in sorted(SOURCES.glob("*.rs")) for action in read(path.read_text()))


def named() -> set[str]:
    """The names that the code gives its calls, for the errors they may end in."""
    return {name for path in SOURCES.glob("*.rs") for name in _NAMED.findall(path.read_text())}


def read(source: str) -> set[str]:
    """The calls of one file of Rust. A client that goes where this cannot follow it is an error."""
    code = re.sub(r"//.*", "", source)
    # Rust breaks a chain of calls over lines.
    code = re.sub(r"\s*([.=;(){},&])\s*", r"\1", re.sub(r"\s+", " ", code))
    code = _HELPED.sub(lambda one: f"{one[2]}.{HELPERS[one[1]]}(", code)
    return {call for function in re.split(r"\bfn ", code) for call in _calls(function)}


def _calls(function: str) -> Iterator[str]:
    kept = {name: client for name, client in _KEPT.findall(function)}
    for name, client in kept.items():
        function = re.sub(rf"(?<![.\w]){name}\.", f"self.{client}().await.", function)
    used = _USED.findall(function)
    lost = len(re.findall(_GOT, function)) - len(kept) - len(used)
    assert not lost, f"a client of AWS is handed on, so its calls are not known: {function}"
    yield from (_METHODS[method] for method in _SIGNED.findall(function))
    yield from ("s3:ListBucket" for _ in _LISTED.findall(function))
    for client, method in used:
        action = f"{SERVICES[client]}:{_camel(method)}"
        yield RENAMED.get(action, action)


def _camel(method: str) -> str:
    return "".join(word.capitalize() for word in method.split("_"))
