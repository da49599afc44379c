"""`python -m local_aws [--port 0] [--ready FILE] [--exports]`: serves until a signal stops it or its parent
process ends."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local_aws import lifecycle, server
from local_aws.settings import HOME_REGION


def _tell(url: str) -> None:
    print("==> A local AWS listens. In another terminal:\n")
    keys = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    print(f"export AWS_ENDPOINT_URL={url} AWS_REGION={HOME_REGION} {keys}\n")
    print("==> All that is in it is gone when it ends: Ctrl-C", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="local_aws", description="moto's EC2 and MiniStack on one local port"
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--ready", type=Path, help="a file for the URL, written when it is ready")
    parser.add_argument("--exports", action="store_true", help="tells what a shell sets to go there")
    arguments = parser.parse_args()
    lifecycle.die_with_parent()
    try:
        server.run(arguments.port, arguments.ready, _tell if arguments.exports else None)
    finally:
        sys.stdout.flush()
        if sys.exc_info()[0] in (None, SystemExit):
            os._exit(0)  # waiting threads must not delay the exit


if __name__ == "__main__":
    main()
