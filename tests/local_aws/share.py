"""Functions as Lambda runs them: a whole core for the start, a share of one from the first event on, and TLS.
Off by default, because a test wants an answer and not a measurement."""

from __future__ import annotations

import os
from typing import Any

from local_aws.quota import Quota

ENDPOINT = "LOCAL_AWS_FUNCTIONS_ENDPOINT"
"""Where functions find AWS, in place of the local AWS itself."""
SHARE = "LOCAL_AWS_SHARE"
"""Whether each function gets the share of a core that its memory brings."""


def is_asked() -> bool:
    return SHARE in os.environ


def environment() -> dict[str, str]:
    """What a function is given in place of what it would have."""
    return {"AWS_ENDPOINT_URL": os.environ[ENDPOINT]} if ENDPOINT in os.environ else {}


def give_shares() -> None:
    """Puts each process of a function into a control group, which has a quota from its first event on.
    Whoever asked for it removes them, once the processes have ended: `quota.remove_all`."""
    from ministack.core.lambda_runtime import ProvidedWorker

    first_poll = ProvidedWorker._mark_first_poll
    quotas: dict[int, Quota] = {}

    def mark_first_poll(self: Any, generation: int) -> bool:
        pid = self._proc.pid
        if pid not in quotas:
            quotas[pid] = Quota(str(pid))
            quotas[pid].take(pid)
            quotas[pid].share(int(self.config.get("MemorySize", 128)))
        done: bool = first_poll(self, generation)
        return done

    ProvidedWorker._mark_first_poll = mark_first_poll
