"""python -m stack: deploys Kiln from its templates."""

from __future__ import annotations

import argparse
import sys

from botocore.exceptions import BotoCoreError, ClientError

from stack.deploy import deploy
from stack.package import PackageError
from stack.stacks import StackError


def _parameter(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    parser.add_argument("--endpoint-url", help="the local AWS; without it, AWS with your own credentials")
    parser.add_argument("--build-dir", required=True, help="holds <function>/bootstrap")
    parser.add_argument("--home", default="us-east-1", help="the home Region (default: %(default)s)")
    parser.add_argument("--regions", nargs="*", default=[], help="the further Regions")
    parser.add_argument("--architecture", choices=["arm64", "x86_64"], default="arm64")
    parser.add_argument(
        "--parameter",
        type=_parameter,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a parameter of template.yaml; may be given several times",
    )
    options = parser.parse_args(arguments)
    try:
        deployed = deploy(
            options.endpoint_url,
            options.build_dir,
            options.home,
            options.regions,
            options.architecture,
            dict(options.parameter),
        )
    except (StackError, PackageError, ClientError, BotoCoreError) as error:
        print(f"not deployed: {error}", file=sys.stderr)
        return 1
    for key, value in sorted(deployed.outputs.items()):
        print(f"{key} = {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
