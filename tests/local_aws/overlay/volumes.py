"""DescribeVolumes with pages and EC2's filters, and DeleteVolume."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.elastic_block_store import Volume

from local_aws.overlay import fast_xml, filters, paging, tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_combination, volume_not_found
from local_aws.overlay.image import stamp
from local_aws.overlay.region import region_state

STATES = ("creating", "available", "in-use", "deleting", "deleted", "error")


def state_of(volume: Volume) -> str:
    """The state: `in-use` if attached, else the one that a test has set, else `available`."""
    if volume.attachment is not None:
        return "in-use"
    return region_state(volume.ec2_backend).volume_states.get(volume.id, "available")


def filter_values(volume: Volume, name: str) -> list[str] | None:
    single: dict[str, Any] = {
        "volume-id": volume.id,
        "snapshot-id": volume.snapshot_id or None,
        "status": state_of(volume),
        "size": volume.size,
        "volume-type": volume.volume_type,
        "encrypted": str(bool(volume.encrypted)).lower(),
        "availability-zone": volume.availability_zone,
        "create-time": stamp(volume.create_time),
    }
    if name in single:
        return [] if single[name] is None else [str(single[name])]
    attached = {
        "attachment.instance-id": "InstanceId",
        "attachment.device": "Device",
        "attachment.status": "State",
        "attachment.delete-on-termination": "DeleteOnTermination",
    }
    if name in attached:
        found = [one[attached[name]] for one in _attachments(volume)]
        return [str(one).lower() if isinstance(one, bool) else one for one in found]
    return None


class Volumes(Overlay):
    def describe_volumes(self) -> str:  # type: ignore[override]
        backend = self.ec2_backend
        ids, size = self._get_param("VolumeIds", []), self._get_param("MaxResults")
        if ids and size is not None:
            raise bad_combination("The parameter volumeSet cannot be used with the parameter maxResults")
        self.error_on_dryrun()
        for one in ids:
            if one not in backend.volumes:
                raise volume_not_found(one)
        found = (
            [backend.volumes[one] for one in dict.fromkeys(ids)] if ids else list(backend.volumes.values())
        )
        found = filters.select(self.filters(), found, lambda one: tags.of(backend, one.id), filter_values)
        shown, token = paging.page(found, size, self._get_param("NextToken"), lambda one: one.id)
        wired = [_wire(volume) for volume in shown]
        return fast_xml.answer("DescribeVolumes", {"Volumes": wired, "NextToken": token})

    def delete_volume(self) -> ActionResult:
        """Delete a volume at once. Whether EC2 deletes one in state `creating` is not documented."""
        volume_id = self.need("VolumeId")
        self.error_on_dryrun()
        self.ec2_backend.delete_volume(volume_id)
        region_state(self.ec2_backend).volume_states.pop(volume_id, None)
        return EmptyResult()


def _attachments(volume: Volume) -> list[dict[str, Any]]:
    if volume.attachment is None:
        return []
    attached = volume.attachment
    block = attached.instance.block_device_mapping.get(attached.device)
    return [
        {
            "VolumeId": volume.id,
            "InstanceId": attached.instance.id,
            "Device": attached.device,
            "State": attached.status,
            "AttachTime": attached.attach_time,
            "DeleteOnTermination": bool(block and block.delete_on_termination),
        }
    ]


def _wire(volume: Volume) -> dict[str, Any]:
    return {
        "VolumeId": volume.id,
        "VolumeType": volume.volume_type,
        "Size": volume.size,
        "SnapshotId": volume.snapshot_id or "",
        "AvailabilityZone": volume.availability_zone,
        "State": state_of(volume),
        "CreateTime": volume.create_time,
        "Encrypted": bool(volume.encrypted),
        "KmsKeyId": volume.kms_key_id,
        "Iops": volume.iops,
        "Throughput": volume.throughput,
        "MultiAttachEnabled": bool(volume.multi_attach_enabled),
        "Attachments": _attachments(volume),
        "Tags": tags.wire(volume.ec2_backend, volume.id),
    }
