"""Passes requests for EC2 and Auto Scaling, which MiniStack receives, to moto and the overlay."""

from __future__ import annotations

import traceback
import uuid
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.model import OperationNotFoundError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.request import Request
from moto.ec2.exceptions import FilterNotImplementedError
from moto.ec2.models import ec2_backends

from local_aws.overlay.account import findings_answer
from local_aws.overlay.api import Ec2Api
from local_aws.overlay.base import Overlay
from local_aws.world import World

Response = tuple[int, dict[str, str], bytes]


def error_body(code: str, message: str) -> bytes:
    text = (
        f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        f"</Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
    )
    return text.encode()


def refuse(code: str, message: str, status: int = 400) -> Response:
    return status, {"Content-Type": "text/xml"}, error_body(code, message)


def _request(
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, account: str, region: str
) -> Request:
    region_state = {k: v for k, v in headers.items() if k.lower() not in ("host", "content-length")}
    address = f"http://{service}.{region}.amazonaws.com{path}"
    return Request.from_primitives(method, address, {**region_state, "x-moto-account-id": account}, body)


class Ec2Dispatch:
    """Answers one EC2 request at a time; see `World.lock`."""

    def __init__(self, world: World) -> None:
        self._world = world
        Overlay.world = world

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes, account: str, region: str
    ) -> Response:
        """Answers one request. Errors are never HTTP 500: an SDK would retry it for long and hide a gap of
        the emulator."""
        action = (parse_qs(body.decode(errors="replace")).get("Action") or [""])[0]
        if action == "GetImageFindings":
            return self._findings(parse_qs(body.decode())["ImageId"][0], account, region)
        request = _request("ec2", method, path, headers, body, account, region)
        return self._dispatch(Ec2Api, action, request)

    def answer_auto_scaling(
        self, method: str, path: str, headers: dict[str, str], body: bytes, account: str, region: str
    ) -> Response:
        """Answers by moto, because MiniStack's Auto Scaling has no mixed instances and does not see moto's
        launch templates."""
        action = (parse_qs(body.decode(errors="replace")).get("Action") or [""])[0]
        request = _request("autoscaling", method, path, headers, body, account, region)
        return self._dispatch(AutoScalingResponse, action, request)

    def _dispatch(self, service: Any, action: str, request: Request) -> Response:
        try:
            with self._world.lock:
                status, headers_out, out = service.dispatch(request)
        except FilterNotImplementedError as gap:
            return refuse("InvalidParameterValue", f"{action}: {gap}")
        except (NotImplementedError, OperationNotFoundError):
            return refuse("InvalidAction", f"The action {action} is not valid for this web service.")
        except Exception as bug:
            traceback.print_exc()
            return refuse("EmulatorBug", f"{action}: {type(bug).__name__}: {bug}")
        return self._response(status, headers_out, out)

    def _findings(self, image_id: str, account: str, region: str) -> Response:
        """GetImageFindings. moto finds its operations in botocore's model, which does not have this one
        yet."""
        with self._world.lock:
            image = ec2_backends[account][region].amis.get(image_id)
            if image is None:
                return refuse("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
            return 200, {"Content-Type": "text/xml"}, findings_answer(image)

    def _response(self, status: int, headers_out: Any, out: Any) -> Response:
        data = out if isinstance(out, bytes) else str(out).encode()
        return int(status), {"Content-Type": str(headers_out.get("Content-Type", "text/xml"))}, data
