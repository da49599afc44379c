"""Reads and writes MiniStack's Parameter Store inside this process."""

from __future__ import annotations

from ministack.core.responses import request_scope
from ministack.services import ssm

from local_aws.settings import ACCOUNT

PREFIX = "resolve:ssm:"
# The original PutParameter: seeded values take effect at once.
_put_now = ssm._put_parameter


def read(region: str, name: str) -> str | None:
    """The value of `name`, `name:version` or `name:label`; an ARN may name another Region."""
    if name.startswith("arn:"):
        region = name.split(":")[3]
    with request_scope(ACCOUNT, region):
        found, _ = ssm._select_parameter(name)
        return None if found is None else str(found.get("OriginalValue", found["Value"]))


def resolve(region: str, image: str) -> str | None:
    """The image behind `resolve:ssm:...`, or the id itself."""
    return read(region, image[len(PREFIX) :]) if image.startswith(PREFIX) else image


def naming_images(region: str) -> list[tuple[str, str]]:
    """The name and the value of each parameter of data type `aws:ec2:image`."""
    with request_scope(ACCOUNT, region):
        return [
            (str(one["Name"]), str(one.get("OriginalValue", one["Value"])))
            for one in ssm._parameters.values()
            if one.get("DataType") == "aws:ec2:image"
        ]


def write(region: str, name: str, value: str, data_type: str = "text", kind: str = "String") -> None:
    """Like PutParameter with Overwrite, but AWS's reserved names are allowed too."""
    reserved = ssm._reserved_name_error
    wanted = {"Name": name, "Value": value, "Type": kind, "DataType": data_type, "Overwrite": True}
    try:
        ssm._reserved_name_error = lambda _: None
        with request_scope(ACCOUNT, region):
            status, _, body = _put_now(wanted)
    finally:
        ssm._reserved_name_error = reserved
    if status != 200:
        raise ValueError(f"parameter {name}: {body.decode()}")
