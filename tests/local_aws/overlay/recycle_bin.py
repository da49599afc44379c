"""The Recycle Bin, with one rule: what is tagged `recycle-bin-days` lies in it for as many days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moto.core.responses import ActionResult

from local_aws.overlay import paging, tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_value
from local_aws.overlay.image import Image
from local_aws.overlay.region import kept

RECYCLED = "recycle-bin-days"
MOST_IDS, MOST_RESULTS = 20, 1000


def recycle(image: Image) -> None:
    """Put an image that is about to be deregistered into the bin, if the rule is for it."""
    days = tags.of(image.ec2_backend, image.id).get(RECYCLED)
    if days is not None:
        now = datetime.now(UTC)
        kept(image.ec2_backend).recycle_bin[image.id] = {
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
        found = [one for key, one in kept(self.ec2_backend).recycle_bin.items() if not ids or key in ids]
        shown, token = paging.page(
            found,
            self._get_param("MaxResults"),
            self._get_param("NextToken"),
            lambda one: one["ImageId"],
            lowest=1,
            highest=MOST_RESULTS,
        )
        return ActionResult({"Images": shown, "NextToken": token})
