"""TLS in front of the local AWS, for the functions alone. What reads only can be remembered: then an answer
costs no time but the function's own."""

from __future__ import annotations

import http.client
import socket
import socketserver
import ssl
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

_READS = (b"Action=Describe", b"Action=Get", b"Action=List")
_READING_TARGETS = (".Get", ".Describe", ".List", ".GenerateMac")
_DROPPED = {"transfer-encoding", "connection", "content-length", "keep-alive"}


class Endpoint:
    """Serves HTTPS on a free port for the time of the `with` block, and asks what `ask` names."""

    def __init__(self, chain: Path, remember: bool = False) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        context.set_alpn_protocols(["http/1.1"])
        self.calls = 0
        self._to = urlsplit("")
        self._context = context
        self._remembered: dict[tuple[str, str, str, bytes], bytes] | None = {} if remember else None
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"https://localhost:{self._server.server_address[1]}"

    def ask(self, url: str) -> None:
        self._to = urlsplit(url)

    def __enter__(self) -> Endpoint:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        endpoint = self

        class Handler(socketserver.StreamRequestHandler):
            def setup(self) -> None:
                # As AWS answers: not behind the acknowledgement of what the handshake sent last.
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.request = endpoint._context.wrap_socket(self.request, server_side=True)
                super().setup()

            def handle(self) -> None:
                behind = http.client.HTTPConnection(
                    endpoint._to.hostname or "", endpoint._to.port, timeout=150
                )
                while line := self.rfile.readline():
                    method, path, _ = line.decode().split(" ", 2)
                    headers = http.client.parse_headers(self.rfile)
                    body = self.rfile.read(int(headers.get("content-length") or 0))
                    endpoint.calls += 1
                    self.wfile.write(endpoint._answer(behind, method, path, headers, body))

        return Handler

    def _answer(
        self,
        behind: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: http.client.HTTPMessage,
        body: bytes,
    ) -> bytes:
        target = str(headers.get("x-amz-target") or "")
        region = str(headers.get("authorization") or "").split("/")[2:3]
        key = (method + str(region), path, target, body)
        reads = body.startswith(_READS) or any(mark in target for mark in _READING_TARGETS)
        if self._remembered is not None and reads and key in self._remembered:
            return self._remembered[key]
        behind.request(method, path, body or None, dict(headers.items()))
        answer = behind.getresponse()
        content = answer.read()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in _DROPPED]
        lines += [f"content-length: {len(content)}", "", ""]
        whole = "\r\n".join(lines).encode() + content
        if self._remembered is not None and reads and answer.status == 200:
            self._remembered[key] = whole
        return whole


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that ends breaks its connections off."""
