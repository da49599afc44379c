"""The state of one Region that moto does not keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_aws.overlay.image import Image
    from local_aws.overlay.locks import Lock
    from local_aws.overlay.reference_index import ReferenceIndex
    from local_aws.overlay.spot import SpotRequest
    from local_aws.overlay.usage import ExternalUse, Report

_NAME = "overlay"


@dataclass
class RegionState:
    """All mappings are by id, unless a comment says otherwise."""

    recycle_bin: dict[str, dict[str, Any]] = field(default_factory=dict)
    image_recipes: list[dict[str, Any]] = field(default_factory=list)
    """The seeded recipes of Image Builder."""
    reports: dict[str, Report] = field(default_factory=dict)
    external_uses: list[ExternalUse] = field(default_factory=list)
    locks: dict[str, Lock] = field(default_factory=dict)
    full_bytes: dict[str, int] = field(default_factory=dict)
    """The full size of a snapshot in bytes, if it is not the size of its volume."""
    volume_states: dict[str, str] = field(default_factory=dict)
    """The state of a volume that is not attached, if it is not `available`."""
    spot_requests: dict[str, SpotRequest] = field(default_factory=dict)
    images_by_snapshot: dict[str, dict[str, Image]] = field(default_factory=dict)
    """The images that use a snapshot, by the id of the snapshot and then of the image."""
    reference_index: ReferenceIndex | None = None


def region_state(backend: Any) -> RegionState:
    """The state of a Region. It is dropped with the Region's backend at a reset."""
    found: RegionState | None = backend.__dict__.get(_NAME)
    if found is None:
        found = backend.__dict__[_NAME] = RegionState()
    return found
