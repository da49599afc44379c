"""The product's own code: it makes the user data, and reads the verdict."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What every script finds in its environment, as a recipe names it.
ENVIRONMENT = ("KILN_NGINX=1.28 $HOME `date`",)


@dataclass(frozen=True)
class Product:
    """The examples of the crate kiln-core, as they were built."""

    examples: Path

    def user_data(self, role: str, word: str, program: dict[str, Any]) -> bytes:
        """Compressed, as EC2 gets it."""
        command = [self.examples / "user_data", role, "web-20261123T020000Z", word, *ENVIRONMENT]
        given = json.dumps(program).encode()
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout

    def verdict(self, word: str, console: bytes) -> Any:
        """`"passed"`, `"silent"`, or `{"failed": {"status": …, "tail": …}}`."""
        command = [self.examples / "verdict", word]
        return json.loads(subprocess.run(command, input=console, capture_output=True, check=True).stdout)

    def contents(self, word: str, console: bytes) -> list[str]:
        """The lines of what a tester listed; a line that says why, if there is no list."""
        command = [self.examples / "contents", word]
        run = subprocess.run(command, input=console, capture_output=True, check=False)
        return (run.stdout or run.stderr).decode(errors="replace").splitlines()
