"""Sends EC2's own events about state changes to the default bus of their Region."""

from __future__ import annotations

import json
import queue
import threading
import traceback
import uuid
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import eventbridge

from local_aws.activity import Activity
from local_aws.settings import ACCOUNT

IMAGE_CHANGE = "EC2 AMI State Change"
INSTANCE_CHANGE = "EC2 Instance State-change Notification"


class Ec2Events:
    """One thread sends the events in order. The calls that cause them do not wait for it."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._queue: queue.Queue[tuple[int, str, dict[str, Any]]] = queue.Queue()
        threading.Thread(target=self._run, name="ec2-events", daemon=True).start()

    def image(self, image: Any, state: str, message: str) -> None:
        detail = {
            "RequestId": str(uuid.uuid4()),
            "ImageId": image.id,
            "State": state,
            "ErrorMessage": message,
        }
        self.emit(image.ec2_backend.region_name, IMAGE_CHANGE, detail, [image.arn])

    def instance(self, instance: Any, state: str) -> None:
        region = instance.ec2_backend.region_name
        arn = f"arn:aws:ec2:{region}:{ACCOUNT}:instance/{instance.id}"
        self.emit(region, INSTANCE_CHANGE, {"instance-id": instance.id, "state": state}, [arn])

    def emit(
        self,
        region: str,
        detail_type: str,
        detail: dict[str, Any],
        resources: list[str],
        source: str = "aws.ec2",
        bus: str = "default",
    ) -> None:
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
            "Resources": resources,
            "EventBusName": bus,
        }
        number = self._activity.begin("event", f"{detail_type} in {region}")
        self._queue.put((number, region, entry))

    def _run(self) -> None:
        while True:
            number, region, entry = self._queue.get()
            try:
                with request_scope(ACCOUNT, region):
                    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
            except Exception:
                traceback.print_exc()
            finally:
                self._activity.end(number)
