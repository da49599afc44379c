"""Spot Instance requests. A persistent one stays open after its instance has ended."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instances import Instance

from local_aws.overlay import filters, paging, tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_combination, bad_value, error
from local_aws.overlay.image import Image, stamp
from local_aws.overlay.instances import launchable, set_last_launched
from local_aws.overlay.region import region_state
from local_aws.overlay.times import instant

TAGGED = "spot-instances-request"
ENDED, STOPPED = ("shutting-down", "terminated"), ("stopping", "stopped")
PRICE = "0.010000"


@dataclass
class SpotRequest:
    """A request. Its state follows from its instance and its dates; an open one never gets another instance
    here."""

    specification: dict[str, Any]
    persistent: bool
    price: str
    behavior: str
    instance: Instance | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    cancelled: bool = False
    id: str = field(default_factory=lambda: f"sir-{secrets.token_hex(4)}")
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def state(self) -> str:
        return self._now()[0]

    @property
    def status(self) -> str:
        return self._now()[1]

    def _now(self) -> tuple[str, str]:
        """State and status code."""
        now, instance = datetime.now(UTC), self.instance
        ended = instance is not None and instance.state in ENDED
        if self.cancelled:
            if instance is None:
                return "cancelled", "canceled-before-fulfillment"
            return "cancelled", "request-canceled-and-instance-running"
        if self.valid_until is not None and self.valid_until <= now and (instance is None or ended):
            return "closed", "schedule-expired"
        if ended and not self.persistent:
            return "closed", "instance-terminated-by-user"
        if instance is None or ended:
            waits = self.valid_from is not None and self.valid_from > now
            return "open", "not-scheduled-yet" if waits else "capacity-not-available"
        if instance.state in STOPPED:
            return "disabled", "instance-stopped-by-user"
        return "active", "fulfilled"

    def wire(self, backend: Any) -> dict[str, Any]:
        instance = self.instance
        return {
            "SpotInstanceRequestId": self.id,
            "State": self.state,
            "Status": {"Code": self.status, "UpdateTime": self.created},
            "Type": _type(self),
            "SpotPrice": self.price,
            "ProductDescription": "Linux/UNIX",
            "InstanceInterruptionBehavior": self.behavior,
            "LaunchSpecification": self.specification,
            "InstanceId": instance.id if instance else None,
            "LaunchedAvailabilityZone": instance.availability_zone if instance else None,
            "ValidFrom": self.valid_from,
            "ValidUntil": self.valid_until,
            "CreateTime": self.created,
            "Tags": tags.wire(backend, self.id),
        }

    def filter_values(self, name: str) -> list[str] | None:
        single: dict[str, Any] = {
            "spot-instance-request-id": self.id,
            "state": self.state,
            "status-code": self.status,
            "type": _type(self),
            "spot-price": self.price,
            "product-description": "Linux/UNIX",
            "create-time": stamp(self.created),
            "instance-id": self.instance.id if self.instance else None,
            "launch.image-id": self.specification.get("ImageId"),
            "launch.instance-type": self.specification.get("InstanceType"),
            "launch.key-name": self.specification.get("KeyName"),
        }
        if name not in single:
            return None
        return [] if single[name] is None else [single[name]]


class Spot(Overlay):
    def request_spot_instances(self) -> ActionResult:
        """Request Spot Instances. A request is fulfilled at once, or open until its start date."""
        token = self._get_param("ClientToken")
        made = self.replayed("RequestSpotInstances", token)
        if made is None:
            specification = dict(self.need("LaunchSpecification"))
            image = launchable(self, specification.get("ImageId") or "")
            wanted = tags.specified(self._get_param("TagSpecifications", []), (TAGGED,))[TAGGED]
            count, begins = int(self._get_param("InstanceCount", 1)), self._date("ValidFrom")
            if begins is not None and begins <= datetime.now(UTC):
                raise bad_value("The start date must be in the future")
            self.error_on_dryrun()
            made = [self._made_request(specification, image, begins) for _ in range(count)]
            for one in made:
                region_state(self.ec2_backend).spot_requests[one.id] = one
                tags.put(self.ec2_backend, one.id, wanted)
            self.remember("RequestSpotInstances", token, made)
        return ActionResult({"SpotInstanceRequests": [one.wire(self.ec2_backend) for one in made]})

    def describe_spot_instance_requests(self) -> ActionResult:
        backend = self.ec2_backend
        ids, size = self._get_param("SpotInstanceRequestIds", []), self._get_param("MaxResults")
        if ids and size is not None:
            text = "The parameter spotInstanceRequestIds cannot be used with the parameter maxResults"
            raise bad_combination(text)
        self.error_on_dryrun()
        chosen = filters.select(
            self.filters(),
            self._requests_named(ids) if ids else list(self._every_request().values()),
            lambda one: tags.of(backend, one.id),
            lambda one, name: one.filter_values(name),
        )
        shown, token = paging.page(chosen, size, self._get_param("NextToken"), lambda one: one.id)
        return ActionResult(
            {"SpotInstanceRequests": [one.wire(backend) for one in shown], "NextToken": token}
        )

    def cancel_spot_instance_requests(self) -> ActionResult:
        """Cancel requests. Their instances keep running, and the requests stay in answers."""
        chosen = self._requests_named(self.need("SpotInstanceRequestIds"))
        self.error_on_dryrun()
        for one in chosen:
            one.cancelled = True
        shown = [{"SpotInstanceRequestId": one.id, "State": "cancelled"} for one in chosen]
        return ActionResult({"CancelledSpotInstanceRequests": shown})

    def _made_request(
        self, specification: dict[str, Any], image: Image, begins: datetime | None
    ) -> SpotRequest:
        shown = {key: value for key, value in specification.items() if key != "UserData"}
        request = SpotRequest(
            shown,
            self._get_param("Type", "one-time") == "persistent",
            str(self._get_param("SpotPrice") or PRICE),
            self._get_param("InstanceInterruptionBehavior", "terminate"),
            valid_from=begins,
            valid_until=self._date("ValidUntil"),
        )
        if begins is None:
            request.instance = self._launch(specification, image)
        return request

    def _launch(self, specification: dict[str, Any], image: Image) -> Instance:
        kind = specification.get("InstanceType")
        reservation = self.ec2_backend.run_instances(
            image.id,
            1,
            specification.get("UserData"),
            [],
            instance_type=kind or "m1.small",
            is_instance_type_default=not kind,
            region_name=self.region,
            subnet_id=specification.get("SubnetId"),
            key_name=specification.get("KeyName"),
            block_device_mappings=image.mappings(),
            lifecycle="spot",
        )
        (instance,) = reservation.instances
        set_last_launched(image)
        self.world.instance_lifecycle.launch(instance)
        return instance

    def _every_request(self) -> dict[str, SpotRequest]:
        """All requests, including those that moto created for a Spot Fleet."""
        known = region_state(self.ec2_backend).spot_requests
        for one in self.ec2_backend.spot_instance_requests.values():
            if one.id not in known:
                spec = one.launch_specification
                shown = {"ImageId": spec.image_id, "InstanceType": spec.instance_type}
                behavior = one.instance_interruption_behaviour
                persistent = one.type == "persistent"
                known[one.id] = SpotRequest(
                    shown, persistent, one.price or PRICE, behavior, one.instance, id=one.id
                )
        return known

    def _requests_named(self, ids: list[str]) -> list[SpotRequest]:
        known = self._every_request()
        for one in ids:
            if one not in known:
                text = f"The spot instance request ID '{one}' does not exist"
                raise error("InvalidSpotInstanceRequestID.NotFound", text)
        return [known[one] for one in dict.fromkeys(ids)]

    def _date(self, name: str) -> datetime | None:
        raw = self._get_param(name)
        return None if raw is None else instant(raw)


def _type(request: SpotRequest) -> str:
    return "persistent" if request.persistent else "one-time"
