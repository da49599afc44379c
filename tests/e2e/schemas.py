"""What Kiln sends, held by its schemas: its events, and the messages that Amazon Q shows."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "docs" / "reference" / "events.schema.json"
CARD = Path(__file__).with_name("card.schema.json")


def against_events(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event as EventBridge delivers it. A field that the schema lacks is wrong, too."""
    return _wrong(_events(), event)


def against_card(card: dict[str, Any]) -> list[str]:
    """What is wrong with a message for a chat channel."""
    return _wrong(_card(), card)


def of_journal(entry: dict[str, Any]) -> dict[str, Any]:
    """An event of the local AWS's journal, as EventBridge delivers it."""
    kept = {"source": entry["source"], "detail-type": entry["detail_type"], "detail": entry["detail"]}
    return {"account": "000000000000", "time": "2026-11-23T02:00:00Z", **kept}


def _wrong(validator: Draft202012Validator, instance: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(instance)]


@cache
def _events() -> Draft202012Validator:
    schema = json.loads(EVENTS.read_text())
    kinds = schema["properties"]["detail-type"]
    kinds["enum"] = kinds.pop("examples")
    for definition in schema["$defs"].values():
        definition["additionalProperties"] = False
    return Draft202012Validator(schema)


@cache
def _card() -> Draft202012Validator:
    return Draft202012Validator(json.loads(CARD.read_text()))
