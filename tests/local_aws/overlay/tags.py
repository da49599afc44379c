"""Tags as dictionaries, and the TagSpecifications of a call."""

from __future__ import annotations

from typing import Any

from local_aws.overlay.errors import bad_value, error

LIMIT = 50


def of(backend: Any, resource_id: str) -> dict[str, str]:
    found: dict[str, str] = backend.tags.get(resource_id) or {}
    return found


def wire(backend: Any, resource_id: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in of(backend, resource_id).items()]


def put(backend: Any, resource_id: str, tags: dict[str, str]) -> None:
    if tags:
        backend.create_tags([resource_id], tags)


def specified(raw: list[dict[str, Any]], allowed: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """The tags for each type of resource. All are checked before anything is created."""
    out: dict[str, dict[str, str]] = {kind: {} for kind in allowed}
    for entry in raw:
        kind = entry.get("ResourceType")
        if kind not in allowed:
            raise bad_value(f"'{kind}' is not a valid taggable resource type for this operation.")
        for tag in entry.get("Tags", []):
            key, value = tag.get("Key", ""), tag.get("Value", "")
            if not key or len(key) > 128:
                raise bad_value(f"Tag key '{key}' exceeds the maximum length of 128 or is empty")
            if len(value) > 256:
                raise bad_value(f"Tag value of '{key}' exceeds the maximum length of 256")
            if key.lower().startswith("aws:"):
                text = "Tag keys starting with 'aws:' are reserved for internal use"
                raise bad_value(text)
            out[kind][key] = value
        if len(out[kind]) > LIMIT:
            raise error("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
    return out
