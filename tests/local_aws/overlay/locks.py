"""Snapshot locks: a locked snapshot cannot be deleted until the lock expires."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult

from local_aws.overlay import filters, paging
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_combination, bad_value, error, missing, snapshot_not_found
from local_aws.overlay.region import region_state
from local_aws.overlay.times import instant

GOVERNANCE, COMPLIANCE = "governance", "compliance"
COOLING, EXPIRED = "compliance-cooloff", "expired"
LONGEST_DAYS, LONGEST_COOLING = 36_500, 72


@dataclass(frozen=True)
class Lock:
    mode: str
    created: datetime
    started: datetime
    expires: datetime
    cooling_hours: int | None = None

    @property
    def cools_until(self) -> datetime | None:
        return None if self.cooling_hours is None else self.created + timedelta(hours=self.cooling_hours)

    @property
    def state(self) -> str:
        now = datetime.now(UTC)
        if self.expires <= now:
            return EXPIRED
        return COOLING if self.cools_until and now < self.cools_until else self.mode

    def older(self, by: timedelta) -> Lock:
        """The same lock, created that much earlier."""
        return replace(self, created=self.created - by, started=self.started - by, expires=self.expires - by)

    def wire(self, snapshot_id: str) -> dict[str, Any]:
        return {
            "SnapshotId": snapshot_id,
            "LockState": self.state,
            "LockDuration": max(1, round((self.expires - self.started) / timedelta(days=1))),
            "CoolOffPeriod": self.cooling_hours,
            "CoolOffPeriodExpiresOn": self.cools_until,
            "LockCreatedOn": self.created,
            "LockDurationStartTime": self.started,
            "LockExpiresOn": self.expires,
        }


def locked(backend: Any, snapshot_id: str) -> bool:
    lock = region_state(backend).locks.get(snapshot_id)
    return lock is not None and lock.state != EXPIRED


class Locks(Overlay):
    def lock_snapshot(self) -> ActionResult:
        """Lock a snapshot or change its lock. In compliance mode, after the cooling-off period, a lock can
        only be extended.

        The code of EC2 for a refusal is not documented.
        """
        snapshot_id = self._snapshot(self.need("SnapshotId"))
        before = region_state(self.ec2_backend).locks.get(snapshot_id)
        lock = self._wanted()
        if before is not None and before.state == COMPLIANCE:
            if lock.mode != COMPLIANCE or lock.cooling_hours is not None or lock.expires < before.expires:
                text = f"The compliance lock of {snapshot_id} can only be extended"
                raise error("OperationNotPermitted", text)
            lock = replace(before, expires=lock.expires)
        self.error_on_dryrun()
        region_state(self.ec2_backend).locks[snapshot_id] = lock
        return ActionResult(lock.wire(snapshot_id))

    def unlock_snapshot(self) -> ActionResult:
        """Remove a lock, except in compliance mode after the cooling-off period. The code for that is not
        documented."""
        snapshot_id = self._snapshot(self.need("SnapshotId"))
        locks = region_state(self.ec2_backend).locks
        if not locked(self.ec2_backend, snapshot_id):
            raise bad_value(f"The snapshot {snapshot_id} is not locked")
        if locks[snapshot_id].state == COMPLIANCE:
            raise error("OperationNotPermitted", f"The compliance lock of {snapshot_id} cannot be removed")
        self.error_on_dryrun()
        del locks[snapshot_id]
        return ActionResult({"SnapshotId": snapshot_id})

    def describe_locked_snapshots(self) -> ActionResult:
        """Describe locks, also expired ones. Snapshots without a lock are omitted."""
        backend = self.ec2_backend
        ids, size = self._get_param("SnapshotIds", []), self._get_param("MaxResults")
        if ids and size is not None:
            raise bad_combination("The parameter snapshotSet cannot be used with the parameter maxResults")
        self.error_on_dryrun()
        wanted = {self._snapshot(one) for one in ids}
        existing = [
            {"OwnerId": backend.snapshots[one].owner_id, **lock.wire(one)}
            for one, lock in region_state(backend).locks.items()
            if one in backend.snapshots and (not wanted or one in wanted)
        ]
        chosen = filters.select(
            self.filters(),
            existing,
            lambda one: {},
            lambda one, name: [one["LockState"]] if name == "lock-state" else None,
        )
        shown, token = paging.page(chosen, size, self._get_param("NextToken"), lambda one: one["SnapshotId"])
        return ActionResult({"Snapshots": shown, "NextToken": token})

    def _snapshot(self, snapshot_id: str) -> str:
        if snapshot_id not in self.ec2_backend.snapshots:
            raise snapshot_not_found(snapshot_id)
        return snapshot_id

    def _wanted(self) -> Lock:
        mode = self.need("LockMode")
        if mode not in (GOVERNANCE, COMPLIANCE):
            raise bad_value(f"Invalid lock mode: {mode}")
        cooling = self._get_param("CoolOffPeriod")
        if cooling is not None and mode == GOVERNANCE:
            raise bad_combination("A cool-off period goes with mode compliance only")
        if cooling is not None and not 1 <= int(cooling) <= LONGEST_COOLING:
            raise bad_value(f"The cool-off period must be between 1 and {LONGEST_COOLING} hours")
        now = datetime.now(UTC)
        return Lock(mode, now, now, self._end(now), None if cooling is None else int(cooling))

    def _end(self, now: datetime) -> datetime:
        days, at = self._get_param("LockDuration"), self._get_param("ExpirationDate")
        if days is not None and at is not None:
            raise bad_combination("Either LockDuration or ExpirationDate may be given, not both")
        if days is not None:
            if not 1 <= int(days) <= LONGEST_DAYS:
                raise bad_value(f"The lock duration must be between 1 and {LONGEST_DAYS} days")
            return now + timedelta(days=int(days))
        if at is None:
            raise missing("lockDuration")
        end = instant(at)
        if end <= now:
            raise bad_value("The expiration date must be in the future")
        return end
