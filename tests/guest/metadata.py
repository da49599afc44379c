"""The instance metadata service, as far as cloud-init asks it. IMDSv2 only, as Kiln launches its instances.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import threading

ADDRESS = "169.254.169.254"
_TOKEN = "a-session-token"
_HOST = "ip-10-0-2-15.ec2.internal"


def give_address() -> None:
    """Give the service's address to this network namespace, which must be one of its own."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)


class Metadata:
    """The service of one instance, while a `with` block lasts."""

    def __init__(self, instance_id: str, mac: str, user_data: bytes) -> None:
        paths = _paths(instance_id, mac)
        paths["user-data"] = user_data

        class Handler(_Handler):
            tree = paths

        self._server = http.server.ThreadingHTTPServer((ADDRESS, 80), Handler)

    def __enter__(self) -> Metadata:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tree: dict[str, bytes] = {}

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/latest/api/token":
            self._answer(200, _TOKEN.encode())
        else:
            self._answer(404)

    def do_GET(self) -> None:
        if self.headers.get("X-aws-ec2-metadata-token") != _TOKEN:
            return self._answer(401)
        asked = re.match(r"/(?:latest|\d{4}-\d\d-\d\d)/?(.*)$", self.path)
        if not asked:
            return self._answer(404)
        path = asked.group(1).rstrip("/")
        if path in self.tree:
            return self._answer(200, self.tree[path])
        below = f"{path}/" if path else ""
        rest = [key.removeprefix(below) for key in self.tree if key.startswith(below)]
        names = sorted({name.partition("/")[0] + ("/" if "/" in name else "") for name in rest})
        return self._answer(200 if names else 404, "\n".join(names).encode())

    def _answer(self, code: int, body: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what matters stands on the console."""


def _paths(instance_id: str, mac: str) -> dict[str, bytes]:
    nic = f"network/interfaces/macs/{mac}/"
    values = {
        "ami-id": "ami-0123456789abcdef0",
        "ami-launch-index": "0",
        "block-device-mapping/ami": "xvda",
        "block-device-mapping/root": "/dev/xvda",
        "hostname": _HOST,
        "instance-id": instance_id,
        "instance-type": "t3.micro",
        "local-hostname": _HOST,
        "local-ipv4": "10.0.2.15",
        "mac": mac,
        "placement/availability-zone": "us-east-1a",
        "placement/region": "us-east-1",
        "services/domain": "amazonaws.com",
        "services/partition": "aws",
        f"{nic}device-number": "0",
        f"{nic}interface-id": "eni-01",
        f"{nic}local-hostname": _HOST,
        f"{nic}local-ipv4s": "10.0.2.15",
        f"{nic}mac": mac,
        f"{nic}subnet-ipv4-cidr-block": "10.0.2.0/24",
        f"{nic}vpc-ipv4-cidr-block": "10.0.2.0/24",
        f"{nic}vpc-ipv4-cidr-blocks": "10.0.2.0/24",
    }
    paths = {f"meta-data/{key}": value.encode() for key, value in values.items()}
    document = {"instanceId": instance_id, "region": "us-east-1", "availabilityZone": "us-east-1a"}
    paths["dynamic/instance-identity/document"] = json.dumps(document).encode()
    return paths
