"""The base class of all operations of the overlay: parameters, filters and client tokens."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from moto.ec2.responses._base_response import EC2BaseResponse

from local_aws.overlay.errors import bad_value, missing, token_mismatch
from local_aws.world import World

TOKEN_LIMIT = 64


class Overlay(EC2BaseResponse):
    """A moto response that knows the world; `Ec2Dispatch` sets `world` before the first call."""

    world: ClassVar[World]

    def need(self, name: str) -> Any:
        value = self._get_param(name)
        if value in (None, ""):
            raise missing(name[0].lower() + name[1:])
        return value

    def filters(self) -> list[dict[str, Any]]:
        return self._get_param("Filters", []) or self._get_param("Filter", [])

    def replayed(self, action: str, token: str | None, *scope: str, longest: int = TOKEN_LIMIT) -> Any:
        """What an earlier call with this token created, or None. Other parameters with the same token are an
        error."""
        if not token:
            return None
        if len(token) > longest or not token.isascii():
            raise bad_value(f"Client token must be at most {longest} ASCII characters")
        known = self.world.tokens.get(self._token_key(action, token, scope))
        if known is None:
            return None
        if known["params"] != self._token_params():
            raise token_mismatch(token)
        return known["made"]

    def remember(self, action: str, token: str | None, made: Any, *scope: str) -> None:
        if token:
            key = self._token_key(action, token, scope)
            self.world.tokens[key] = {"params": self._token_params(), "made": made}

    def _token_key(self, action: str, token: str, scope: tuple[str, ...]) -> tuple[str, ...]:
        return (action, self.current_account, self.region, token, *scope)

    def _token_params(self) -> str:
        params = {key: value for key, value in dict(self.params).items() if key != "DryRun"}
        return json.dumps(params, default=str, sort_keys=True)
