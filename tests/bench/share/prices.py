"""What Lambda costs, at list price in us-east-1 on arm64. (https://aws.amazon.com/lambda/pricing/)"""

from __future__ import annotations

GB_SECOND = 0.0000133334
REQUEST = 0.20 / 1_000_000
CALL_MS = 100.0
"""How long a call of AWS is assumed to take. EC2's answers take 50 to 300 ms. Most calls of one event run at
the same time; here each waits for the one before."""


def dollars(milliseconds: float, megabytes: int, requests: int = 1) -> float:
    """Starts are billed as events are."""
    return milliseconds / 1_000 * megabytes / 1_024 * GB_SECOND + requests * REQUEST
