"""What the overlay keeps of one Region and moto does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_aws.overlay.image import Image
    from local_aws.overlay.locks import Lock
    from local_aws.overlay.reference_index import Used
    from local_aws.overlay.spot import SpotRequest
    from local_aws.overlay.usage import Elsewhere, Report

_NAME = "overlay"


@dataclass
class Kept:
    """By id, unless said otherwise."""

    recycle_bin: dict[str, dict[str, Any]] = field(default_factory=dict)
    image_recipes: list[dict[str, Any]] = field(default_factory=list)
    """Image Builder's, as they were seeded."""
    reports: dict[str, Report] = field(default_factory=dict)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    locks: dict[str, Lock] = field(default_factory=dict)
    full_bytes: dict[str, int] = field(default_factory=dict)
    """The full size of a snapshot, where it is not that of its volume."""
    volume_states: dict[str, str] = field(default_factory=dict)
    """The state of a volume that nothing is attached to, where it is not `available`."""
    spot_requests: dict[str, SpotRequest] = field(default_factory=dict)
    standing: dict[str, dict[str, Image]] = field(default_factory=dict)
    """The images that stand on a snapshot, by the snapshot's id and their own."""
    used: Used | None = None


def kept(backend: Any) -> Kept:
    """It goes with the Region's backend when the server is reset."""
    found: Kept | None = backend.__dict__.get(_NAME)
    if found is None:
        found = backend.__dict__[_NAME] = Kept()
    return found
