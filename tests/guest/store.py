"""What stands for S3: it serves what a builder brings, takes its log, and can misbehave as networks do.

A guest reaches it at QEMU's address of the host, which is the loopback device of the harness's own network.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

PORT = 8443
_HOST = "10.0.2.2"
# A port where nobody listens, and one that answers no request to connect.
_DEAF, _SILENT = 8444, 8445
_S3 = "kiln-store-0123456789ab.s3.us-east-1.amazonaws.com"

# The ways in which an archive cannot be had, and where it is then said to be.
PLACES = {
    "": f"{_HOST}:{PORT}",
    "expired": f"{_HOST}:{PORT}",
    "missing": f"{_HOST}:{PORT}",
    "other": f"{_HOST}:{PORT}",
    "half": f"{_HOST}:{PORT}",
    "stalls": f"{_HOST}:{PORT}",
    "deaf": f"{_HOST}:{_DEAF}",
    "silent": f"{_HOST}:{_SILENT}",
    "nameless": _S3,
}
_REFUSED = {
    "expired": (403, "AccessDenied", "Request has expired"),
    "missing": (404, "NoSuchKey", "The specified key does not exist."),
}
_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def packed(files: dict[str, str]) -> bytes:
    """The archive of a recipe's folder."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


class Store:
    """The store of one builder or tester, while a `with` block lasts. `fault` names how it misbehaves."""

    def __init__(self, objects: dict[str, bytes], fault: str, signature: str) -> None:
        self.signature = signature
        # When it was first asked for something, by the clock of the harness, and what it was sent.
        self.first: float | None = None
        self.puts: list[str] = []
        self._fault = fault
        self._stack, self._closed = contextlib.ExitStack(), threading.Event()
        # As S3 does at times, and what fetches must then ask again.
        self._busy = {path for path in objects if not fault}

        class Handler(_Handler):
            store = self
            tree = objects

        self._handler = Handler

    def url(self, path: str) -> str:
        """A URL that is signed with what nobody may see."""
        scheme = "https" if self._fault == "nameless" else "http"
        place = PLACES[self._fault]
        return f"{scheme}://{place}/{path}?X-Amz-Expires=3600&X-Amz-Signature={self.signature}"

    def __enter__(self) -> Store:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), self._handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        self._stack.enter_context(_silent_port())
        if self._fault == "nameless":
            self._stack.enter_context(_silent_names())
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._stack.close()

    def answer(self, path: str, data: bytes | None) -> tuple[int, bytes, int]:
        """The status, what is sent, and how long it is said to be."""
        if self.first is None:
            self.first = time.monotonic()
        code, name, told = _REFUSED.get(self._fault) or (
            404,
            "NoSuchKey",
            "The specified key does not exist.",
        )
        if path in self._busy:
            self._busy.remove(path)
            code, name, told, data = 503, "SlowDown", "Please reduce your request rate.", None
        if data is None or self._fault in _REFUSED:
            body = _ERROR.format(name, told).encode()
            return code, body, len(body)
        if self._fault == "other":
            data = packed({"scripts/10.sh": "echo of another bake\n"})
        if self._fault in ("half", "stalls"):
            return 200, data[: len(data) // 2], len(data)
        return 200, data, len(data)

    def after_half(self) -> None:
        """What follows half an answer: its end, or nothing for longer than a guest may wait."""
        if self._fault == "stalls":
            self._closed.wait(300)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store
    tree: dict[str, bytes] = {}

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        signed = asked.query.endswith(f"X-Amz-Signature={self.store.signature}")
        path = asked.path.removeprefix("/")
        self._answer(*self.store.answer(path, self.tree.get(path) if signed else None))

    def do_PUT(self) -> None:
        # S3 takes no upload of unknown length.
        length = self.headers.get("Content-Length")
        if length is None:
            return self._answer(411, b"", 0)
        self.store.puts.append(self.rfile.read(int(length)).decode(errors="replace"))
        self._answer(200, b"", 0)

    def _answer(self, code: int, body: bytes, length: int) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/xml" if code >= 400 else "application/gzip")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        # Who asked may have gone.
        with contextlib.suppress(OSError):
            self.wfile.write(body)
            if len(body) < length:
                self.wfile.flush()
                self.store.after_half()
                self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what matters stands on the console."""


@contextlib.contextmanager
def _silent_port() -> Iterator[None]:
    """A port whose queue is full, so that Linux drops what wants to connect, as a firewall does."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", _SILENT))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", _SILENT))
        yield


@contextlib.contextmanager
def _silent_names() -> Iterator[None]:
    """A name server that never answers, at the address to which QEMU sends what its guest asks."""
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    address = next((line.split()[1] for line in lines if line.startswith("nameserver ")), "127.0.0.1")
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=False, capture_output=True)
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        yield
