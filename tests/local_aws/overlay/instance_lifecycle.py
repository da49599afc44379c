"""The life of an instance: pending, running, its user data, stopping, stopped, and its end."""

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
from local_aws.overlay.userdata_sandbox import Guest
from local_aws.world import World

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
BY_USER = ("Client.UserInitiatedShutdown", "User initiated shutdown")
BY_ITSELF = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")


@dataclass
class _Record:
    """What moto does not keep of an instance. `epoch` makes a timer of an earlier state void."""

    epoch: int = 0
    booted: bool = False
    guest: Guest | None = None
    quiet: int | None = None
    printed: float = 0.0


class Life:
    """All methods but those called by guests expect `world.lock` to be held."""

    def __init__(self, world: World, spawner: Spawner) -> None:
        self._world = world
        self._spawner = spawner
        self._records: dict[str, _Record] = {}
        self._runs = itertools.count(1)

    def launch(self, instance: Instance) -> None:
        self._records[instance.id] = _Record()
        self._power_on(instance)

    def adopt(self, instance: Instance, state: str) -> None:
        """A seeded instance: in its state already, its user data long done, nothing announced."""
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
        """As if `poweroff` had been typed inside: what then happens is the launch's choice."""
        if instance.state != "running":
            return
        if instance.instance_initiated_shutdown_behavior == "terminate":
            self.terminate(instance, BY_ITSELF)
        else:
            self.stop(instance, BY_ITSELF)

    def console(self, instance: Instance) -> bytes:
        """Posted when the instance has stopped, or a moment after it last changed its state."""
        record = self._records.get(instance.id)
        if record is None or record.guest is None:
            return b""
        settled = instance.state in ("stopped", "terminated")
        if not settled and time.monotonic() - record.printed < self._world.timing.console:
            return b""
        return record.guest.console()

    def forget(self) -> None:
        for record in self._records.values():
            self._let_go(record)
        self._records.clear()
        shutil.rmtree(self._world.home / "guests", ignore_errors=True)

    def _record(self, instance: Instance) -> _Record:
        """An instance that moto made by itself, for a fleet or a group, has been up for long."""
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
        """Cloud-init's part: the user data is run on the first boot only."""
        world, quiet = (
            self._world,
            self._world.activity.begin("instance", f"{instance.id} runs its user data"),
        )
        record.quiet = quiet

        def switched_off() -> None:
            with world.lock:
                if self._records.get(instance.id) is record and record.guest is guest:
                    self.switch_off(instance)

        scratch = world.home / "guests" / f"{instance.id}-{next(self._runs)}"
        guest = Guest(scratch, self._spawner, switched_off, lambda: world.activity.end(quiet))
        record.guest = guest
        guest.print(f"Linux version 6.1 ({instance.id})\n")
        guest.start(base64.b64decode(str(instance.user_data)).decode(errors="replace"))

    def _stopped(self, instance: Instance, reason: tuple[str, str]) -> None:
        self._let_go(self._record(instance))
        for nic in instance.nics.values():
            nic.stop()
        self._set(instance, "stopped", reason)

    def _terminated(self, instance: Instance, reason: tuple[str, str]) -> None:
        self._let_go(self._record(instance))
        instance.terminate()
        self._set(instance, "terminated", reason)

    def _let_go(self, record: _Record) -> None:
        if record.guest is not None:
            record.guest.kill()
        if record.quiet is not None:
            self._world.activity.end(record.quiet)
            record.quiet = None

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
        self._world.pump.instance(instance, state)

    def _later(self, instance: Instance, seconds: float, action: Any) -> None:
        record = self._record(instance)
        epoch = record.epoch

        def due() -> None:
            with self._world.lock:
                if self._records.get(instance.id) is record and record.epoch == epoch:
                    action()

        self._world.clock.after(seconds, "instance", f"{instance.id} is {instance.state}", due)

    def _fail_its_images(self, instance: Instance) -> None:
        """An image that is still being made does not survive the end of its instance."""
        text = "The instance was terminated or rebooted during AMI creation"
        for image in list(instance.ec2_backend.amis.values()):
            if image.source_instance_id == instance.id and image.state == "pending":
                fail_image(self._world, image, "Client.InstanceTerminated", text)
