"""`make terraform`: the Terraform module is validated, and its example applied to the local AWS.

The local AWS knows a bucket by the path of a URL alone, so a copy of the module names the template that way.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local_aws.client import LocalAws
from stack import functions, release
from stack.template import INFRA
from stack.tests.conftest import build

MODULE = INFRA / "terraform"
_HOST = "https://${data.aws_s3_bucket.release.bucket_regional_domain_name}/"
_LOCALLY = """
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
"""


def copied(to: Path, aws: LocalAws) -> Path:
    """The example in a copy of the module that goes to the local AWS."""
    shutil.copytree(MODULE, to, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    _replace(to / "main.tf", _HOST, f"{aws.url}/${{var.bucket}}/", 1)
    _replace(to / "example" / "main.tf", 'provider "aws" {\n', f'provider "aws" {{{_LOCALLY}', 2)
    return to / "example"


def _replace(path: Path, old: str, new: str, times: int) -> None:
    text = path.read_text()
    assert text.count(old) == times, f"{path} has {text.count(old)} times {old}"
    path.write_text(text.replace(old, new))


def _release(folder: Path) -> Path:
    """A release of functions that are never run."""
    builds = {}
    for architecture in release.ARCHITECTURES:
        (folder / architecture).mkdir()
        builds[architecture] = build(folder / architecture)
    release.lay(builds, folder / "release", lambda _: None)
    return folder / "release"


def _terraform(where: Path, *arguments: str, **environment: str) -> str:
    command = ["terraform", f"-chdir={where}", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def _deployed(aws: LocalAws, files: Path) -> bool:
    """Whether each function has the zip of the release."""
    lambdas = aws.client("lambda")
    return all(
        lambdas.get_function_configuration(FunctionName=f"kiln-{name}")["CodeSha256"]
        == base64.b64encode(hashlib.sha256((files / f"{name}-arm64.zip").read_bytes()).digest()).decode()
        for name in functions.names()
    )


def _region_stack(aws: LocalAws) -> str:
    (stack,) = aws.client("cloudformation", "eu-west-1").describe_stacks(StackName="kiln-region")["Stacks"]
    return str(stack["StackId"])


def main() -> None:
    print(_terraform(MODULE, "fmt", "-check", "-diff", "-recursive"), end="")
    with tempfile.TemporaryDirectory() as folder, LocalAws() as aws:
        files = _release(Path(folder))
        example = copied(Path(folder) / "module", aws)
        there = {"AWS_ENDPOINT_URL": aws.url, "TF_VAR_release": str(files), "TF_IN_AUTOMATION": "1"}

        def terraform(*arguments: str) -> None:
            _terraform(example, *arguments, "-no-color", **there)
            print(f"terraform {' '.join(arguments)}: done")

        terraform("init", "-input=false")
        terraform("validate")
        terraform("apply", "-input=false", "-auto-approve")
        assert _deployed(aws, files)
        # Fails where anything would change.
        terraform("plan", "-input=false", "-detailed-exitcode")
        before = _region_stack(aws)

        (Path(folder) / "arm64" / "bake" / "bootstrap").write_bytes(b"a newer binary of bake")
        builds = {one: Path(folder) / one for one in release.ARCHITECTURES}
        release.lay(builds, files, lambda _: None)
        assert not _deployed(aws, files)
        terraform("apply", "-input=false", "-auto-approve")
        assert _deployed(aws, files), "a newer release is deployed"
        assert _region_stack(aws) == before, "the further Region's stack is not made anew"

        terraform("destroy", "-input=false", "-auto-approve")
    print("==> the Terraform module is valid, and its example came, changed and went on the local AWS")


if __name__ == "__main__":
    sys.exit(main())
