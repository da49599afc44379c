"""A recipe's folder, packed and put where builders find it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from e2e.kiln import HOME, Kiln

BUILT = Path(__file__).resolve().parents[2] / ".build/local"


def store(kiln: Kiln) -> str:
    """The stack's bucket."""
    (stack,) = kiln.aws.client("cloudformation").describe_stacks(StackName="kiln")["Stacks"]
    return str({one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}["Store"])


def packed(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def put(kiln: Kiln, files: dict[str, str]) -> str:
    """Puts a folder with these files. Gives the line of a recipe that names it."""
    data = packed(files)
    digest = hashlib.sha256(data).hexdigest()
    kiln.aws.client("s3").put_object(Bucket=store(kiln), Key=f"archives/{digest}.tar.gz", Body=data)
    return f'archive = "sha256:{digest}"'


def user_data(kiln: Kiln, instance: str, region: str = HOME) -> str:
    given = kiln.ec2(region).describe_instance_attribute(InstanceId=instance, Attribute="userData")
    return gzip.decompress(base64.b64decode(given["UserData"]["Value"])).decode()


def links(text: str) -> list[str]:
    """The signed URLs in user data."""
    return re.findall(r"'(http[^']+)'", text)


def log_of(kiln: Kiln, key: str) -> str:
    found: Any = kiln.aws.client("s3").get_object(Bucket=store(kiln), Key=key)
    return str(found["Body"].read().decode())


def recipe(line: str, steps: str, bake: str = "", verify: str = "") -> str:
    """The text of a recipe with a folder."""
    return f"""
name = "web"
params = {{ nginx = "1.28.0" }}
{line}
[bake]
base = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
instance_type = "t4g.small"
steps = {steps}
{bake}
[verify]
{verify}
[replicate]
regions = ["eu-west-1"]
"""


def pack(source: Path, to: Path) -> list[str]:
    """What `make recipes` packs of a recipe's file or folder; the names of its recipes."""
    command = [BUILT / "recipes", "pack", source, "--to", to]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(one.stem for one in (to / "recipes").glob("*.toml"))
