"""Measures the time from the start of a function to its first request for work."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import time
from pathlib import Path


def spawn_to_first_poll(binary: Path, runs: int = 21) -> float:
    """The median time in ms from the start of `binary` to its first request to Lambda's Runtime API."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        port = server.getsockname()[1]
        return statistics.median(_once(binary, server, port) for _ in range(runs))


def of_lambda(binary: Path, port: int, megabytes: int = 128) -> dict[str, str]:
    """The variables that Lambda itself gives a function whose Runtime API is at this port."""
    return {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": binary.parent.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(megabytes),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "-",
        "AWS_LAMBDA_LOG_STREAM_NAME": "-",
    }


def _once(binary: Path, server: socket.socket, port: int) -> float:
    environment = {
        **of_lambda(binary, port),
        "AWS_REGION": "us-east-1",
        "KILN_STACK": "kiln",
        "KILN_BUS": "kiln",
        "KILN_RECIPES": "/kiln/recipes",
        "PATH": os.environ.get("PATH", ""),
    }
    began = time.perf_counter()
    process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL)
    try:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            asked = connection.recv(4096)
            took = (time.perf_counter() - began) * 1000
    finally:
        process.kill()
        process.wait()
    if b"/invocation/next" not in asked:
        raise RuntimeError(f"{binary.parent.name} asked for something else first: {asked[:80]!r}")
    return took
