"""Watermarks of images: names that go along to whatever is made of an image."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from moto.core.responses import ActionResult

from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_value, error
from local_aws.overlay.image import Image, stamp
from local_aws.overlay.image_queries import own_image

NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
MOST = 5


class Watermarks(Overlay):
    def attach_image_watermark(self) -> ActionResult:
        """Put a watermark on an image that is not public. One that is there already stays as it is."""
        image, name = self._image("AttachImageWatermark"), str(self.need("WatermarkName"))
        if not NAME.fullmatch(name):
            raise bad_value(f"Value ({name}) for parameter watermarkName is invalid")
        # EC2 documents no codes for these two; they are guesses.
        if image.is_public:
            raise error("OperationNotPermitted", f"The image '{image.id}' is public")
        key = f"{self.current_account}:{name}"
        borne = [one["WatermarkKey"] for one in image.watermarks]
        if key not in borne and len(borne) == MOST:
            raise error("ResourceLimitExceeded", f"The image '{image.id}' has {MOST} watermarks")
        self.error_on_dryrun()
        if key not in borne:
            made = {
                "WatermarkKey": key,
                "SourceImageRegion": self.region,
                "SourceImageId": image.id,
                "SourceImageCreationTime": stamp(image.created),
                "WatermarkCreationTime": stamp(datetime.now(UTC)),
            }
            image.watermarks.append(made)
        return ActionResult({"WatermarkKey": key})

    def detach_image_watermark(self) -> ActionResult:
        """Take a watermark off an image, if it is there. What was made of the image keeps it."""
        image, key = self._image("DetachImageWatermark"), self.need("WatermarkKey")
        self.error_on_dryrun()
        image.watermarks = [one for one in image.watermarks if one["WatermarkKey"] != key]
        return ActionResult({"Return": True})

    def _image(self, action: str) -> Image:
        if self.region in self.world.without_watermarks:
            raise error("InvalidAction", f"The action {action} is not valid for this web service.")
        return own_image(self, self.need("ImageId"))
