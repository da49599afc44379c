"""Builds the local AWS from its parts and serves it on one loopback port until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from local_aws.settings import ACCOUNT, HOME_REGION, Timing

if TYPE_CHECKING:
    from local_aws.http import HttpApp

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FOREIGN = ("AWS_", "MINISTACK_", "MOTO_", "LAMBDA_", "LOCALSTACK_")


def prepare_environment(port: int, home: Path) -> None:
    """Set the variables that moto and MiniStack read when they are imported, and remove all AWS settings of
    the caller."""
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    os.environ.update(
        {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": HOME_REGION,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",
            "DOCKER_HOST": f"unix://{home}/no-docker.sock",
            "TMPDIR": str(home),
            "S3_DATA_DIR": str(home / "s3"),
            "STATE_DIR": str(home / "state"),
            "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
            "LOG_LEVEL": os.environ.get("LOCAL_AWS_LOG", "WARNING"),
        }
    )
    tempfile.tempdir = str(home)


def run(port: int, ready: Path | None, tell: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, then remove the temporary folder. `tell` is handed the URL."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    os.umask(0o022)
    home = Path(tempfile.mkdtemp(prefix="local-aws-"))
    home.chmod(0o711)  # user data runs as nobody, and must reach its own folder below
    for number in _SIGNALS:
        signal.signal(number, _leave)
    try:
        prepare_environment(listener.getsockname()[1], home)
        _serve(listener, home, ready, tell)
    finally:
        shutil.rmtree(home, ignore_errors=True)
        if ready is not None:
            ready.unlink(missing_ok=True)


def _leave(number: int, frame: object) -> None:
    """Ends the process at a signal that comes before the server runs."""
    raise SystemExit(0)


def _serve(
    listener: socket.socket, home: Path, ready: Path | None, tell: Callable[[str], None] | None
) -> None:
    from ministack import app as ministack
    from ministack.core import lambda_runtime

    from local_aws import patches
    from local_aws.control import Control
    from local_aws.ec2_events import Ec2Events
    from local_aws.http import HttpApp
    from local_aws.lambdas import AsyncInvokes, Identities
    from local_aws.lifecycle import Spawner
    from local_aws.overlay.instance_lifecycle import InstanceLifecycle
    from local_aws.schedules import Schedules
    from local_aws.seed import Seeder
    from local_aws.world import World

    logging.getLogger("ministack").setLevel(os.environ["LOG_LEVEL"])
    world, identities, spawner = World(Timing.from_environment(), home), Identities(), Spawner()
    world.ec2_events, world.instance_lifecycle = Ec2Events(world.activity), InstanceLifecycle(world, spawner)
    invokes, seeder = AsyncInvokes(world), Seeder(world)
    patches.install(world, identities, spawner, invokes)
    seeder.public_images()
    http_app = HttpApp(ministack.app, world, identities, Control(world, seeder, Schedules(world, invokes)))

    url = world.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = _Server(http_app)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            """Ends the functions first, because a request that waits for one would delay the end of the
            server."""
            spawner.close()
            server.should_exit = True

        for number in _SIGNALS:
            loop.add_signal_handler(number, end)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await _answers(url)
        if tell:
            tell(url)
        else:
            print(f"local AWS ready on {url}", flush=True)
        if ready is not None:
            waiting = ready.with_name(ready.name + ".part")
            waiting.write_text(url)
            waiting.rename(ready)
        # What is loaded by now stays: to look there for what could be freed took a twentieth of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        await serving

    try:
        uvloop.run(main())
    finally:
        spawner.close()
        lambda_runtime.reset()


class _Server(uvicorn.Server):
    """uvicorn with its parser in C: most of what a call costs here is HTTP."""

    def __init__(self, app: HttpApp) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            # Longer than any client keeps an idle connection: none is closed while it is taken up again.
            timeout_keep_alive=600,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals stay with the local AWS, which ends its functions first."""
        yield


async def _answers(url: str) -> None:
    """Wait until the server answers; the socket accepts connections before that."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /_local/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await writer.drain()
    await reader.read()
    writer.close()
