"""DescribeSnapshots and DeleteSnapshot."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.elastic_block_store import Snapshot

from local_aws.overlay import fast_xml, filters, paging, tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_combination, error, snapshot_not_found
from local_aws.overlay.image_lifecycle import images_with
from local_aws.overlay.locks import locked
from local_aws.overlay.region import region_state

GIB = 1024**3


def filter_values(snapshot: Snapshot, name: str) -> list[str] | None:
    single: dict[str, Any] = {
        "snapshot-id": snapshot.id,
        "description": snapshot.description,
        "volume-id": snapshot.volume.id,
        "volume-size": snapshot.volume.size,
        "status": snapshot.status,
        "owner-id": snapshot.owner_id,
        "encrypted": str(snapshot.encrypted).lower(),
        "start-time": snapshot.start_time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "storage-tier": snapshot.storage_tier,
    }
    if name not in single:
        return None
    return [] if single[name] is None else [str(single[name])]


def described(snapshot: Snapshot) -> dict[str, Any]:
    done = snapshot.status == "completed"
    return {
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume.id,
        "VolumeSize": snapshot.volume.size,
        "FullSnapshotSizeInBytes": _full_bytes(snapshot) if done else None,
        "State": snapshot.status,
        "Progress": "100%" if done else "0%",
        "StartTime": snapshot.start_time,
        "OwnerId": snapshot.owner_id,
        "Description": snapshot.description,
        "Encrypted": snapshot.encrypted,
        "KmsKeyId": snapshot.kms_key_id,
        "StorageTier": snapshot.storage_tier,
        "Tags": tags.wire(snapshot.ec2_backend, snapshot.id),
    }


def _full_bytes(snapshot: Snapshot) -> int:
    """The seeded size, or else the size of the volume, as if every block had been written."""
    usual = (snapshot.volume.size or 0) * GIB
    return region_state(snapshot.ec2_backend).full_bytes.get(snapshot.id, usual)


class Snapshots(Overlay):
    def modify_snapshot_attribute(self) -> ActionResult:
        """Change who may create volumes of a snapshot, in both forms of the call: OperationType, or Add and
        Remove."""
        snapshot = self.need("SnapshotId")
        changes = self._get_param("CreateVolumePermission", {})
        operation = self._get_param("OperationType")
        if operation:
            users = [{"UserId": one} for one in self._get_param("UserIds", [])]
            groups = [{"Group": one} for one in self._get_param("GroupNames", [])]
            changes = {operation.capitalize(): users + groups}
        self.error_on_dryrun()
        for kind, change in (
            ("Add", self.ec2_backend.add_create_volume_permission),
            ("Remove", self.ec2_backend.remove_create_volume_permission),
        ):
            entries = changes.get(kind, [])
            users = [entry["UserId"] for entry in entries if entry.get("UserId")]
            groups = [entry["Group"] for entry in entries if entry.get("Group")]
            if users or groups:
                change(snapshot, user_ids=users, groups=groups)
        return EmptyResult()

    def describe_snapshots(self) -> str:  # type: ignore[override]
        backend = self.ec2_backend
        ids, size = self._get_param("SnapshotIds", []), self._get_param("MaxResults")
        if ids and size is not None:
            raise bad_combination("The parameter snapshotSet cannot be used with the parameter maxResults")
        self.error_on_dryrun()
        for snapshot_id in ids:
            if snapshot_id not in backend.snapshots:
                raise snapshot_not_found(snapshot_id)
        owners = [self.current_account if o == "self" else o for o in self._get_param("OwnerIds", [])]
        found = [backend.snapshots[key] for key in ids] if ids else list(backend.snapshots.values())
        if owners:
            found = [snapshot for snapshot in found if snapshot.owner_id in owners]
        found = filters.select(self.filters(), found, lambda one: tags.of(backend, one.id), filter_values)
        shown, token = paging.page(found, size, self._get_param("NextToken"), lambda one: one.id)
        wired = [described(snapshot) for snapshot in shown]
        return fast_xml.answer("DescribeSnapshots", {"Snapshots": wired, "NextToken": token})

    def delete_snapshot(self) -> ActionResult:
        """Delete a snapshot. It is an error while an image uses it, even a disabled one, and while it is
        locked."""
        backend = self.ec2_backend
        snapshot_id = self.need("SnapshotId")
        if snapshot_id not in backend.snapshots:
            raise snapshot_not_found(snapshot_id)
        users = images_with(backend, snapshot_id)
        if users:
            text = f"The snapshot {snapshot_id} is currently in use by {users[0].id}"
            raise error("InvalidSnapshot.InUse", text)
        if locked(backend, snapshot_id):
            # AWS documents the refusal, but not its code.
            raise error("OperationNotPermitted", f"The snapshot {snapshot_id} is locked")
        self.error_on_dryrun()
        del backend.snapshots[snapshot_id]
        backend.tags.pop(snapshot_id, None)
        return EmptyResult()
