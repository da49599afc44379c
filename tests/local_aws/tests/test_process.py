"""The server process: it listens on loopback only, several run at once, and nothing is left after its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local_aws.client import LocalAws
from local_aws.tests import sample
from local_aws.tests.conftest import QUICK

HANG = "#!/bin/bash\necho up\nsleep infinity\n"


def _descendants(pid: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: set[int] = set()
    todo = [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.add(child)
            todo.append(child)
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait_gone(pids: set[int]) -> set[int]:
    deadline = time.monotonic() + 5
    while (left := {pid for pid in pids if _alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _temporary(pid: int) -> list[Path]:
    """The temporary folder of the server, from the environment of its children."""
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return [Path(e.split(b"=", 1)[1].decode()) for e in environment if e.startswith(b"LAMBDA_TASK_ROOT=")]


def test_it_listens_on_loopback_alone(server: LocalAws) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    wanted = f":{port:04X}"
    tcp = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    listening = [line.split()[1] for line in tcp.splitlines() if wanted in line and line.split()[3] == "0A"]
    assert listening == [f"0100007F{wanted}"]


def test_two_servers_know_nothing_of_each_other(aws: LocalAws) -> None:
    with LocalAws(**QUICK) as other:
        assert other.url != aws.url
        other.seed(images=[{"region": "us-east-1", "name": "only-there"}])
        assert aws.client("ec2").describe_images(Owners=["self"])["Images"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_with_all_its_functions_and_guests(number: signal.Signals) -> None:
    """Also while a function runs and a script of an instance sleeps forever."""
    aws = LocalAws(**QUICK).start()
    try:
        sample.deploy(aws)
        _hang(aws)
        event = {"Source": "sample", "DetailType": "T", "EventBusName": "sample"}
        aws.client("events").put_events(Entries=[{**event, "Detail": '{"mode": "slow", "seconds": 30}'}])
        while not aws.journal(kind="log"):
            time.sleep(0.02)
        pid = aws.pid
        below = _descendants(pid)
        assert len(below) >= 3, "a function, a shell and its sleep"
        homes = [home for child in below for home in _temporary(child)]
        assert homes
        began = time.monotonic()
        os.kill(pid, number)
        assert aws._process is not None
        assert aws._process.wait(timeout=5) == 0
        assert time.monotonic() - began < 3
        assert _wait_gone(below) == set()
        assert not any(home.exists() for home in homes)
    finally:
        aws.stop()


def test_it_says_where_it_is_and_ends_with_its_parent() -> None:
    code = (
        "import subprocess, sys\n"
        "server = subprocess.Popen([sys.executable, '-m', 'local_aws', '--port', '0'])\n"
        "print(server.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert parent.stdout is not None and parent.stdin is not None
    pid = int(parent.stdout.readline())
    line = parent.stdout.readline().strip()
    assert line.startswith("local AWS ready on http://127.0.0.1:")
    with socket.create_connection(("127.0.0.1", int(line.rsplit(":", 1)[1])), timeout=2):
        assert _alive(pid)
    parent.kill()
    parent.wait()
    assert _wait_gone({pid}) == set()
    parent.stdin.close()
    parent.stdout.close()


def _hang(aws: LocalAws) -> None:
    ssm = aws.client("ssm")
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    base = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ec2 = aws.client("ec2")
    ec2.run_instances(ImageId=base, InstanceType="t4g.small", MinCount=1, MaxCount=1, UserData=HANG)
    aws.wait_idle()
