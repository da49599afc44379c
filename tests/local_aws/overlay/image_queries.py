"""DescribeImages and the attributes of an image."""

from __future__ import annotations

from datetime import UTC, datetime

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses.amis import AmisResponse

from local_aws.overlay import fast_xml, filters, paging, tags
from local_aws.overlay.account import scan_results
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import (
    bad_combination,
    bad_value,
    error,
    image_malformed,
    image_not_found,
    image_unavailable,
)
from local_aws.overlay.image import Image, managed_by_aws, refuse_public, stamp


def own_image(overlay: Overlay, image_id: str) -> Image:
    """An image of the caller's account; EC2's error if it is deregistered, unknown or of another account."""
    backend = overlay.ec2_backend
    image: Image | None = backend.amis.get(image_id)
    if image is None:
        if not image_id.startswith("ami-"):
            raise image_malformed(image_id)
        if image_id in backend.deleted_amis:
            raise image_unavailable(image_id, "deregistered")
        raise image_not_found([image_id])
    if image.owner_id != overlay.current_account:
        raise error("AuthFailure", f"Not authorized for image:{image_id}")
    return image


class ImageQueries(Overlay):
    def describe_images(self) -> str:  # type: ignore[override]
        """Describe images. Disabled ones, and deprecated ones of other accounts, are included only if the
        call says so."""
        ids, size = self._get_param("ImageIds", []), self._get_param("MaxResults")
        if ids and size is not None:
            text = "The parameter imageIdsSet cannot be used with the parameter maxResults"
            raise bad_combination(text)
        self._refuse_unknown_filters()
        self.error_on_dryrun()
        images = self._named(ids) if ids else self._owned()
        if not self._get_param("IncludeDisabled", False):
            images = [image for image in images if image.state != "disabled"]
        if not ids and not self._get_param("IncludeDeprecated", False):
            now = stamp(datetime.now(UTC))
            images = [
                image
                for image in images
                if image.owner_id == self.current_account
                or image.deprecation_time is None
                or image.deprecation_time > now
            ]
        chosen = filters.select(
            self.filters(),
            images,
            lambda image: tags.of(image.ec2_backend, image.id),
            lambda image, name: image.filter_values(name),
        )
        shown, token = paging.page(
            chosen, size, self._get_param("NextToken"), lambda image: image.id, lowest=1
        )
        wired = [{**image.wire(), fast_xml.RAW: scan_results(image)} for image in shown]
        return fast_xml.answer("DescribeImages", {"Images": wired, "NextToken": token})

    def describe_image_attribute(self) -> ActionResult:
        image = own_image(self, self.need("ImageId"))
        attribute = self.need("Attribute")
        if attribute == "launchPermission":
            return ActionResult({"ImageId": image.id, "LaunchPermissions": image.launch_permissions})
        known = {
            "description": ("Description", image.description),
            "bootMode": ("BootMode", image.boot_mode),
            "imdsSupport": ("ImdsSupport", image.imds_support),
            "lastLaunchedTime": ("LastLaunchedTime", image.last_launched_time),
            "deregistrationProtection": ("DeregistrationProtection", image.deregistration_protection),
            "sriovNetSupport": ("SriovNetSupport", "simple"),
        }
        if attribute not in known:
            raise bad_value(f"Value ({attribute}) for parameter attribute is invalid. Unknown attribute.")
        name, value = known[attribute]
        return ActionResult({"ImageId": image.id, name: {"Value": value}})

    def modify_image_attribute(self) -> ActionResult:
        """Change launch permissions by moto, or the description or IMDS support here."""
        image = own_image(self, self.need("ImageId"))
        description = self._get_param("Description.Value")
        imds = self._get_param("ImdsSupport.Value")
        if description is None and imds is None:
            if image.state != "available":
                raise image_unavailable(image.id, image.state)
            if self._get_param("LaunchPermission.Add") and any(
                managed_by_aws(device.kms_key_id) for device in image.devices
            ):
                text = "Snapshots encrypted with the AWS Managed CMK can't be shared"
                raise error("InvalidParameter", text)
            if any("all" in one.values() for one in self._get_param("LaunchPermission.Add", [])):
                refuse_public(image)
            return AmisResponse.modify_image_attribute(self)  # type: ignore[arg-type]
        self.error_on_dryrun()
        if description is not None:
            image.description = description
        if imds is not None:
            if imds != "v2.0":
                raise bad_value(f"Value ({imds}) for parameter imdsSupport is invalid")
            image.imds_support = imds
        return EmptyResult()

    def reset_image_attribute(self) -> ActionResult:  # type: ignore[override]
        image = own_image(self, self.need("ImageId"))
        self.error_on_dryrun()
        image.launch_permissions.clear()
        return EmptyResult()

    def _refuse_unknown_filters(self) -> None:
        """A Region that does not know watermarks does not know a filter for them."""
        names = [str(one.get("Name")) for one in self.filters()]
        unknown = [name for name in names if name.startswith("image-watermark.")]
        if unknown and self.region in self.world.without_watermarks:
            raise bad_value(f"The filter '{unknown[0]}' is invalid")

    def _named(self, ids: list[str]) -> list[Image]:
        known = self.ec2_backend.amis
        for image_id in ids:
            if not image_id.startswith("ami-"):
                raise image_malformed(image_id)
        hidden = [
            image_id
            for image_id in ids
            if image_id not in known or not known[image_id].visible_to(self.current_account)
        ]
        if hidden:
            raise image_not_found(hidden)
        return [known[image_id] for image_id in dict.fromkeys(ids)]

    def _owned(self) -> list[Image]:
        owners = [self.current_account if o == "self" else o for o in self._get_param("Owners", [])]
        users = [self.current_account if u == "self" else u for u in self._get_param("ExecutableUsers", [])]
        images = [image for image in self.ec2_backend.amis.values() if image.visible_to(self.current_account)]
        if owners:
            images = [image for image in images if image.owner_id in owners or image.owner_alias in owners]
        if users:
            images = [
                image
                for image in images
                if (image.is_public and "all" in users)
                or any({"UserId": user} in image.launch_permissions for user in users)
            ]
        return images
