"""The image and its block devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.utils import random_snapshot_id

from local_aws.overlay import tags
from local_aws.overlay.errors import error
from local_aws.overlay.packages import OF_PUBLIC_IMAGES, Packages

PROTECTED = "enabled-without-cooldown"
PROTECTED_WITH_COOLDOWN = "enabled-with-cooldown"
UNPROTECTED = "disabled"


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def moment(text: str) -> datetime:
    """Parse a time to UTC without a time zone, as moto keeps times."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


@dataclass
class Device:
    """One entry of an image's block device mapping."""

    name: str
    snapshot_id: str
    size: int
    volume_type: str = "gp3"
    encrypted: bool = False
    kms_key_id: str | None = None
    delete_on_termination: bool = True

    def wire(self) -> dict[str, Any]:
        ebs: dict[str, Any] = {
            "SnapshotId": self.snapshot_id,
            "VolumeSize": self.size,
            "VolumeType": self.volume_type,
            "Encrypted": self.encrypted,
            "DeleteOnTermination": self.delete_on_termination,
        }
        return {"DeviceName": self.name, "Ebs": ebs}


@dataclass(eq=False)
class Image(TaggedEC2Resource):
    """Replaces moto's Ami, which always has one snapshot of 15 GB and is available at once.

    moto's own code reads some attributes of images (architecture, platform, kernel_id, ...), so these have
    moto's names.
    """

    ec2_backend: Any
    id: str
    name: str
    owner_id: str
    architecture: str = "x86_64"
    state: str = "pending"
    description: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    devices: list[Device] = field(default_factory=list)
    root_device_name: str = "/dev/xvda"
    source_instance_id: str | None = None
    source_image_id: str | None = None
    source_image_region: str | None = None
    deprecation_time: str | None = None
    deregistration_protection: str = UNPROTECTED
    last_launched_time: str | None = None
    state_reason: dict[str, str] | None = None
    launch_permissions: list[dict[str, str]] = field(default_factory=list)
    boot_mode: str | None = None
    imds_support: str | None = None
    watermarks: list[dict[str, str]] = field(default_factory=list)
    owner_alias: str | None = None
    public_parameter: str | None = None
    platform: str | None = None
    generalised: bool = True
    """Whether Windows runs user data on what is launched from it."""
    serial_port: bool = True
    """Whether EC2 shows what its instances write to their first serial port."""
    packages: Packages = field(default_factory=lambda: dict(OF_PUBLIC_IMAGES))
    virtualization_type: str = "hvm"
    kernel_id: str | None = None
    scanned: str | None = None
    findings: list[dict[str, Any]] = field(default_factory=list)
    product_codes: list[str] = field(default_factory=list)

    @property
    def arn(self) -> str:
        return f"arn:aws:ec2:{self.ec2_backend.region_name}::image/{self.id}"

    @property
    def is_public(self) -> bool:
        return {"Group": "all"} in self.launch_permissions

    @property
    def snapshot_ids(self) -> list[str]:
        return [device.snapshot_id for device in self.devices]

    def mappings(self) -> list[dict[str, Any]]:
        """The block device mappings that moto needs to launch an instance of this image."""
        return [
            {
                "DeviceName": device.name,
                "Ebs": {
                    "SnapshotId": device.snapshot_id,
                    "VolumeSize": device.size,
                    "DeleteOnTermination": True,
                    "VolumeType": device.volume_type,
                },
            }
            for device in self.devices
        ]

    def visible_to(self, account: str) -> bool:
        return self.owner_id == account or self.is_public or {"UserId": account} in self.launch_permissions

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """moto's own lookups by `image-id`."""
        if filter_name == "image-id":
            return self.id
        return super().get_filter_value(filter_name, method_name)

    def filter_values(self, name: str) -> list[str] | None:
        """The values that DescribeImages compares with a filter, or None for a filter it does not have."""
        single: dict[str, Any] = {
            "image-id": self.id,
            "name": self.name,
            "state": self.state,
            "owner-id": self.owner_id,
            "owner-alias": self.owner_alias,
            "architecture": self.architecture,
            "description": self.description,
            "creation-date": stamp(self.created),
            "is-public": str(self.is_public).lower(),
            "source-instance-id": self.source_instance_id,
            "source-image-id": self.source_image_id,
            "source-image-region": self.source_image_region,
            "root-device-name": self.root_device_name,
            "root-device-type": "ebs",
            "virtualization-type": self.virtualization_type,
            "hypervisor": "xen",
            "image-type": "machine",
            "platform": self.platform,
            "ena-support": "true",
            "image-allowed": "true",
            "public-ssm-parameter-name": self.public_parameter,
            "state-reason-code": (self.state_reason or {}).get("Code"),
        }
        if name in single:
            return [] if single[name] is None else [single[name]]
        several = {
            "block-device-mapping.snapshot-id": self.snapshot_ids,
            "block-device-mapping.device-name": [device.name for device in self.devices],
            "block-device-mapping.volume-size": [str(device.size) for device in self.devices],
            "block-device-mapping.volume-type": [device.volume_type for device in self.devices],
            "image-watermark.watermark-key": [one["WatermarkKey"] for one in self.watermarks],
            "block-device-mapping.encrypted": [str(device.encrypted).lower() for device in self.devices],
        }
        return several.get(name)

    def wire(self) -> dict[str, Any]:
        """The image in an answer of DescribeImages. Members that are None are omitted."""
        return {
            "ImageId": self.id,
            "Name": self.name,
            "Description": self.description,
            "ImageLocation": f"{self.owner_id}/{self.name}",
            "ImageType": "machine",
            "State": self.state,
            "StateReason": self.state_reason,
            "OwnerId": self.owner_id,
            "ImageOwnerAlias": self.owner_alias,
            "CreationDate": self.created,
            "Public": self.is_public,
            "Architecture": self.architecture,
            "Platform": self.platform,
            "PlatformDetails": "Windows" if self.platform else "Linux/UNIX",
            "UsageOperation": "RunInstances",
            "BlockDeviceMappings": [device.wire() for device in self.devices],
            "EnaSupport": True,
            "Hypervisor": "xen",
            "RootDeviceName": self.root_device_name,
            "RootDeviceType": "ebs",
            "SriovNetSupport": "simple",
            "Tags": tags.wire(self.ec2_backend, self.id),
            "VirtualizationType": self.virtualization_type,
            "BootMode": self.boot_mode,
            "ImdsSupport": self.imds_support,
            "ImageWatermarks": self.watermarks,
            "DeprecationTime": self.deprecation_time,
            "SourceInstanceId": self.source_instance_id,
            "SourceImageId": self.source_image_id,
            "SourceImageRegion": self.source_image_region,
            "DeregistrationProtection": self.deregistration_protection,
            "LastLaunchedTime": self.last_launched_time,
            "ImageAllowed": True,
            "PublicSsmParameterName": self.public_parameter,
            "ProductCodes": [
                {"ProductCodeId": code, "ProductCodeType": "marketplace"} for code in self.product_codes
            ],
        }


def refuse_public(image: Image) -> None:
    """An image with a watermark cannot be made public. The code is a guess: EC2 documents none."""
    if image.watermarks:
        raise error(
            "OperationNotPermitted", f"The image '{image.id}' has watermarks and cannot be made public"
        )


def managed_by_aws(key: str | None) -> bool:
    """Whether AWS manages a KMS key: nobody else can use what such a key encrypts."""
    return bool(key) and str(key).endswith("alias/aws/ebs")


def add_snapshot(
    backend: Any,
    size: int,
    description: str,
    *,
    volume_id: str = "vol-ffffffff",
    owner: str | None = None,
    encrypted: bool = False,
    kms_key_id: str | None = None,
    state: str = "pending",
) -> Snapshot:
    """Add a snapshot to the Region. A copied one has an arbitrary volume id, as on AWS."""
    snapshot = Snapshot(
        backend,
        random_snapshot_id(),
        volume=SimpleNamespace(id=volume_id, size=size),
        description=description,
        encrypted=encrypted,
        kms_key_id=kms_key_id,
        owner_id=owner,
    )
    snapshot.status = state
    backend.snapshots[snapshot.id] = snapshot
    return snapshot
