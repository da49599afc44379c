"""Lambda for one process: starts it with a whole core, and hands it events at a share of one."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.spawn import of_lambda
from local_aws.quota import Quota


class Function:
    """One start of a function. `init_ms` is the time from its start until it asks for work."""

    def __init__(self, binary: Path, variables: dict[str, str], megabytes: int) -> None:
        self._megabytes = megabytes
        self._quota = Quota(binary.parent.name)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(30)
        port = self._server.getsockname()[1]
        environment = {**variables, **of_lambda(binary, port, megabytes)}
        began = time.perf_counter()
        self._process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL)
        self._quota.take(self._process.pid)
        self._connection, _ = self._server.accept()
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._connection.makefile("rb")
        self._expect("/invocation/next")
        self.init_ms = (time.perf_counter() - began) * 1000
        self.init_cpu_ms = self.cpu_ms()

    def __enter__(self) -> Function:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._file.close()
        self._connection.close()
        self._server.close()
        self._quota.close()

    def cpu_ms(self) -> float:
        """The time of a core that the process took until now."""
        threads = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e6

    def handle(self, event: dict[str, Any]) -> tuple[float, Any]:
        """The time from the event until its answer, in ms, and the answer."""
        self._quota.share(self._megabytes)
        # A quota counts from the next period on.
        time.sleep(0.04)
        payload = json.dumps(event).encode()
        head = (
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
            f"Lambda-Runtime-Deadline-Ms: {round(time.time() * 1000) + 60_000}\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:kiln\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        began = time.perf_counter()
        self._connection.sendall(head.encode() + payload)
        path, body = self._expect("/response", "/error")
        took = (time.perf_counter() - began) * 1000
        self._connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        if path.endswith("/error"):
            raise RuntimeError(f"the function failed: {body[:300]!r}")
        self._expect("/invocation/next")
        return took, json.loads(body)

    def _expect(self, *paths: str) -> tuple[str, bytes]:
        asked = self._file.readline().decode()
        headers = http.client.parse_headers(self._file)
        if "chunked" in str(headers.get("transfer-encoding")):
            body = b""
            while size := int(self._file.readline(), 16):
                body += self._file.read(size)
                self._file.readline()
            self._file.readline()
        else:
            body = self._file.read(int(headers.get("content-length") or 0))
        path = asked.split(" ")[1] if " " in asked else ""
        if not path.endswith(paths):
            raise RuntimeError(f"the function asked for {asked!r}: {body[:300]!r}")
        return path, body
