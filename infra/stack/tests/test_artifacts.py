"""The bucket that Kiln is deployed from: whose it is, how it is found, and what goes from it."""

from __future__ import annotations

import json
import re
import tempfile
import threading
from datetime import datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from botocore.exceptions import WaiterError

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import Deployed, DeployError, deploy
from stack import template as templates
from stack.tests.seen import parameters, resources, settled


def quiet(_: str) -> None:
    pass


def found(aws: LocalAws) -> str:
    """The name of the bucket, by its stack."""
    return resources(aws, "kiln-artifacts")["Bucket"]


def emptied(aws: LocalAws, bucket: str) -> None:
    s3 = aws.client("s3")
    for one in s3.list_object_versions(Bucket=bucket).get("Versions", []):
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


def keys(aws: LocalAws) -> set[str]:
    return {one["Key"] for one in aws.client("s3").list_objects_v2(Bucket=found(aws)).get("Contents", [])}


@pytest.fixture
def own(fresh: LocalAws, built: Path) -> LocalAws:
    """A local AWS of the test's own, with Kiln on it."""
    deploy(fresh.url, built, regions=[], say=quiet)
    return fresh


def resource(name: str) -> dict[str, Any]:
    document = templates.read(templates.ARTIFACTS_TEMPLATE)
    return dict(document["Resources"][name]["Properties"])


def test_the_bucket_is_private_versioned_and_encrypted_and_what_was_deleted_goes() -> None:
    bucket = resource("Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithm = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert algorithm.value == ["WithKmsKey", "aws:kms", "AES256"]
    rules = {key: value for rule in bucket["LifecycleConfiguration"]["Rules"] for key, value in rule.items()}
    assert rules["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["ExpiredObjectDeleteMarker"] is True
    assert "ExpirationInDays" not in rules, "a zip that is deployed may be years old"


def test_the_bucket_has_the_key_and_the_tags_of_its_stack(own: LocalAws, built: Path) -> None:
    key = own.client("kms").create_key()["KeyMetadata"]["Arn"]
    tags = {"team": "platform"}
    deploy(own.url, built, regions=[], parameters={"KmsKey": key}, say=quiet, tags=tags)
    assert parameters(own, "kiln-artifacts")["KmsKey"] == key
    # The local AWS does not hand them on to the bucket; CloudFormation does.
    (stack,) = own.client("cloudformation").describe_stacks(StackName="kiln-artifacts")["Stacks"]
    assert stack["Tags"] == [{"Key": "team", "Value": "platform"}]
    deploy(own.url, built, regions=[], say=quiet)
    assert parameters(own, "kiln-artifacts")["KmsKey"] == key, "what is not given keeps its value"
    deploy(own.url, built, regions=[], parameters={"KmsKey": ""}, say=quiet)
    assert parameters(own, "kiln-artifacts")["KmsKey"] == ""


def test_the_bucket_refuses_every_call_without_tls() -> None:
    (statement,) = resource("BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2, "the bucket and its objects"


def test_the_buckets_name_cannot_be_guessed(own: LocalAws, aws: LocalAws, deployed: Deployed) -> None:
    assert re.fullmatch(r"kiln-artifacts-[0-9a-f]{16}", found(aws))
    assert found(own) != found(aws)


def test_a_deployment_finds_the_bucket_again_by_its_stack(own: LocalAws, built: Path) -> None:
    before = found(own)
    # A bucket that looks alike is not taken for it.
    own.client("s3").create_bucket(Bucket="kiln-artifacts-0123456789abcdef")
    deploy(own.url, built, regions=[], say=quiet)
    assert found(own) == before
    policy = json.loads(own.client("s3").get_bucket_policy(Bucket=before)["Policy"])
    assert policy["Statement"][0]["Sid"] == "TlsOnly"


def test_a_bucket_of_another_account_is_never_used(own: LocalAws, built: Path) -> None:
    bucket = found(own)
    emptied(own, bucket)
    own.client("s3").delete_bucket(Bucket=bucket)
    stranger = own.client("s3", account="222222222222")
    stranger.create_bucket(Bucket=bucket)
    with pytest.raises(DeployError, match="is not owned by account 000000000000.* Nothing was uploaded"):
        deploy(own.url, built, regions=[], say=quiet)
    assert "Contents" not in stranger.list_objects_v2(Bucket=bucket)


def test_every_call_of_s3_names_the_owner_that_it_expects(own: LocalAws, built: Path) -> None:
    (built / "bake" / "bootstrap").write_bytes(b"a newer binary of bake")
    with Between(own.url) as between:
        deploy(between.url, built, regions=[], say=quiet)
        with tempfile.TemporaryDirectory() as nobody:
            Cli(between.url, Path(nobody)).document("uninstall", "--yes", "--remove-bucket")
    assert {owner for _, _, owner in between.calls} == {"000000000000"}
    assert {method for method, _, _ in between.calls} == {"HEAD", "GET", "PUT", "POST", "DELETE"}


def test_what_is_old_and_not_deployed_goes_and_what_is_deployed_stays(own: LocalAws, built: Path) -> None:
    before = keys(own)
    assert len(before) == 10, "nine functions and the template"
    (built / "bake" / "bootstrap").write_bytes(b"a newer binary of bake")
    said: list[str] = []
    deploy(own.url, built, regions=[], say=said.append)
    assert not [line for line in said if line.startswith("deleted ")], "what is young may still be named"
    assert keys(own) > before
    said.clear()
    with Between(own.url, older_by=timedelta(days=31)) as between:
        deploy(between.url, built, regions=[], say=said.append)
    (told,) = [line for line in said if line.startswith("deleted ")]
    # The address of the template is another one here, but not its key.
    assert "deleted 2 old files from bucket kiln-artifacts-" in told, "the former zip and template"
    gone = before - keys(own)
    assert {key.split("/")[0] for key in gone} == {"bake", "template"}
    versions = own.client("s3").list_object_versions(Bucket=found(own), Prefix=min(gone))
    assert len(versions["Versions"]) == 1, "it can be brought back until the lifecycle rule removes it"
    again: list[str] = []
    deploy(own.url, built, regions=[], say=again.append)
    assert not [line for line in again if "uploaded" in line or "deleted" in line]


def test_a_stack_without_its_bucket_says_what_to_do(own: LocalAws, built: Path) -> None:
    bucket = found(own)
    emptied(own, bucket)
    own.client("s3").delete_bucket(Bucket=bucket)
    with pytest.raises(DeployError, match="delete its stack, whose name ends with -artifacts, and"):
        deploy(own.url, built, regions=[], say=quiet)


def test_a_bucket_that_holds_something_is_not_deleted_with_its_stack(own: LocalAws) -> None:
    own.client("cloudformation").delete_stack(StackName="kiln-artifacts")
    with pytest.raises(WaiterError):
        settled(own, "kiln-artifacts", "stack_delete_complete")
    assert found(own), "it is there with all that it holds"


class Between:
    """Between `kiln` and the local AWS: remembers the calls of S3, and makes its objects older."""

    def __init__(self, url: str, older_by: timedelta = timedelta(0)) -> None:
        self.calls: list[tuple[str, str, str | None]] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handled(self) -> None:
                headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
                body = self.rfile.read(int(headers.get("Content-Length", headers.get("content-length", 0))))
                if "/s3/" in headers.get("authorization", headers.get("Authorization", "")):
                    calls.append((self.command, self.path, self.headers.get("x-amz-expected-bucket-owner")))
                there = HTTPConnection(urlparse(url).netloc, timeout=60)
                there.request(self.command, self.path, body, headers)
                answer = there.getresponse()
                data = answer.read()
                if older_by and b"<ListBucketResult" in data:
                    data = re.sub(rb"(?<=<LastModified>)[^<]+", older, data)
                self.send_response(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(key, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handled

            def log_message(self, *_: Any) -> None:
                pass

        def older(found: re.Match[bytes]) -> bytes:
            at = datetime.fromisoformat(found[0].decode().replace("Z", "+00:00")) - older_by
            return at.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Between:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
