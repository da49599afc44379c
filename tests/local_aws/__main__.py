"""`python -m local_aws [--port 0] [--ready FILE]`: serves until a signal stops it or its parent process
ends."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local_aws import lifecycle, server


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="local_aws", description="moto's EC2 and MiniStack on one local port"
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--ready", type=Path, help="a file for the URL, written when it is ready")
    arguments = parser.parse_args()
    lifecycle.die_with_parent()
    try:
        server.run(arguments.port, arguments.ready)
    finally:
        sys.stdout.flush()
        if sys.exc_info()[0] in (None, SystemExit):
            os._exit(0)  # waiting threads must not delay the exit


if __name__ == "__main__":
    main()
