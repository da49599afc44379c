"""Starts a local AWS and controls it from Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from local_aws.settings import HOME_REGION

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent
_ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=150)


class LocalAwsError(RuntimeError):
    """The server did not start, or refused a control call."""


class LocalAws:
    """A local AWS on a free port, for the time of the `with` block.

    `environment` sets the server's timing, e.g. `LOCAL_AWS_IMAGE_S="0.1"`. Start it from a thread that
    lives at least as long: the kernel kills the server when the thread that started it ends.
    """

    def __init__(self, log: Path | None = None, **environment: str) -> None:
        self.url = ""
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[tuple[str, str, bool, str], Any] = {}

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> LocalAws:
        self._clients.clear()
        with tempfile.TemporaryDirectory(prefix="local-aws-ready-") as folder:
            ready = Path(folder) / "url"
            path = os.pathsep.join(filter(None, [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
            output = open(self._log, "ab") if self._log else None  # noqa: SIM115
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "local_aws", "--ready", str(ready)],
                    env={**os.environ, "PYTHONPATH": path, **self._environment},
                    stdout=output or subprocess.DEVNULL,
                    stderr=output,
                    start_new_session=True,
                )
            finally:
                if output:
                    output.close()
            deadline = time.monotonic() + 30
            while not ready.exists():
                if self._process.poll() is not None:
                    raise LocalAwsError(f"the server ended at once with {self._process.returncode}")
                if time.monotonic() > deadline:
                    self.stop()
                    raise LocalAwsError("the server was not ready within 30 s")
                time.sleep(0.02)
            self.url = ready.read_text()
        return self

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> LocalAws:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def client(
        self, service: str, region: str = HOME_REGION, retries: bool = False, account: str = "test"
    ) -> Any:
        """A boto3 client, of Kiln's account or of another one. It is cached, because creating one takes
        longer than most calls.

        It does not retry by default, so that a test sees every error.
        """
        key = (service, region, retries, account)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=account,
                aws_secret_access_key="test",
                config=None if retries else _ONCE,
            )
        return self._clients[key]

    def health(self) -> dict[str, Any]:
        return self._get("health")

    def reset(self, everything: bool = False) -> None:
        self._post("reset", {"all": everything})

    def seed(self, **kinds: list[dict[str, Any]]) -> dict[str, list[str]]:
        """`seed(images=[...], instances=[...], launch_templates=[...], parameters=[...])` -> ids by kind.

        Also `volumes` and `usage_reports`, and without ids `image_recipes` and `launches_elsewhere`. The
        fields of each kind are in `seed.py`.
        """
        return self._post("seed", kinds)

    def faults(self, *rules: dict[str, Any]) -> None:
        """Replaces all fault rules. Without arguments there are no faults any more."""
        self._post("faults", list(rules))

    def faults_report(self) -> list[dict[str, Any]]:
        """The fault rules, with how often each was applied and can still be."""
        return list(self._get("faults")["faults"])

    def emit(
        self,
        detail_type: str,
        detail: dict[str, Any],
        region: str = HOME_REGION,
        resources: list[str] | None = None,
        source: str = "aws.ec2",
        bus: str = "default",
    ) -> None:
        body = {
            "region": region,
            "detail_type": detail_type,
            "detail": detail,
            "resources": resources or [],
            "source": source,
            "bus": bus,
        }
        self._post("emit", body)

    def schedule(self, name: str, region: str | None = None, at: str | None = None) -> dict[str, Any]:
        return self._post("schedule", {"name": name, "region": region, "at": at})

    def stop_by_itself(self, instance: str, region: str = HOME_REGION) -> None:
        self._post("stop-by-itself", {"instance": instance, "region": region})

    def scan(self, image: str, findings: list[dict[str, Any]], region: str = HOME_REGION) -> None:
        """Sets the findings of Amazon Inspector. Each has a `severity` and a `title`, and `fix=False` if
        there is no fix."""
        self._post("scan", {"image": image, "findings": findings, "region": region})

    def without_watermarks(self, *regions: str) -> None:
        """The EC2 of these Regions does not know watermarks from now on."""
        self._post("without-watermarks", {"regions": list(regions)})

    def repository(self, **versions: str) -> None:
        """Sets which versions of packages builders install from now on."""
        self._post("repository", versions)

    def days_pass(self, days: float) -> None:
        """Makes everything in EC2 that many days older, in every Region, with the times in Kiln's tags."""
        self._post("pass", {"days": days})

    def ends_elsewhere(self, image: str, account: str, region: str = HOME_REGION) -> None:
        """Ends the use that `seed(launches_elsewhere=[...])` started."""
        self._post("ends-elsewhere", {"image": image, "account": account, "region": region})

    def recipe_ends(self, name: str, kind: str, region: str = HOME_REGION) -> None:
        """Deletes a recipe that `seed(image_recipes=[...])` created."""
        self._post("recipe-ends", {"name": name, "kind": kind, "region": region})

    def volume_becomes(self, volume: str, state: str = "available", region: str = HOME_REGION) -> None:
        """Sets the state of a volume that `seed(volumes=[...])` created."""
        self._post("volume", {"volume": volume, "state": state, "region": region})

    def journal(self, after: int = 0, kind: str | None = None) -> list[dict[str, Any]]:
        suffix = f"&kind={kind}" if kind else ""
        return list(self._get(f"journal?after={after}{suffix}")["entries"])

    def journal_end(self) -> int:
        """The number of the newest entry. Pass it to `journal` later to read only newer entries."""
        return int(self._get("journal?after=999999999999")["last"])

    def idle(self, retries: bool = False, wait: float = 0) -> tuple[bool, list[str]]:
        """Whether nothing is going on, or is not any more within `wait` seconds; and what is."""
        answer = self._get(f"idle?retries={int(retries)}&wait={wait:.2f}")
        return bool(answer["idle"]), list(answer["why"])

    def wait_idle(self, timeout: float = 20.0, retries: bool = True) -> None:
        """Waits until nothing is going on any more, by default also no retry that waits for its time."""
        deadline = time.monotonic() + timeout
        quiet = 0
        while quiet < 2:
            left = deadline - time.monotonic()
            idle, why = self.idle(retries, max(left, 0))
            quiet = quiet + 1 if idle else 0
            if not idle and left <= 0:
                raise LocalAwsError(f"not idle after {timeout} s: {why}")
            time.sleep(0.02)

    def _get(self, path: str) -> dict[str, Any]:
        return self._request(urllib.request.Request(f"{self.url}/_local/{path}"))

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        data = json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        return self._request(
            urllib.request.Request(f"{self.url}/_local/{path}", data, headers, method="POST")
        )

    def _request(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as refused:
            raise LocalAwsError(f"{request.selector}: {refused.read().decode()}") from None
