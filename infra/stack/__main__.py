"""python -m stack: deploys Kiln from its templates, and puts its recipes. `kiln` operates it."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from stack import catalog, functions, operate, recipes, release, unwind
from stack.arguments import ArgumentError, switch
from stack.artifacts import BucketError
from stack.clients import Clients
from stack.confirm import Asked, NotConfirmed
from stack.deploy import HOME_STACK, deploy
from stack.package import PackageError
from stack.stacks import StackError
from stack.uninstall import uninstall

_FAILURES = (StackError, BucketError, PackageError, operate.OperateError, ClientError, BotoCoreError)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ArgumentError, NotConfirmed, operate.FunctionFailed) as error:
        print(error, file=sys.stderr)
    except _FAILURES as error:
        print(f"not done: {error}", file=sys.stderr)
    return 1


def _deploy(options: argparse.Namespace) -> int:
    deployed = deploy(
        options.endpoint_url,
        options.build_dir,
        options.home,
        options.regions,
        options.architecture,
        options.parameters,
        confirm=Asked(_command("deploy", options), switch("YES", options.yes)),
        remove_regions=switch("REMOVE_REGIONS", options.remove_regions),
        name=options.stack,
        tags=options.tags,
    )
    for key, value in sorted(deployed.outputs.items()):
        print(f"{key} = {value}")
    return 0


def _uninstall(options: argparse.Namespace) -> int:
    yes, bucket = switch("YES", options.yes), switch("REMOVE_BUCKET", options.remove_bucket)
    of_stacks = Asked(_command("uninstall", options), yes)
    # A yes to everything is no yes to the bucket, unless there is somebody to ask.
    terminal = of_stacks.terminal and not yes
    of_bucket = Asked(f"{_command('uninstall', options)} REMOVE_BUCKET=1", bucket, terminal)
    uninstall(options.endpoint_url, options.home, print, of_stacks, of_bucket, options.stack)
    return 0


def _release_files(options: argparse.Namespace) -> int:
    release.check_version(options.version)
    if options.notes:
        changelog = release.ROOT / "docs" / "CHANGELOG.md"
        options.notes.write_text(release.notes(changelog.read_text(), options.version))
    builds = {one: folder for one in release.ARCHITECTURES if (folder := getattr(options, one))}
    if options.to:
        release.lay(builds, options.to)
    return 0


def _empty_unwind_tables(options: argparse.Namespace) -> int:
    unwind.empty_all(options.folder)
    return 0


def _command(name: str, options: argparse.Namespace) -> str:
    return f"make {name}" if options.stack == HOME_STACK else f"make {name} STACK={options.stack}"


def _recipes(options: argparse.Namespace) -> int:
    recipes.put(
        Clients(options.endpoint_url),
        options.home,
        options.folder,
        stack=options.stack,
        prune=Asked(f"{_command('recipes', options)} PRUNE=1", switch("YES", options.yes))
        if switch("PRUNE", options.prune)
        else None,
        dry_run=switch("DRY_RUN", options.dry_run),
    )
    return 0


def _invoke(options: argparse.Namespace) -> int:
    lambdas = Clients(options.endpoint_url).of("lambda", options.home)
    well, answer = operate.invoke(lambdas, f"{options.stack}-{options.function}", options.event)
    print(answer, file=sys.stdout if well else sys.stderr)
    return 0 if well else 1


def _catalog(options: argparse.Namespace) -> int:
    page = catalog.fetch(Clients(options.endpoint_url), options.home, options.to, print, options.stack)
    if not switch("NO_OPEN", options.no_open):
        catalog.show(page, print)
    return 0


def _logs(options: argparse.Namespace) -> int:
    logs = Clients(options.endpoint_url).of("logs", options.home)
    for line in operate.log_lines(logs, f"{options.stack}-{options.function}", operate.span(options.since)):
        print(line)
    return 0


def _parameters(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in shlex.split(text)]
    wrong = [key + equals for key, equals, _ in pairs if not (key and equals)]
    if wrong:
        raise argparse.ArgumentTypeError(f"not KEY=VALUE: {', '.join(wrong)}")
    return {key: value for key, _, value in pairs}


def _stack(text: str) -> str:
    # The longest name of a rule adds 26 characters, and EventBridge takes 64.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,37}", text):
        raise argparse.ArgumentTypeError(
            f"{text} is not a letter and at most 37 more letters, digits and hyphens"
        )
    return text


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--endpoint-url", help="the local AWS; without it, AWS with your own credentials")
    common.add_argument("--home", default="us-east-1", help="the home Region (default: %(default)s)")
    about = "the stack in the home Region (default: %(default)s)"
    common.add_argument("--stack", type=_stack, default=HOME_STACK, help=about)
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("deploy", parents=[common], help="brings the stacks to the templates")
    command.set_defaults(run=_deploy)
    command.add_argument("--build-dir", required=True, help="holds <function>/bootstrap, or is a release")
    command.add_argument("--regions", nargs="*", default=[], help="the further Regions")
    command.add_argument("--architecture", choices=["arm64", "x86_64"], default="arm64")
    command.add_argument(
        "--parameters",
        type=_parameters,
        default={},
        metavar="KEY=VALUE ...",
        help="those of template.yaml, in one text that is quoted as in a shell",
    )
    command.add_argument(
        "--tags",
        type=_parameters,
        default={},
        metavar="KEY=VALUE ...",
        help="of the stacks and all that they make, in such a text; without any, those of before stay",
    )

    command.add_argument("--yes", help="1: changes what is shown without a question")
    command.add_argument("--remove-regions", help="1: deletes the stacks of Regions that are no longer given")

    command = commands.add_parser("release-files", help="lays what is published of a version")
    command.set_defaults(run=_release_files)
    command.add_argument("--version", required=True, help="that of Cargo.toml")
    for one in release.ARCHITECTURES:
        command.add_argument(f"--{one.replace('_', '-')}", type=Path, help="holds <function>/bootstrap")
    command.add_argument("--to", type=Path, help="where the files are laid")
    command.add_argument("--notes", type=Path, help="the file for the notes, from the changelog")

    command = commands.add_parser("empty-unwind-tables", help="makes the functions for AWS smaller")
    command.set_defaults(run=_empty_unwind_tables)
    command.add_argument("folder", type=Path, help="holds <function>/bootstrap")

    command = commands.add_parser("uninstall", parents=[common], help="deletes the stacks; images stay")
    command.set_defaults(run=_uninstall)
    command.add_argument("--yes", help="1: deletes the stacks that are shown without a question")
    command.add_argument("--remove-bucket", help="1: deletes the bucket that Kiln was deployed from as well")

    command = commands.add_parser("recipes", parents=[common], help="puts recipes and their folders")
    command.set_defaults(run=_recipes)
    command.add_argument("folder", type=Path, help="what `recipes pack` wrote")
    command.add_argument("--prune", help="1: removes the recipes that are not in the folder")
    command.add_argument("--dry-run", help="1: only shows what would change")
    command.add_argument("--yes", help="1: removes without a question")

    command = commands.add_parser("invoke", parents=[common], help="wakes a function by hand")
    command.set_defaults(run=_invoke)
    command.add_argument("function", choices=functions.names())
    command.add_argument("event", type=Path, help="a JSON file, such as those of infra/events")

    command = commands.add_parser("catalog", parents=[common], help="fetches the catalogue, and opens it")
    command.set_defaults(run=_catalog)
    command.add_argument("--to", type=Path, default=Path(".build/catalogue"), help="the folder that it fills")
    command.add_argument("--no-open", help="1: only fetches it")

    command = commands.add_parser("logs", parents=[common], help="what a function logged")
    command.set_defaults(run=_logs)
    command.add_argument("--since", default="1h", help="90s, 15m, 1h, 2d (default: %(default)s)")
    command.add_argument("function", choices=functions.names())
    return parser


if __name__ == "__main__":
    sys.exit(main())
