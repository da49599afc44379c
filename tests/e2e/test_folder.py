"""Recipes that are folders: what they bring is fetched, checked and run, over restarts, with the log kept."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from e2e import folder
from e2e.kiln import HOME, MAX_ATTEMPTS, Kiln, tags_of
from local_aws.patches import SESSION_TOKEN

FIRST = 'echo "first $KILN_NGINX"; grep -q ours files/nginx.conf; test "$PWD" = "$KILN_FOLDER"\n'
FILES = {
    "scripts/10-first.sh": FIRST,
    "scripts/20-second.sh": "#!/usr/bin/env bash\necho second; sha256sum < fetched/agent.rpm\n",
    "files/nginx.conf": "ours\n",
    "tests/smoke.sh": "echo tested; test -r files/nginx.conf\n",
}
STEPS = '["scripts/10-first.sh", "reboot", "scripts/20-second.sh"]'


def agent(kiln: Kiln, text: bytes = b"an agent") -> str:
    s3 = kiln.aws.client("s3")
    s3.create_bucket(Bucket="artefacts")
    s3.put_object(Bucket="artefacts", Key="agents/agent.rpm", Body=text)
    return f"s3://artefacts/agents/agent.rpm#sha256={hashlib.sha256(b'an agent').hexdigest()}"


def bake_failed(kiln: Kiln) -> dict[str, Any]:
    (news,) = kiln.said("Bake Failed")
    return news


def test_a_folder_runs_on_builder_and_tester_over_a_restart_and_its_log_is_kept(kiln: Kiln) -> None:
    line = folder.put(kiln, FILES)
    more = f'keep_log = "90d"\nfetch = ["{agent(kiln)}"]'
    kiln.recipe(document=folder.recipe(line, STEPS, more, 'steps = ["tests/smoke.sh"]'))
    kiln.bake()
    kiln.sweep()
    (image,) = kiln.images()
    assert tags_of(image)["kiln:stage"] == "released" and kiln.living() == []
    version = tags_of(image)["kiln:version"]
    log = folder.log_of(kiln, f"logs/90d/web/{version}/builder-{HOME}.log")
    assert "first 1.28.0\n" in log and "second\n" in log
    assert "tested\n" in folder.log_of(kiln, f"logs/90d/web/{version}/tester-{HOME}.log")


def test_a_failed_bake_names_its_step_and_its_log(kiln: Kiln) -> None:
    line = folder.put(kiln, {"scripts/10-first.sh": "echo so far; false\n"})
    kiln.recipe(document=folder.recipe(line, '["scripts/10-first.sh"]', 'keep_log = "7d"'))
    kiln.bake()
    news = bake_failed(kiln)
    assert news["console-tail"].splitlines()[-1] == "kiln: step 1, scripts/10-first.sh, ended with status 1"
    place = f"s3://{folder.store(kiln)}/"
    assert news["log"].startswith(place)
    assert "so far\n" in folder.log_of(kiln, news["log"].removeprefix(place))


def test_a_rejected_image_names_the_log_of_its_tester(kiln: Kiln) -> None:
    line = folder.put(kiln, {"scripts/a.sh": "true\n", "tests/smoke.sh": "echo no answer; exit 4\n"})
    kiln.recipe(
        document=folder.recipe(line, '["scripts/a.sh"]', 'keep_log = "30d"', 'steps = ["tests/smoke.sh"]')
    )
    kiln.bake()
    (news,) = kiln.said("Image Rejected")
    key = news["log"].removeprefix(f"s3://{folder.store(kiln)}/")
    assert key.startswith("logs/30d/web/") and "no answer\n" in folder.log_of(kiln, key)


def test_an_archive_that_is_not_there_fails_the_bake_at_once(kiln: Kiln) -> None:
    line = folder.put(kiln, FILES).replace("sha256:", "sha256:0")[:-2] + '"'
    kiln.recipe(document=folder.recipe(line, '["scripts/10-first.sh"]'))
    kiln.bake()
    news = bake_failed(kiln)
    assert "125" in news["reason"], news
    assert "the archive of the recipe's folder cannot be fetched" in news["console-tail"]
    assert "Signature" not in str(news)


def test_a_file_that_is_not_what_the_recipe_names_fails_the_bake(kiln: Kiln) -> None:
    line = folder.put(kiln, FILES)
    object_ = agent(kiln, b"another agent")
    kiln.recipe(document=folder.recipe(line, '["scripts/10-first.sh"]', f'fetch = ["{object_}"]'))
    kiln.bake()
    assert "s3://artefacts/agents/agent.rpm is not what the recipe names" in bake_failed(kiln)["console-tail"]


def test_nothing_is_fetched_that_the_stack_does_not_allow(kiln: Kiln) -> None:
    line, object_ = folder.put(kiln, FILES), agent(kiln).replace("agents", "payroll")
    kiln.recipe(document=folder.recipe(line, '["scripts/10-first.sh"]', f'fetch = ["{object_}"]'))
    assert "FetchFrom" in kiln.bake().error and kiln.living() == []


def test_a_bake_whose_call_is_repeated_with_other_links_is_one_bake(kiln: Kiln) -> None:
    line = folder.put(kiln, {"scripts/a.sh": "sleep infinity\n"})
    kiln.recipe(document=folder.recipe(line, '["scripts/a.sh"]'))
    event = {"scheduled_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z"), "recipe": "web"}
    fault = {"call": "RunInstances", "code": "InternalError", "status": 500, "when": "after"}
    kiln.aws.faults({**fault, "times": int(MAX_ATTEMPTS)})
    kiln.invoke("bake", event)
    kiln.invoke("bake", event)
    kiln.settle()
    assert len(kiln.living()) == 1
    kiln.ec2().terminate_instances(InstanceIds=[kiln.living()[0]["InstanceId"]])


@pytest.fixture
def builder(kiln: Kiln) -> Iterator[dict[str, Any]]:
    line = folder.put(kiln, {"scripts/a.sh": "sleep infinity\n"})
    kiln.recipe(document=folder.recipe(line, '["scripts/a.sh"]', 'keep_log = "7d"'))
    kiln.bake()
    (found,) = kiln.living()
    yield found
    kiln.ec2().terminate_instances(InstanceIds=[found["InstanceId"]])


def test_links_are_signed_as_s3_expects_it(kiln: Kiln, builder: dict[str, Any]) -> None:
    """botocore, which S3 believes, signs the same requests at the same time in the same way."""
    found = folder.links(folder.user_data(kiln, builder["InstanceId"]))
    assert sorted("PUT" if "/logs/" in link else "GET" for link in found) == ["GET", "PUT"]
    for link in found:
        parts = urlsplit(link)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        key_id = asked["X-Amz-Credential"].split("/")[0]
        credentials = Credentials(key_id, "local", SESSION_TOKEN)
        signer = botocore.auth.S3SigV4QueryAuth(credentials, "s3", HOME, expires=int(asked["X-Amz-Expires"]))
        request = AWSRequest("PUT" if "/logs/" in link else "GET", link.partition("?")[0])
        at = datetime.strptime(asked["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(botocore.auth, "get_current_datetime", lambda at=at: at)
            signer.add_auth(request)
        signed = {key: values[0] for key, values in parse_qs(urlsplit(request.url).query).items()}
        assert signed == asked


def test_user_data_has_less_than_4_kb(kiln: Kiln) -> None:
    line = folder.put(kiln, {"scripts/a.sh": "sleep infinity\n"})
    kiln.recipe(document=folder.recipe(line, '["scripts/a.sh"]'))
    kiln.bake()
    (builder,) = kiln.living()
    ec2, one = kiln.ec2(), builder["InstanceId"]
    given = ec2.describe_instance_attribute(InstanceId=one, Attribute="userData")
    assert len(base64.b64decode(given["UserData"]["Value"])) <= 4096
    ec2.terminate_instances(InstanceIds=[one])


def test_a_builder_gets_the_profile_that_the_stack_allows_and_no_other(kiln: Kiln) -> None:
    iam = kiln.aws.client("iam")
    if not any(
        one["InstanceProfileName"] == "golden-builder"
        for one in iam.list_instance_profiles()["InstanceProfiles"]
    ):
        iam.create_instance_profile(InstanceProfileName="golden-builder")
    kiln.recipe(script="sleep infinity", bake='profile = "golden-builder"')
    kiln.bake()
    (builder,) = kiln.living()
    assert builder["IamInstanceProfile"]["Arn"].endswith(":instance-profile/golden-builder")
    kiln.ec2().terminate_instances(InstanceIds=[builder["InstanceId"]])
    kiln.settle()
    kiln.recipe("other", bake='profile = "admin"')
    assert "InstanceProfiles" in kiln.bake("other").error
