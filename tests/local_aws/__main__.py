"""`python -m local_aws [--port 0] [--ready FILE]`: serve until told to stop or until the parent ends."""

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
            os._exit(0)  # threads that wait for something must not hold up the end


if __name__ == "__main__":
    main()
