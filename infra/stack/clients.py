"""boto3 clients of AWS, or of the local AWS."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


class Clients:
    """boto3 clients of one endpoint, each made once.

    `endpoint_url` is the local AWS, which is given made-up credentials; None is AWS itself, with the caller's
    own.
    """

    def __init__(self, endpoint_url: str | None) -> None:
        # A function may take 15 minutes to answer; to ask it again meanwhile would wake it twice.
        config = Config(retries={"mode": "standard"}, read_timeout=930)
        self.poll_s = 0.1 if endpoint_url else 3.0
        self._settings: dict[str, Any] = {"config": config}
        self._made: dict[tuple[str, str], Any] = {}
        if endpoint_url:
            self._settings |= {
                "endpoint_url": endpoint_url,
                "aws_access_key_id": "test",
                "aws_secret_access_key": "test",
            }

    def of(self, service: str, region: str) -> Any:
        if (service, region) not in self._made:
            self._made[service, region] = boto3.client(service, region_name=region, **self._settings)
        return self._made[service, region]
