"""Settings from the environment, and constants that all parts share."""

from __future__ import annotations

import os
from dataclasses import dataclass

ACCOUNT = "000000000000"
HOME_REGION = "us-east-1"
REGIONS = (HOME_REGION, "eu-west-1", "ap-southeast-2")
"""The Regions that are enabled, and hold public images and a default VPC from the start; others are made when
first used."""

CONSOLE_LIMIT = 64 * 1024


def _seconds(name: str, default: float) -> float:
    return float(os.environ.get(name) or default)


@dataclass(frozen=True)
class Timing:
    """How long each step takes here, in seconds. On AWS these are minutes; the order of events is the
    same."""

    boot: float = 0.2
    image: float = 0.5
    stop: float = 0.1
    console: float = 0.3
    parameter: float = 0.1
    report: float = 0.5
    retries: tuple[float, ...] = (0.5, 1.0)

    @classmethod
    def from_environment(cls) -> Timing:
        retries = tuple(float(part) for part in os.environ.get("LOCAL_AWS_RETRY_S", "0.5,1").split(","))
        return cls(
            boot=_seconds("LOCAL_AWS_BOOT_S", cls.boot),
            image=_seconds("LOCAL_AWS_IMAGE_S", cls.image),
            stop=_seconds("LOCAL_AWS_STOP_S", cls.stop),
            console=_seconds("LOCAL_AWS_CONSOLE_S", cls.console),
            parameter=_seconds("LOCAL_AWS_PARAMETER_S", cls.parameter),
            report=_seconds("LOCAL_AWS_REPORT_S", cls.report),
            retries=retries,
        )
