"""CreateTags and DeleteTags, which on AWS refuse a resource that is not there."""

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
from local_aws.overlay.reference_index import used
from local_aws.overlay.region import kept

MOST_RESOURCES = 1000


class Tagging(Overlay):
    def create_tags(self) -> ActionResult:
        """Adds and overwrites; all resources or none."""
        ids = self._resources()
        asked = [{"ResourceType": "any", "Tags": self.need("Tags")}]
        wanted = tags.specified(asked, ("any",))["any"]
        self.error_on_dryrun()
        self.ec2_backend.create_tags(ids, wanted)
        return EmptyResult()

    def delete_tags(self) -> ActionResult:
        """A tag goes if its value is as given, or whatever its value if none is given."""
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
            "i": (used(backend).instances, lambda one: instance_not_found([one])),
            "snap": (backend.snapshots, snapshot_not_found),
            "vol": (backend.volumes, volume_not_found),
            "amiur": (kept(backend).reports, report_not_found),
        }
        for resource_id in ids:
            prefix = resource_id.split("-", 1)[0]
            if prefix in known and resource_id not in known[prefix][0]:
                raise known[prefix][1](resource_id)
        return ids
