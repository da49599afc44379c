"""Deprecation, disabling, protection and deregistration of images."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moto.core.responses import ActionResult

from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_value, error
from local_aws.overlay.image import PROTECTED, PROTECTED_WITH_COOLDOWN, UNPROTECTED, Image
from local_aws.overlay.image_lifecycle import announce_image, images_with, remove_image
from local_aws.overlay.image_queries import own_image
from local_aws.overlay.locks import locked
from local_aws.overlay.recycle_bin import recycle
from local_aws.overlay.times import instant

DONE = {"Return": True}


class ImageRetirement(Overlay):
    def disable_image(self) -> ActionResult:
        """Disable an image and remove its launch permissions; `enable_image` does not restore them."""
        image = self._one()
        if image.state not in ("available", "disabled"):
            text = f"The image '{image.id}' is not in a state from which it can be disabled ({image.state})."
            raise error("IncorrectState", text)
        if image.state == "available":
            image.state = "disabled"
            image.launch_permissions.clear()
            announce_image(self.world, image)
        return ActionResult(DONE)

    def enable_image(self) -> ActionResult:
        """Enable an image; its event has state `available`, as for a new image."""
        image = self._one()
        if image.state not in ("available", "disabled"):
            text = f"The image '{image.id}' is not in a state from which it can be enabled ({image.state})."
            raise error("IncorrectState", text)
        if image.state == "disabled":
            image.state = "available"
            announce_image(self.world, image)
        return ActionResult(DONE)

    def enable_image_deprecation(self) -> ActionResult:
        image = self._one()
        at = instant(self.need("DeprecateAt"))
        at = (at + timedelta(seconds=30)).replace(second=0, microsecond=0)
        now = datetime.now(UTC)
        if at < now.replace(second=0, microsecond=0):
            raise bad_value("The deprecation time must not be in the past")
        if at > now + timedelta(days=3653):
            raise bad_value("The deprecation time must not be more than 10 years away")
        image.deprecation_time = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return ActionResult(DONE)

    def disable_image_deprecation(self) -> ActionResult:
        self._one().deprecation_time = None
        return ActionResult(DONE)

    def enable_image_deregistration_protection(self) -> ActionResult:
        image = self._one()
        cooldown = self._get_param("WithCooldown", False)
        image.deregistration_protection = PROTECTED_WITH_COOLDOWN if cooldown else PROTECTED
        return ActionResult({"Return": image.deregistration_protection})

    def disable_image_deregistration_protection(self) -> ActionResult:
        """Remove the protection. With a cooldown it lasts 24 more hours, and the answer says until when."""
        image = self._one()
        if image.deregistration_protection == PROTECTED_WITH_COOLDOWN:
            until = datetime.now(UTC) + timedelta(hours=24)
            image.deregistration_protection = f"disabled-after-{until:%Y-%m-%dT%H:%M:%SZ}"
        else:
            image.deregistration_protection = UNPROTECTED
        return ActionResult({"Return": image.deregistration_protection})

    def deregister_image(self) -> ActionResult:
        """Deregister an image and, if the call says so, delete its snapshots; those of other images are
        `skipped`."""
        image = self._one()
        if image.deregistration_protection != UNPROTECTED:
            text = f"The image '{image.id}' is protected from deregistration"
            raise error("OperationNotPermitted", text)
        recycle(image)
        remove_image(image)
        results = []
        if self._get_param("DeleteAssociatedSnapshots", False):
            for snapshot_id in dict.fromkeys(image.snapshot_ids):
                results.append({"SnapshotId": snapshot_id, "ReturnCode": self._let_go(snapshot_id)})
        image.state = "deregistered"
        announce_image(self.world, image)
        return ActionResult({**DONE, "DeleteSnapshotResults": results})

    def _let_go(self, snapshot_id: str) -> str:
        backend = self.ec2_backend
        if images_with(backend, snapshot_id):
            return "skipped"
        if locked(backend, snapshot_id):
            # EC2 documents no code for a locked snapshot; this one is documented for "a client configuration
            # error".
            return "client-error"
        if stays := self.world.faults.of_snapshot(self.region):
            return stays
        if backend.snapshots.pop(snapshot_id, None) is None:
            return "client-error"
        backend.tags.pop(snapshot_id, None)
        return "success"

    def _one(self) -> Image:
        image = own_image(self, self.need("ImageId"))
        self.error_on_dryrun()
        return image
