"""The state that all parts of the local AWS share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_aws.activity import Activity
from local_aws.clock import Clock
from local_aws.faults import Faults
from local_aws.journal import Journal
from local_aws.settings import Timing

if TYPE_CHECKING:
    from local_aws.ec2_events import Ec2Events
    from local_aws.overlay.instance_lifecycle import InstanceLifecycle


@dataclass
class World:
    """Created once per process by `server.run` and passed to every part.

    `lock` guards all of EC2, because moto's models are not thread-safe and timers change them too.
    """

    timing: Timing
    home: Path
    journal: Journal = field(default_factory=Journal)
    activity: Activity = field(default_factory=Activity)
    faults: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)
    tokens: dict[tuple[str, ...], Any] = field(default_factory=dict)
    public_images: dict[str, str] = field(default_factory=dict)
    repository: dict[str, str] = field(default_factory=dict)
    """The version of each package that can be installed, where it is not the first."""
    without_watermarks: set[str] = field(default_factory=set)
    """The Regions whose EC2 does not know watermarks of images."""
    # Set once the server listens.
    endpoint: str = ""
    clock: Clock = field(init=False)
    ec2_events: Ec2Events = field(init=False)
    instance_lifecycle: InstanceLifecycle = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(self.activity)
