"""The states of an image after the call that created it: pending, available or failed, and deregistered."""

from __future__ import annotations

from typing import Any

from local_aws.overlay.image import Image
from local_aws.overlay.region import region_state
from local_aws.world import World


def images_with(backend: Any, snapshot_id: str) -> list[Image]:
    """The images that use a snapshot."""
    return list(region_state(backend).images_by_snapshot.get(snapshot_id, {}).values())


def add_image(image: Image) -> None:
    """Add an image to its Region. All its devices must be set before."""
    backend = image.ec2_backend
    backend.amis[image.id] = image
    for snapshot_id in image.snapshot_ids:
        region_state(backend).images_by_snapshot.setdefault(snapshot_id, {})[image.id] = image


def remove_image(image: Image) -> None:
    """Remove a deregistered image from its Region."""
    backend = image.ec2_backend
    del backend.amis[image.id]
    backend.deleted_amis.append(image.id)
    backend.tags.pop(image.id, None)
    for snapshot_id in dict.fromkeys(image.snapshot_ids):
        region_state(backend).images_by_snapshot[snapshot_id].pop(image.id)


def announce_image(world: World, image: Image, message: str = "") -> None:
    """Journal the new state of an image and send EC2's event; there is none for `pending`."""
    region = image.ec2_backend.region_name
    world.journal.add(
        "state", what="image", id=image.id, name=image.name, region=region, state=image.state, message=message
    )
    if image.state != "pending":
        world.ec2_events.image(image, image.state, message)


def create_pending_image(world: World, image: Image, action: str) -> None:
    """Add a pending image to its Region. It becomes available later, or failed by a fault or a key it cannot
    use."""
    backend = image.ec2_backend
    add_image(image)
    announce_image(world, image)
    fault = world.faults.of_image(action, backend.region_name)

    def end() -> None:
        with world.lock:
            if backend.amis.get(image.id) is not image or image.state != "pending":
                return
            if fault is None and _inaccessible_key(image):
                fail_image(world, image, "Client.InternalError", "Given key ID is not accessible")
            elif fault is not None:
                fail_image(world, image, "Client.InternalError", fault)
            else:
                _finish(backend, image, "completed")
                image.state = "available"
                announce_image(world, image)

    world.clock.after(world.timing.image, "image", f"{image.id} is pending", end)


def fail_image(world: World, image: Image, code: str, message: str) -> None:
    image.state = "failed"
    image.state_reason = {"Code": code, "Message": message}
    _finish(image.ec2_backend, image, "error")
    announce_image(world, image, message)


def _finish(backend: Any, image: Image, state: str) -> None:
    for snapshot_id in image.snapshot_ids:
        snapshot = backend.snapshots.get(snapshot_id)
        if snapshot is not None:
            snapshot.status = state


def _inaccessible_key(image: Image) -> bool:
    """Whether a key is in another Region. The call accepts it, and the image fails later, as on AWS."""
    region = image.ec2_backend.region_name
    keys = [device.kms_key_id for device in image.devices if device.kms_key_id]
    return any(key.startswith("arn:") and key.split(":")[3] != region for key in keys)
