"""CreateTags and DeleteTags, which are errors for a resource that does not exist, as on AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local_aws.overlay import tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import (
    bad_value,
    image_not_found,
    instance_not_found,
    report_not_found,
    snapshot_not_found,
    volume_not_found,
)
from local_aws.overlay.reference_index import reference_index
from local_aws.overlay.region import region_state

MOST_RESOURCES = 1000


class Tagging(Overlay):
    def create_tags(self) -> ActionResult:
        """Add or replace tags, on all resources or on none."""
        ids = self._resources()
        asked = [{"ResourceType": "any", "Tags": self.need("Tags")}]
        wanted = tags.specified(asked, ("any",))["any"]
        self.error_on_dryrun()
        self.ec2_backend.create_tags(ids, wanted)
        return EmptyResult()

    def delete_tags(self) -> ActionResult:
        """Delete tags. A tag with a given value is deleted only if it has this value."""
        ids = self._resources()
        given = self._get_param("Tags", [])
        self.error_on_dryrun()
        for resource_id in ids:
            own = tags.of(self.ec2_backend, resource_id)
            if not given:
                gone = [key for key in own if not key.startswith("aws:")]
            else:
                gone = [
                    tag["Key"]
                    for tag in given
                    if tag["Key"] in own and tag.get("Value") in (None, own[tag["Key"]])
                ]
            for key in gone:
                del own[key]
        return EmptyResult()

    def _resources(self) -> list[str]:
        backend = self.ec2_backend
        ids: list[str] = self.need("Resources")
        if len(ids) > MOST_RESOURCES:
            raise bad_value(f"At most {MOST_RESOURCES} resources may be named")
        known: dict[str, tuple[Any, Callable[[str], Exception]]] = {
            "ami": (backend.amis, lambda one: image_not_found([one])),
            "i": (reference_index(backend).instances, lambda one: instance_not_found([one])),
            "snap": (backend.snapshots, snapshot_not_found),
            "vol": (backend.volumes, volume_not_found),
            "amiur": (region_state(backend).reports, report_not_found),
        }
        for resource_id in ids:
            prefix = resource_id.split("-", 1)[0]
            if prefix in known and resource_id not in known[prefix][0]:
                raise known[prefix][1](resource_id)
        return ids
