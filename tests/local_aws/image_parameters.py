"""Parameters of type `aws:ec2:image`: SSM answers at once, checks the image a little later, and sends an
event about the outcome.

(https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
    request_scope,
)
from moto.ec2.models import ec2_backends

from local_aws.settings import ACCOUNT
from local_aws.world import World

DATA_TYPE = "aws:ec2:image"
CHANGE = "Parameter Store Change"
REFUSED = "Unable to Resolve Resource"
Data = dict[str, Any]
Put = Callable[[Data], Any]


class ImageParameters:
    """Replaces MiniStack's PutParameter, which checks neither patterns nor images."""

    def __init__(self, world: World, put: Put) -> None:
        self._world = world
        self._put = put
        self._puts: dict[tuple[str, str, str], int] = {}

    def put(self, data: Data) -> Any:
        pattern, value = data.get("AllowedPattern"), str(data.get("Value", ""))
        if pattern and not re.search(pattern, value):
            text = f"Parameter value, cannot be validated against allowedPattern: {pattern}"
            return error_response_json("ParameterPatternMismatchException", text, 400)
        if data.get("DataType") != DATA_TYPE:
            return self._put(data)
        if not re.fullmatch(r"ami-[0-9a-f]+", value):
            return error_response_json("ValidationException", f"{value} is not an AMI id.", 400)
        from ministack.services import ssm

        name, region, account = str(data["Name"]), get_region(), get_account_id()
        there = ssm._select_parameter(name)[0]
        if there is not None and not data.get("Overwrite"):
            return error_response_json("ParameterAlreadyExists", "The parameter already exists.", 400)
        key = (account, region, name)
        number = self._puts[key] = self._puts.get(key, 0) + 1
        operation = "Create" if there is None else "Update"

        def due() -> None:
            if self._puts.get(key) == number:
                self._take_effect(account, region, data, operation)

        what = f"{name} in {region} of {account}"
        self._world.clock.after(self._world.timing.parameter, "parameter", what, due)
        version = (int(there["Version"]) if there else 0) + 1
        return json_response({"Version": version, "Tier": "Standard"})

    def _take_effect(self, account: str, region: str, data: Data, operation: str) -> None:
        with self._world.lock:
            # Another account sees an image that is shared with it.
            image = ec2_backends[ACCOUNT][region].amis.get(data["Value"])
            available = image is not None and image.state == "available" and image.visible_to(account)
        if account == ACCOUNT and self._world.faults.of_parameter(str(data["Name"]), region):
            return
        detail = {"name": data["Name"], "type": "String", "operation": operation, "dataType": DATA_TYPE}
        if available:
            with request_scope(account, region):
                self._put(data)
        else:
            detail["exception"] = REFUSED
        state = f"showing {data['Value']}" if available else f"not showing {data['Value']}"
        name = data["Name"] if account == ACCOUNT else f"{data['Name']} of {account}"
        self._world.journal.add("state", what="parameter", id=name, region=region, state=state)
        # The events of another account stay there.
        if account == ACCOUNT:
            self._world.ec2_events.emit(region, CHANGE, detail, [], source="aws.ssm")
