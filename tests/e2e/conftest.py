"""One local AWS with the stack on it for all end-to-end tests; each begins as on the first day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.kiln import FURTHER, HOME, MAX_ATTEMPTS, Kiln
from e2e.schemas import against_events, of_journal
from local_aws.client import LocalAws
from local_aws.deploy import deploy
from stack import functions

BUILT = Path(__file__).resolve().parent.parent.parent / ".build" / "local"


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiln]:
    missing = [fn for fn in functions.names() if not (BUILT / fn / "bootstrap").exists()]
    assert not missing, f"the binaries {missing} are not built: make binaries"
    log = tmp_path_factory.mktemp("local-aws") / "log"
    timing = {"LOCAL_AWS_IMAGE_S": "0.2", "LOCAL_AWS_BOOT_S": "0.1", "LOCAL_AWS_RETRY_S": "0.3,0.6"}
    parameters = {
        "MaxAttempts": MAX_ATTEMPTS,
        "PublicImages": "allowed",
        "FetchFrom": "arn:aws:s3:::artefacts/agents/*,arn:aws:s3:::artefacts/orders/*",
        "InstanceProfiles": "golden-*",
        "InstanceRoles": "arn:aws:iam::000000000000:role/golden-*",
    }
    with LocalAws(log=log, **timing) as aws:
        stacks = deploy(aws.url, BUILT, HOME, FURTHER, architecture="x86_64", parameters=parameters)
        yield Kiln(aws, stacks.outputs["FailuresQueue"])


@pytest.fixture(autouse=True)
def reconcile_changes_nothing(deployed: Kiln) -> Iterator[None]:
    """Whatever a test does: reconcile reads, also in other accounts, derives the key of the seals, wakes
    other functions, and looks after the queues."""
    before = deployed.aws.journal_end()
    yield
    calls = deployed.aws.journal(before, kind="call")
    own = [call for call in calls if call["who"] == "kiln-reconcile"]
    made = {call["action"] for call in own if not call["action"].startswith(("Describe", "Get", "List"))}
    queues = {"ReceiveMessage", "ChangeMessageVisibilityBatch", "DeleteMessage"}
    assert made <= {"GenerateMac", "Invoke", "AssumeRole", *queues}
    taken = {str(call["request"]["RoleArn"]) for call in own if call["action"] == "AssumeRole"}
    assert all(role.endswith(":role/kiln-parameters-reader") for role in taken), taken


@pytest.fixture(autouse=True)
def every_event_holds_to_its_schema(deployed: Kiln) -> Iterator[None]:
    """Whatever a test does: what Kiln sends is as docs/reference/events.schema.json says, and no more."""
    before = deployed.aws.journal_end()
    yield
    for entry in deployed.aws.journal(before, kind="event"):
        if entry["source"] == "kiln":
            wrong = against_events(of_journal(entry))
            assert wrong == [], f"{entry['detail_type']} {entry['detail']}: {wrong}"


@pytest.fixture
def kiln(deployed: Kiln) -> Kiln:
    deployed.fresh()
    return deployed
