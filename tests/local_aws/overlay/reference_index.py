"""Which instances and launch templates name an image, without walking through all of a Region's."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import Any

from moto.ec2.models.instances import Instance
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion

from local_aws.overlay.region import kept

Named = tuple[LaunchTemplate, list[LaunchTemplateVersion]]


class Used:
    """Grows with its Region: moto never takes an instance or a version away, only whole templates."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._reservations = 0
        self._versions: dict[str, int] = {}
        self._by_id: dict[str, Instance] = {}
        self._by_image: dict[str, dict[str, Instance]] = defaultdict(dict)
        self._naming: dict[str, dict[str, list[LaunchTemplateVersion]]] = defaultdict(dict)

    @property
    def instances(self) -> dict[str, Instance]:
        """All of them, by id."""
        self._read_instances()
        return self._by_id

    def launched_from(self, image_id: str) -> list[Instance]:
        self._read_instances()
        return list(self._by_image.get(image_id, {}).values())

    def named_in(self, image_id: str) -> list[Named]:
        """The templates that name it, each with the versions that do, the oldest first."""
        self._read_templates()
        templates = self._backend.launch_templates
        naming = self._naming.get(image_id, {})
        return [(templates[one], versions) for one, versions in naming.items() if one in templates]

    def _read_instances(self) -> None:
        """The last reservation is read once more: it may have been filled only in part."""
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


def used(backend: Any) -> Used:
    """Of one Region; made when first asked for."""
    here = kept(backend)
    if here.used is None:
        here.used = Used(backend)
    return here.used
