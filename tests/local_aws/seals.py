"""The seals on what Kiln would have made: a seed, and everything that time travel makes older, get those that
Kiln itself writes.

Written from docs/concepts/seals.md and not from Kiln's code, so that the two check each other. The key is
derived from the KMS key that the functions of the deployed stack name; without a stack, nothing is sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import timedelta

from ministack.core.responses import request_scope
from ministack.services import kms, lambda_svc

from local_aws.overlay.times import earlier
from local_aws.settings import ACCOUNT, HOME_REGION

Tags = dict[str, str]

_MESSAGE = b"kiln: the key of seals, version 1"
_VALUES = {
    "kiln:published-as",
    "kiln:released-at",
    "kiln:released-in",
    "kiln:recopy",
    "kiln:orphaned-since",
}
_MARKS = {"kiln:unused-since", "kiln:disabled-at", "kiln:fleet-size", "kiln:recipe-retired-at"}
_RECORD = {"kiln:recipe", "kiln:version", "kiln:stage"}
_ANCHOR = re.compile(r"^(.*)\[kiln: (.*); seal [^;\]]*\]$", re.DOTALL)
_ASKED = re.compile(r"\[kiln: asked again (\S+Z)[ ;]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_SEAL = re.compile(r" (?:\d{8}T\d{6}Z )?[0-9a-f]{4}-[0-9a-f]{32}$")


def plain(value: str) -> str:
    """The value of a tag without its seal."""
    return _SEAL.sub("", value)


class Seals:
    """Seals under one key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._id = self._mac("id")[:4]

    @classmethod
    def of_the_stack(cls) -> Seals | None:
        """Those of the deployed stack; None where there is none."""
        with request_scope(ACCOUNT, HOME_REGION):
            for function in lambda_svc._functions.values():
                variables = function["config"].get("Environment", {}).get("Variables", {})
                # A function that needs no seals has the word `none` instead.
                arns = [one for one in variables.get("KILN_SEAL_KEYS", "").split() if one != "none"]
                if arns:
                    key = kms._resolve_key(arns[0])
                    return cls(hmac.digest(key["_hmac_key"], _MESSAGE, hashlib.sha256))
        return None

    def _mac(self, *parts: str) -> str:
        message = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
        return hmac.digest(self._secret, message, hashlib.sha256).hex()

    def seal(self, *parts: str) -> str:
        return f"{self._id}-{self._mac(*parts)[:32]}"

    def token(self, region: str, subnet: str, tags: Tags) -> str:
        """The client token with which Kiln launches an instance that has these tags."""
        image = tags.get("kiln:image", "") if tags["kiln:role"] == "tester" else ""
        name = (tags["kiln:recipe"], tags["kiln:version"])
        word = self._mac("launch", tags["kiln:role"], *name, image, subnet)
        return word[:32] + self._mac("seed", region, image, subnet)[:32]

    def image(self, region: str, image: str, tags: Tags) -> Tags:
        """The tags of an image as Kiln writes them. A stage `disabled` comes after `released`."""
        if not tags.keys() >= _RECORD:
            return tags
        return {**self.values(region, image, tags), "kiln:seal": self.record(region, image, tags)}

    def record(self, region: str, image: str, tags: Tags, asked: str | None = None) -> str:
        """The seal of the record, since somebody asked for the image anew, if somebody did."""
        stage = tags["kiln:stage"].replace("disabled", "released")
        adopted = "adopted" if "kiln:adopted" in tags else ""
        made = [tags.get(f"kiln:{key}", "") for key in ("base", "origin", "attempt")]
        name = (tags["kiln:recipe"], tags["kiln:version"])
        return self.seal("image", region, image, stage, adopted, *name, *made, *([asked] if asked else []))

    def anchored(self, region: str, image: str, own: str, anchor: str) -> str:
        """The description of an image with what no tag can take back."""
        return f"{own} [kiln: {anchor}; seal {self.seal('anchor', region, image, anchor)}]".lstrip()

    def snapshot(self, region: str, snapshot: str, made_from: str, tags: Tags) -> Tags:
        """The tags of a snapshot that was made with an image: from an instance, or from another image."""
        if not tags.keys() >= _RECORD:
            return tags
        name, base = (tags["kiln:recipe"], tags["kiln:version"]), tags.get("kiln:base", "")
        if "kiln:origin" in tags:
            parts = ("copied", region, tags["kiln:origin"], tags.get("kiln:attempt", ""), *name, base)
        else:
            parts = ("created", region, made_from, *name, base)
        return {**self.values(region, snapshot, tags), "kiln:seal": self.seal(*parts)}

    def bake(self, region: str, instance: str, tags: Tags) -> Tags:
        """The tags of a long-lived builder that Kiln has stopped for a bake."""
        if "kiln:version" not in tags or "kiln:role" in tags:
            return tags
        parts = (region, instance, tags["kiln:recipe"], tags["kiln:version"], tags.get("kiln:deadline", ""))
        return {**tags, "kiln:seal": self.seal("bake", *parts)}

    def values(self, region: str, resource: str, tags: Tags) -> Tags:
        """The tags whose value has a seal of its own, with it."""
        return {key: self._value(region, resource, key, value, tags) for key, value in tags.items()}

    def _value(self, region: str, resource: str, key: str, value: str, tags: Tags) -> str:
        if value == "no" or _SEAL.search(value):
            return value
        if key in _VALUES:
            return f"{value} {self.seal('value', region, resource, key, value)}"
        if key in _MARKS:
            recipe, version = tags.get("kiln:recipe", ""), tags.get("kiln:version", "")
            return f"{value} {version} {self.seal('mark', region, recipe, version, key, value)}"
        return value


def older_description(
    seals: Seals | None, region: str, image: str, description: str | None, by: timedelta
) -> str | None:
    """A description in which the times of the anchor were moved, sealed as it was."""
    found = _ANCHOR.match(description or "")
    if seals is None or found is None:
        return description
    moved = _TIME.sub(lambda time: earlier(time.group(), by), found.group(2))
    return seals.anchored(region, image, found.group(1).rstrip(), moved)


def asked_again(description: str | None) -> str | None:
    """When somebody asked for an image anew."""
    found = _ASKED.search(description or "")
    return found and found.group(1)


def older(seals: Seals | None, region: str, resource: str, before: Tags, after: Tags) -> Tags:
    """The tags of a resource whose times were moved, sealed as they were."""
    moved = {key for key in after if after[key] != before[key]}
    if seals is None or not moved:
        return after
    sealed = seals.values(region, resource, {key: plain(after[key]) for key in after})
    out = {key: sealed[key] if key in moved else after[key] for key in after}
    if resource.startswith("i-") and "kiln:seal" in out:
        out |= {"kiln:seal": seals.bake(region, resource, out)["kiln:seal"]}
    return out
