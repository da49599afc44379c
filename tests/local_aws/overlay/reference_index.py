"""An index from images to the instances and launch templates that name them, so that no call scans the whole
Region."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import Any

from moto.ec2.models.instances import Instance
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion

from local_aws.overlay.region import region_state

Named = tuple[LaunchTemplate, list[LaunchTemplateVersion]]


class ReferenceIndex:
    """The index of one Region. It only adds, because moto removes no instances or versions, only whole
    templates."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._reservations = 0
        self._versions: dict[str, int] = {}
        self._by_id: dict[str, Instance] = {}
        self._by_image: dict[str, dict[str, Instance]] = defaultdict(dict)
        self._naming: dict[str, dict[str, list[LaunchTemplateVersion]]] = defaultdict(dict)

    @property
    def instances(self) -> dict[str, Instance]:
        """All instances of the Region, by id."""
        self._read_instances()
        return self._by_id

    def launched_from(self, image_id: str) -> list[Instance]:
        self._read_instances()
        return list(self._by_image.get(image_id, {}).values())

    def named_in(self, image_id: str) -> list[Named]:
        """The templates that name an image, each with those versions, oldest first."""
        self._read_templates()
        templates = self._backend.launch_templates
        naming = self._naming.get(image_id, {})
        return [(templates[one], versions) for one, versions in naming.items() if one in templates]

    def _read_instances(self) -> None:
        """Read new reservations, and the last known one again, because it may have been incomplete."""
        reservations = self._backend.reservations
        for reservation in islice(reservations.values(), max(0, self._reservations - 1), None):
            for instance in reservation.instances:
                self._by_id[instance.id] = instance
                self._by_image[instance.image_id][instance.id] = instance
        self._reservations = len(reservations)

    def _read_templates(self) -> None:
        for template in self._backend.launch_templates.values():
            known = self._versions.get(template.id, 0)
            if len(template.versions) == known:
                continue
            for version in template.versions[known:]:
                image_id = version.data.get("ImageId")
                if image_id:
                    self._naming[image_id].setdefault(template.id, []).append(version)
            self._versions[template.id] = len(template.versions)


def reference_index(backend: Any) -> ReferenceIndex:
    """The index of a Region, created at its first use."""
    here = region_state(backend)
    if here.reference_index is None:
        here.reference_index = ReferenceIndex(backend)
    return here.reference_index
