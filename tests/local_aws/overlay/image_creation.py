"""CreateImage, CopyImage and RegisterImage."""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.utils import random_ami_id

from local_aws.overlay import tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import (
    bad_value,
    error,
    image_not_found,
    image_unavailable,
    instance_not_found,
)
from local_aws.overlay.image import Device, Image, add_snapshot
from local_aws.overlay.image_lifecycle import create_pending_image
from local_aws.overlay.region import region_state

NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
CAN_BE_IMAGED = ("running", "stopping", "stopped")


class ImageCreation(Overlay):
    def create_image(self) -> ActionResult:
        """Create a pending image with one snapshot for each attached EBS volume; its name must be unique."""
        backend = self.ec2_backend
        instance_id, name = self.need("InstanceId"), self._checked_name()
        wanted = tags.specified(self._get_param("TagSpecifications", []), ("image", "snapshot"))
        instance = backend.get_instance_by_id(instance_id)
        if instance is None:
            raise instance_not_found([instance_id])
        if instance.state not in CAN_BE_IMAGED:
            raise bad_value("Instance is not in state 'running' or 'stopping' or 'stopped'")
        self._refuse_duplicate(name)
        self.error_on_dryrun()
        source = backend.amis.get(instance.image_id)
        image = Image(
            backend,
            random_ami_id(),
            name,
            self.current_account,
            architecture=instance.architecture,
            description=self._get_param("Description"),
            root_device_name=instance.root_device_name,
            source_instance_id=instance.id,
            source_image_id=instance.image_id,
            source_image_region=self.region,
            boot_mode=source.boot_mode if source else None,
            platform=instance.platform,
            generalised=self.world.instance_lifecycle.is_generalised(instance),
            serial_port=source.serial_port if source else True,
            packages=self.world.instance_lifecycle.packages(instance),
            watermarks=list(source.watermarks) if source else [],
        )
        image.devices = self._snapshot_volumes(instance, image, wanted["snapshot"])
        tags.put(backend, image.id, wanted["image"])
        create_pending_image(self.world, image, "CreateImage")
        return ActionResult({"ImageId": image.id})

    def copy_image(self) -> ActionResult:
        """Copy an image. Only the client token makes it idempotent; names of copies may repeat."""
        backend = self.ec2_backend
        token = self._get_param("ClientToken")
        made = self.replayed("CopyImage", token)
        if made is not None:
            return ActionResult({"ImageId": made})
        name = self._checked_name()
        wanted = tags.specified(self._get_param("TagSpecifications", []), ("image", "snapshot"))
        encrypt, key = bool(self._get_param("Encrypted", False)), self._get_param("KmsKeyId")
        if key and not encrypt:
            text = "The parameter KmsKeyId requires the parameter Encrypted to be set."
            raise error("InvalidParameterDependency", text)
        source = self._copy_source()
        self.error_on_dryrun()
        image = Image(
            backend,
            random_ami_id(),
            name,
            self.current_account,
            architecture=source.architecture,
            description=self._get_param("Description"),
            root_device_name=source.root_device_name,
            source_image_id=source.id,
            source_image_region=source.ec2_backend.region_name,
            boot_mode=source.boot_mode,
            platform=source.platform,
            generalised=source.generalised,
            serial_port=source.serial_port,
            packages=dict(source.packages),
            imds_support=source.imds_support,
            watermarks=list(source.watermarks),
            deprecation_time=None if encrypt else source.deprecation_time,
        )
        image.devices = [
            self._copied_device(device, image, source, encrypt, key, wanted["snapshot"])
            for device in source.devices
        ]
        copied = tags.of(source.ec2_backend, source.id) if self._get_param("CopyImageTags", False) else {}
        own = {name: value for name, value in copied.items() if not name.startswith("aws:")}
        tags.put(backend, image.id, {**own, **wanted["image"]})
        self.remember("CopyImage", token, image.id)
        create_pending_image(self.world, image, "CopyImage")
        return ActionResult({"ImageId": image.id})

    def register_image(self) -> ActionResult:
        backend = self.ec2_backend
        name = self._checked_name()
        wanted = tags.specified(self._get_param("TagSpecifications", []), ("image", "snapshot"))
        self._refuse_duplicate(name)
        devices = []
        for mapping in self._get_param("BlockDeviceMappings", []):
            snapshot_id = mapping.get("Ebs", {}).get("SnapshotId")
            if snapshot_id not in backend.snapshots:
                raise error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
            size = mapping["Ebs"].get("VolumeSize") or backend.snapshots[snapshot_id].volume.size
            devices.append(Device(mapping["DeviceName"], snapshot_id, int(size)))
        self.error_on_dryrun()
        image = Image(
            backend,
            random_ami_id(),
            name,
            self.current_account,
            architecture=self._get_param("Architecture", "i386"),
            description=self._get_param("Description"),
            devices=devices,
            root_device_name=self._get_param("RootDeviceName", "/dev/xvda"),
        )
        tags.put(backend, image.id, wanted["image"])
        create_pending_image(self.world, image, "RegisterImage")
        return ActionResult({"ImageId": image.id})

    def _checked_name(self) -> str:
        name = str(self.need("Name"))
        if not NAME.fullmatch(name):
            text = (
                "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
                "'(', ')', '.', '-', '/' and '_'"
            )
            raise error("InvalidAMIName.Malformed", text)
        return name

    def _refuse_duplicate(self, name: str) -> None:
        for image in self.ec2_backend.amis.values():
            if image.name == name and image.owner_id == self.current_account:
                text = f"AMI name {name} is already in use by AMI {image.id}"
                raise error("InvalidAMIName.Duplicate", text)

    def _copy_source(self) -> Image:
        image_id, region = self.need("SourceImageId"), self.need("SourceRegion")
        try:
            images = ec2_backends[self.current_account][region].amis
        except KeyError:
            raise bad_value(f"Invalid region name: {region}") from None
        image: Image | None = images.get(image_id)
        if image is None or not image.visible_to(self.current_account):
            raise image_not_found([image_id])
        if image.state != "available":
            raise image_unavailable(image_id, image.state)
        return image

    def _snapshot_volumes(self, instance: Any, image: Image, wanted: dict[str, str]) -> list[Device]:
        backend = self.ec2_backend
        changes = {entry["DeviceName"]: entry for entry in self._get_param("BlockDeviceMappings", [])}
        devices = []
        for name, block in instance.get_block_device_mapping:
            change = changes.get(name, {})
            if "NoDevice" in change:
                continue
            volume = backend.volumes[block.volume_id]
            snapshot = add_snapshot(
                backend,
                volume.size,
                f"Created by CreateImage({instance.id}) for {image.id}",
                volume_id=volume.id,
                encrypted=volume.encrypted,
                kms_key_id=volume.kms_key_id,
            )
            tags.put(backend, snapshot.id, wanted)
            delete = change.get("Ebs", {}).get("DeleteOnTermination", block.delete_on_termination)
            devices.append(
                Device(
                    name,
                    snapshot.id,
                    volume.size,
                    volume.volume_type,
                    volume.encrypted,
                    volume.kms_key_id,
                    bool(delete),
                )
            )
        return devices

    def _copied_device(
        self,
        device: Device,
        image: Image,
        source: Image,
        encrypt: bool,
        key: str | None,
        wanted: dict[str, str],
    ) -> Device:
        backend = self.ec2_backend
        encrypted = encrypt or device.encrypted
        if encrypted and not key:
            key = f"arn:aws:kms:{self.region}:{self.current_account}:alias/aws/ebs"
        text = f"Copied for DestinationAmi {image.id} from SourceAmi {source.id}"
        snapshot = add_snapshot(
            backend,
            device.size,
            f"{text} for SourceSnapshot {device.snapshot_id}. Task created.",
            encrypted=encrypted,
            kms_key_id=key if encrypted else None,
        )
        tags.put(backend, snapshot.id, wanted)
        full = region_state(source.ec2_backend).full_bytes.get(device.snapshot_id)
        if full is not None:
            region_state(backend).full_bytes[snapshot.id] = full
        return Device(
            device.name,
            snapshot.id,
            device.size,
            device.volume_type,
            encrypted,
            key if encrypted else None,
            device.delete_on_termination,
        )
