"""The states of an instance, from pending to terminated, and its user data."""

from __future__ import annotations

import base64
import itertools
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.instances import Instance, StateReason

from local_aws.lifecycle import Spawner
from local_aws.overlay.image_lifecycle import fail_image
from local_aws.overlay.packages import Packages
from local_aws.overlay.userdata_sandbox import Sandbox
from local_aws.overlay.windows_guest import WindowsGuest
from local_aws.world import World

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
BY_USER = ("Client.UserInitiatedShutdown", "User initiated shutdown")
BY_ITSELF = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")


@dataclass
class _Record:
    """What moto does not keep of an instance. A timer whose `epoch` is not the current one is ignored."""

    epoch: int = 0
    booted: bool = False
    sandbox: Sandbox | WindowsGuest | None = None
    generalised: bool = False
    activity: int | None = None
    printed: float = 0.0


class InstanceLifecycle:
    """Callers hold `world.lock`. Callbacks of user data take it themselves."""

    def __init__(self, world: World, spawner: Spawner) -> None:
        self._world = world
        self._spawner = spawner
        self._records: dict[str, _Record] = {}
        self._runs = itertools.count(1)

    def launch(self, instance: Instance) -> None:
        self._records[instance.id] = _Record()
        self._power_on(instance)

    def adopt(self, instance: Instance, state: str) -> None:
        """Register a seeded instance in its state. Its user data does not run, and no event is sent."""
        self._records[instance.id] = _Record(booted=True)
        self._set(instance, state, None, silent=True)
        if state == "stopped":
            instance.state_reason = StateReason(f"{BY_USER[0]}: {BY_USER[1]}", BY_USER[0])

    def start(self, instance: Instance) -> None:
        self._power_on(instance)

    def stop(self, instance: Instance, reason: tuple[str, str] = BY_USER) -> None:
        self._set(instance, "stopping", reason)
        self._later(instance, self._world.timing.stop, lambda: self._stopped(instance, reason))

    def terminate(self, instance: Instance, reason: tuple[str, str] = BY_USER) -> None:
        self._set(instance, "shutting-down", reason)
        self._fail_its_images(instance)
        self._later(instance, self._world.timing.stop, lambda: self._terminated(instance, reason))

    def switch_off(self, instance: Instance) -> None:
        """`poweroff` inside the instance: it stops or terminates, as its launch said."""
        if instance.state != "running":
            return
        if instance.instance_initiated_shutdown_behavior == "terminate":
            self.terminate(instance, BY_ITSELF)
        else:
            self.stop(instance, BY_ITSELF)

    def console(self, instance: Instance) -> bytes:
        """The console output. EC2 posts it when the instance has stopped, or some time after its last change
        of state."""
        record = self._records.get(instance.id)
        if record is None or record.sandbox is None:
            return b""
        settled = instance.state in ("stopped", "terminated")
        if not settled and time.monotonic() - record.printed < self._world.timing.console:
            return b""
        return record.sandbox.console()

    def is_generalised(self, instance: Instance) -> bool:
        """Whether user data runs on what is launched from an image of it. Linux needs nothing for that."""
        return instance.platform != "windows" or self._record(instance).generalised

    def packages(self, instance: Instance) -> Packages:
        """What is installed on an instance by now: that of its image, and what its user data installed."""
        record = self._records.get(instance.id)
        if record is not None and isinstance(record.sandbox, Sandbox):
            return record.sandbox.packages()
        image = instance.ec2_backend.amis.get(instance.image_id)
        return dict(image.packages) if image is not None and hasattr(image, "packages") else {}

    def forget(self) -> None:
        for record in self._records.values():
            self._end_user_data(record)
        self._records.clear()
        shutil.rmtree(self._world.home / "guests", ignore_errors=True)

    def _record(self, instance: Instance) -> _Record:
        """The record of an instance. One that moto launched for a fleet or a group has none yet, and counts
        as booted."""
        return self._records.setdefault(instance.id, _Record(booted=True))

    def _power_on(self, instance: Instance) -> None:
        for nic in instance.nics.values():
            nic.start()
        self._set(instance, "pending", None)
        self._later(instance, self._world.timing.boot, lambda: self._running(instance))

    def _running(self, instance: Instance) -> None:
        record = self._record(instance)
        first, record.booted = not record.booted, True
        self._set(instance, "running", None)
        if first and instance.user_data:
            self._boot(instance, record)

    def _boot(self, instance: Instance, record: _Record) -> None:
        """Run the user data, on the first boot only, as cloud-init does."""
        world, activity = (
            self._world,
            self._world.activity.begin("instance", f"{instance.id} runs its user data"),
        )
        record.activity = activity

        def on_poweroff() -> None:
            with world.lock:
                if self._records.get(instance.id) is record and record.sandbox is sandbox:
                    self.switch_off(instance)

        scratch = world.home / "guests" / f"{instance.id}-{next(self._runs)}"

        def on_idle() -> None:
            world.activity.end(activity)

        def on_sysprep() -> None:
            record.generalised = True

        sandbox: Sandbox | WindowsGuest
        if instance.platform == "windows":
            image = instance.ec2_backend.amis.get(instance.image_id)
            runs = image is None or image.generalised
            sandbox = WindowsGuest(world.endpoint, runs, on_poweroff, on_idle, on_sysprep)
            sandbox.is_shown = image is None or image.serial_port
            sandbox.print(f"Windows starts ({instance.id})\n")
        else:
            disk = (self.packages(instance), dict(world.repository))
            sandbox = Sandbox(scratch, self._spawner, world.endpoint, on_poweroff, on_idle, *disk)
            sandbox.print(f"Linux version 6.1 ({instance.id})\n")
        record.sandbox = sandbox
        sandbox.start(base64.b64decode(str(instance.user_data)))

    def _stopped(self, instance: Instance, reason: tuple[str, str]) -> None:
        self._end_user_data(self._record(instance))
        for nic in instance.nics.values():
            nic.stop()
        self._set(instance, "stopped", reason)

    def _terminated(self, instance: Instance, reason: tuple[str, str]) -> None:
        self._end_user_data(self._record(instance))
        instance.terminate()
        self._set(instance, "terminated", reason)

    def _end_user_data(self, record: _Record) -> None:
        if record.sandbox is not None:
            record.sandbox.kill()
        if record.activity is not None:
            self._world.activity.end(record.activity)
            record.activity = None

    def _set(
        self, instance: Instance, state: str, reason: tuple[str, str] | None, silent: bool = False
    ) -> None:
        record = self._record(instance)
        record.epoch += 1
        record.printed = time.monotonic()
        instance._state.name, instance._state.code = state, CODES[state]
        if reason is None:
            instance._reason, instance.state_reason = "", None  # type: ignore[assignment]
        else:
            code, text = reason
            instance.state_reason = StateReason(f"{code}: {text}", code)
            at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S GMT")
            instance._reason = f"User initiated ({at})" if reason == BY_USER else ""
        if silent:
            return
        region = instance.ec2_backend.region_name
        code_text = reason[0] if reason else None
        self._world.journal.add(
            "state", what="instance", id=instance.id, region=region, state=state, reason=code_text
        )
        self._world.ec2_events.instance(instance, state)

    def _later(self, instance: Instance, seconds: float, action: Any) -> None:
        record = self._record(instance)
        epoch = record.epoch

        def due() -> None:
            with self._world.lock:
                if self._records.get(instance.id) is record and record.epoch == epoch:
                    action()

        self._world.clock.after(seconds, "instance", f"{instance.id} is {instance.state}", due)

    def _fail_its_images(self, instance: Instance) -> None:
        """Fail the pending images of a terminated instance."""
        text = "The instance was terminated or rebooted during AMI creation"
        for image in list(instance.ec2_backend.amis.values()):
            if image.source_instance_id == instance.id and image.state == "pending":
                fail_image(self._world, image, "Client.InstanceTerminated", text)
