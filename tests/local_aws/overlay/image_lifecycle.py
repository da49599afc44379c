"""How an image goes on after the call that made it: available, failed, or gone before its time."""

from __future__ import annotations

from typing import Any

from local_aws.overlay.image import Image
from local_aws.overlay.region import kept
from local_aws.world import World


def images_with(backend: Any, snapshot_id: str) -> list[Image]:
    """The images that stand on a snapshot."""
    return list(kept(backend).standing.get(snapshot_id, {}).values())


def enter(image: Image) -> None:
    """The image is in its Region from now on; all its devices must be known."""
    backend = image.ec2_backend
    backend.amis[image.id] = image
    for snapshot_id in image.snapshot_ids:
        kept(backend).standing.setdefault(snapshot_id, {})[image.id] = image


def leave(image: Image) -> None:
    """The image is deregistered."""
    backend = image.ec2_backend
    del backend.amis[image.id]
    backend.deleted_amis.append(image.id)
    backend.tags.pop(image.id, None)
    for snapshot_id in dict.fromkeys(image.snapshot_ids):
        kept(backend).standing[snapshot_id].pop(image.id)


def tell_image(world: World, image: Image, message: str = "") -> None:
    """Journal an image's new state and send EC2's event for it; EC2 sends none for `pending`."""
    region = image.ec2_backend.region_name
    world.journal.add(
        "state", what="image", id=image.id, name=image.name, region=region, state=image.state, message=message
    )
    if image.state != "pending":
        world.pump.image(image, image.state, message)


def begin_image(world: World, image: Image, action: str) -> None:
    """Put a new image into its Region as pending; it ends later, as a fault or the clock decides."""
    backend = image.ec2_backend
    enter(image)
    tell_image(world, image)
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
                tell_image(world, image)

    world.clock.after(world.timing.image, "image", f"{image.id} is pending", end)


def fail_image(world: World, image: Image, code: str, message: str) -> None:
    image.state = "failed"
    image.state_reason = {"Code": code, "Message": message}
    _finish(image.ec2_backend, image, "error")
    tell_image(world, image, message)


def _finish(backend: Any, image: Image, state: str) -> None:
    for snapshot_id in image.snapshot_ids:
        snapshot = backend.snapshots.get(snapshot_id)
        if snapshot is not None:
            snapshot.status = state


def _inaccessible_key(image: Image) -> bool:
    """A key of another Region is accepted by the call and found out only later, as on AWS."""
    region = image.ec2_backend.region_name
    keys = [device.kms_key_id for device in image.devices if device.kms_key_id]
    return any(key.startswith("arn:") and key.split(":")[3] != region for key in keys)
