"""The control API under /_local: what a test needs and AWS does not have."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from moto.autoscaling.models import autoscaling_backends
from moto.ec2.models import ec2_backends

from local_aws.faults import FaultError
from local_aws.overlay.references import RECIPES, kind_of
from local_aws.overlay.region import region_state
from local_aws.overlay.volumes import STATES
from local_aws.schedules import ScheduleError, Schedules
from local_aws.seed import Seeder, SeedError
from local_aws.settings import ACCOUNT, HOME_REGION
from local_aws.time_travel import pass_days
from local_aws.world import World

LONGEST_WAIT_S = 30.0
"""How long a request waits until nothing is going on any more."""

Answer = dict[str, Any]
Query = dict[str, str]


class BadRequest(ValueError):
    """A wrong control request; the text says why."""


class Control:
    def __init__(self, world: World, seeder: Seeder, schedules: Schedules) -> None:
        self._world = world
        self._seeder = seeder
        self._schedules = schedules
        self._routes: dict[tuple[str, str], Callable[[Query, Any], Answer]] = {
            ("GET", "health"): self._health,
            ("POST", "reset"): self._reset,
            ("POST", "seed"): self._seed,
            ("POST", "faults"): self._set_faults,
            ("GET", "faults"): lambda query, body: {"faults": self._world.faults.report()},
            ("POST", "emit"): self._emit,
            ("POST", "schedule"): self._schedule,
            ("POST", "stop-by-itself"): self._stop_by_itself,
            ("POST", "scan"): self._scan,
            ("POST", "ends-elsewhere"): self._ends_elsewhere,
            ("POST", "recipe-ends"): self._recipe_ends,
            ("POST", "repository"): self._repository,
            ("POST", "without-watermarks"): self._without_watermarks,
            ("POST", "volume"): self._volume,
            ("POST", "pass"): self._pass,
            ("GET", "journal"): self._journal,
            ("GET", "idle"): self._idle,
        }

    async def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, bytes]:
        route = self._routes.get((method, path.removeprefix("/_local/").rstrip("/")))
        if route is None:
            known = sorted(f"{m} /_local/{p}" for m, p in self._routes)
            return 404, json.dumps({"error": f"no {method} {path}", "known": known}).encode()
        flat = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        try:
            data = json.loads(body) if body else {}
            result = await asyncio.to_thread(route, flat, data)
        except (BadRequest, FaultError, SeedError, ScheduleError, KeyError, TypeError, ValueError) as wrong:
            traceback.print_exc()
            return 400, json.dumps({"error": f"{type(wrong).__name__}: {wrong}"}).encode()
        except Exception as bug:
            traceback.print_exc()
            return 500, json.dumps({"error": f"{type(bug).__name__}: {bug}"}).encode()
        return 200, json.dumps(result, default=str).encode()

    def _health(self, query: Query, body: Any) -> Answer:
        return {"status": "ok", "account": ACCOUNT, "home": HOME_REGION}

    def _reset(self, query: Query, body: Any) -> Answer:
        """Back to the initial state; with `all` functions, rules, parameters and stacks are removed as
        well."""
        world = self._world
        with world.lock:
            world.clock.forget()
            world.instance_lifecycle.forget()
            world.tokens.clear()
            world.public_images.clear()
            world.repository.clear()
            world.without_watermarks.clear()
            world.faults.replace([])
            for backends in (ec2_backends, autoscaling_backends):
                for backend in list(backends[ACCOUNT].values()):
                    backend.reset()
            if body.get("all"):
                from ministack import app

                app._reset_all_state()
            self._seeder.public_images()
            world.journal.clear()
        return {"reset": True}

    def _seed(self, query: Query, body: Any) -> Answer:
        return dict(self._seeder.all(body))

    def _set_faults(self, query: Query, body: Any) -> Answer:
        rules = body.get("faults", []) if isinstance(body, dict) else body
        return {"faults": self._world.faults.replace(rules)}

    def _emit(self, query: Query, body: Any) -> Answer:
        self._world.ec2_events.emit(
            body.get("region", HOME_REGION),
            body["detail_type"],
            body["detail"],
            body.get("resources", []),
            body.get("source", "aws.ec2"),
            body.get("bus", "default"),
        )
        return {"emitted": True}

    def _schedule(self, query: Query, body: Any) -> Answer:
        return self._schedules.fire(body["name"], body.get("region"), body.get("at"))

    def _stop_by_itself(self, query: Query, body: Any) -> Answer:
        backend = ec2_backends[ACCOUNT][body.get("region", HOME_REGION)]
        with self._world.lock:
            instance = backend.get_instance_by_id(body["instance"])
            if instance is None:
                raise BadRequest(f"there is no instance {body['instance']}")
            if instance.state != "running":
                raise BadRequest(f"{instance.id} is {instance.state}, not running")
            self._world.instance_lifecycle.switch_off(instance)
        return {"instance": instance.id, "state": instance.state}

    def _scan(self, query: Query, body: Any) -> Answer:
        """Sets what Amazon Inspector found in an image."""
        with self._world.lock:
            image = ec2_backends[ACCOUNT][body.get("region", HOME_REGION)].amis.get(body["image"])
            if image is None:
                raise BadRequest(f"there is no image {body['image']}")
            image.scanned, image.findings = "2026-01-01T00:00:00.000Z", list(body.get("findings") or [])
        return {"image": image.id, "findings": len(image.findings)}

    def _ends_elsewhere(self, query: Query, body: Any) -> Answer:
        """Another account stops using an image. Reports that exist already do not change."""
        region, image, account = body.get("region", HOME_REGION), body["image"], str(body["account"])
        with self._world.lock:
            here = region_state(ec2_backends[ACCOUNT][region])
            left = [one for one in here.external_uses if (one.image_id, one.account) != (image, account)]
            ended = len(here.external_uses) - len(left)
            if not ended:
                raise BadRequest(f"{account} has nothing of {image} in {region}")
            here.external_uses = left
        return {"ended": ended}

    def _recipe_ends(self, query: Query, body: Any) -> Answer:
        """Deletes a recipe of Image Builder. A recipe of the other kind may have the same name."""
        region, name, kind = body.get("region", HOME_REGION), body["name"], body.get("kind", RECIPES[0])
        with self._world.lock:
            here = region_state(ec2_backends[ACCOUNT][region])
            left = [one for one in here.image_recipes if (one["name"], kind_of(one)) != (name, kind)]
            ended = len(here.image_recipes) - len(left)
            if not ended:
                raise BadRequest(f"there is no {kind} {name} in {region}")
            here.image_recipes = left
        return {"ended": ended}

    def _repository(self, query: Query, body: Any) -> Answer:
        """Sets which versions of packages can be installed from now on."""
        with self._world.lock:
            self._world.repository.update({str(name): str(version) for name, version in body.items()})
            return {"repository": dict(self._world.repository)}

    def _without_watermarks(self, query: Query, body: Any) -> Answer:
        """Sets the Regions whose EC2 does not know watermarks."""
        with self._world.lock:
            self._world.without_watermarks = set(body["regions"])
        return {"regions": sorted(body["regions"])}

    def _volume(self, query: Query, body: Any) -> Answer:
        """Sets the state of a seeded volume."""
        state = body.get("state", "available")
        with self._world.lock:
            backend = ec2_backends[ACCOUNT][body.get("region", HOME_REGION)]
            if body["volume"] not in backend.volumes:
                raise BadRequest(f"there is no volume {body['volume']}")
            if state not in STATES:
                raise BadRequest(f"unknown state of a volume: {state}")
            region_state(backend).volume_states[body["volume"]] = state
        return {"volume": body["volume"], "state": state}

    def _pass(self, query: Query, body: Any) -> Answer:
        days = float(body["days"])
        if not 0 < days < 36_500:
            raise BadRequest(f"{days} days cannot pass")
        with self._world.lock:
            pass_days(days)
            # No caller repeats a call after days and expects its client token to be known.
            self._world.tokens.clear()
        return {"passed": days}

    def _journal(self, query: Query, body: Any) -> Answer:
        entries, last = self._world.journal.after(int(query.get("after") or 0))
        kind = query.get("kind")
        chosen = [entry for entry in entries if kind in (None, entry["kind"])]
        return {"entries": chosen, "last": last}

    def _idle(self, query: Query, body: Any) -> Answer:
        retries, wait = query.get("retries") in ("1", "true"), float(query.get("wait") or 0)
        why = self._world.activity.why(retries, min(wait, LONGEST_WAIT_S))
        return {"idle": not why, "why": why}
