"""Moves the local AWS's time forward: everything in EC2 becomes older, and what expires in that time is
removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.ec2.models import ec2_backends

from local_aws.overlay import tags
from local_aws.overlay.image import UNPROTECTED, Image
from local_aws.overlay.region import region_state
from local_aws.overlay.times import earlier, instant
from local_aws.seals import Seals, asked_again, older, older_description, plain
from local_aws.settings import ACCOUNT

COOLING = "disabled-after-"
OURS, NO_TIME = "kiln:", ("kiln:version",)


def pass_days(days: float) -> None:
    """Let days pass in every Region. The caller holds `World.lock`; no events are sent, as on AWS."""
    by, seals = timedelta(days=days), Seals.of_the_stack()
    for backend in list(ec2_backends[ACCOUNT].values()):
        for image in backend.amis.values():
            _image(image, by)
            _anchor(backend, seals, image, by)
        for snapshot in backend.snapshots.values():
            snapshot.start_time -= by
        for reservation in backend.reservations.values():
            for instance in reservation.instances:
                instance.launch_time -= by
                _tags(backend, seals, instance.id, by)
        for one in (*backend.amis, *backend.snapshots):
            _tags(backend, seals, one, by)
        for volume in backend.volumes.values():
            volume.create_time -= by
        for template in backend.launch_templates.values():
            template.create_time -= by
            for version in template.versions:
                version.create_time -= by
        _kept(backend, by)


def _image(image: Image, by: timedelta) -> None:
    image.created -= by
    image.deprecation_time = image.deprecation_time and earlier(image.deprecation_time, by)
    image.last_launched_time = image.last_launched_time and earlier(image.last_launched_time, by)
    protection = image.deregistration_protection
    if protection.startswith(COOLING):
        until = earlier(protection.removeprefix(COOLING), by)
        over = instant(until) <= datetime.now(UTC)
        image.deregistration_protection = UNPROTECTED if over else COOLING + until


def _anchor(backend: Any, seals: Seals | None, image: Image, by: timedelta) -> None:
    """Move the times of what no tag can take back, and with them the seal that is bound to one of them."""
    before, region, own = image.description, backend.region_name, tags.of(backend, image.id)
    image.description = older_description(seals, region, image.id, before, by)
    asked = asked_again(before)
    if seals and asked and own.get("kiln:seal") == seals.record(region, image.id, own, asked):
        own["kiln:seal"] = seals.record(region, image.id, own, asked_again(image.description))


def _tags(backend: Any, seals: Seals | None, resource_id: str, by: timedelta) -> None:
    """Move the times in Kiln's tags, from which Kiln computes how long something has waited."""
    own = tags.of(backend, resource_id)
    moved = dict(own)
    for key, value in own.items():
        if key.startswith(OURS) and key not in NO_TIME:
            time = plain(value)
            moved[key] = earlier(time, by) + value[len(time) :]
    own.update(older(seals, backend.region_name, resource_id, dict(own), moved))


def _kept(backend: Any, by: timedelta) -> None:
    now, here = datetime.now(UTC), region_state(backend)
    for report in here.reports.values():
        report.created -= by
    for one in [one for one, report in here.reports.items() if report.expires <= now]:
        del here.reports[one]
        backend.tags.pop(one, None)
    for use in here.external_uses:
        use.since -= by
    for entry in here.recycle_bin.values():
        entry["RecycleBinEnterTime"] -= by
        entry["RecycleBinExitTime"] -= by
    for one in [one for one, entry in here.recycle_bin.items() if entry["RecycleBinExitTime"] <= now]:
        del here.recycle_bin[one]
    here.locks = {one: lock.older(by) for one, lock in here.locks.items()}
    for request in here.spot_requests.values():
        request.created -= by
        request.valid_from = request.valid_from and request.valid_from - by
        request.valid_until = request.valid_until and request.valid_until - by
