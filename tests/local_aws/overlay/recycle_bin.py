"""The Recycle Bin. It has one rule: an image with the tag `recycle-bin-days` is kept in it for as many
days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moto.core.responses import ActionResult

from local_aws.overlay import paging, tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_value
from local_aws.overlay.image import Image
from local_aws.overlay.region import region_state

RECYCLED = "recycle-bin-days"
MOST_IDS, MOST_RESULTS = 20, 1000


def recycle(image: Image) -> None:
    """Keep an image that is being deregistered in the bin, if the rule applies to it."""
    days = tags.of(image.ec2_backend, image.id).get(RECYCLED)
    if days is not None:
        now = datetime.now(UTC)
        region_state(image.ec2_backend).recycle_bin[image.id] = {
            "ImageId": image.id,
            "Name": image.name,
            "Description": image.description,
            "RecycleBinEnterTime": now,
            "RecycleBinExitTime": now + timedelta(days=int(days)),
        }


class RecycleBin(Overlay):
    def list_images_in_recycle_bin(self) -> ActionResult:
        ids = self._get_param("ImageIds", [])
        if len(ids) > MOST_IDS:
            raise bad_value(f"At most {MOST_IDS} image ids may be given")
        self.error_on_dryrun()
        found = [
            one for key, one in region_state(self.ec2_backend).recycle_bin.items() if not ids or key in ids
        ]
        shown, token = paging.page(
            found,
            self._get_param("MaxResults"),
            self._get_param("NextToken"),
            lambda one: one["ImageId"],
            lowest=1,
            highest=MOST_RESULTS,
        )
        return ActionResult({"Images": shown, "NextToken": token})
