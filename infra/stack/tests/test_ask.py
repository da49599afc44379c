"""What a person asks of Kiln: arguments are checked before anything is called, and answers read well."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from stack import __main__ as command
from stack import answers, rollback
from stack.explain import explain

IMAGE = "ami-0123456789abcdef0"


class Cloud:
    """As much of Lambda as is woken by hand. Tells what was sent, and answers as it is told to."""

    def __init__(self, answer: Any, failed: bool = False) -> None:
        self.sent: list[tuple[str, Any]] = []
        self._answer, self._failed = answer, failed

    def of(self, service: str, region: str) -> Any:
        assert (service, region) == ("lambda", "us-east-1")
        return self

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        self.sent.append((FunctionName, json.loads(Payload)))
        answer = {"Payload": io.BytesIO(json.dumps(self._answer).encode())}
        return answer | ({"FunctionError": "Unhandled"} if self._failed else {})


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client may be made: what is wrong is told before."""

    def fail(*_: Any) -> Any:
        raise AssertionError("something was called")

    monkeypatch.setattr(command.Clients, "of", fail)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["explain"], "IMAGE is missing, the id of an image: make explain IMAGE=ami-0123456789abcdef0"),
        (["explain", "--image", ""], "IMAGE is missing"),
        (
            ["explain", "--image", "web"],
            "IMAGE is 'web', which is not the id of an image: make explain",
        ),
        (["restore"], "make restore IMAGE=ami-0123456789abcdef0"),
        (["restore", "--image", "ami-012"], "IMAGE is 'ami-012', which is not the id of an image"),
        (["rollback"], "RECIPE is missing, the name of a recipe: make rollback RECIPE=web"),
        (["rollback", "--recipe", "web", "--to", "2"], "TO is '2', which is not a version: make rollback"),
        (["rollback", "--recipe", "infra/recipes/web.toml"], "which is not the name of a recipe"),
        (["recall"], "RECIPE is missing, the name of a recipe: make recall RECIPE=web"),
        (["recall", "--recipe", "web"], "VERSION is missing, a version: make recall RECIPE=web VERSION="),
        (["recall", "--recipe", "web", "--version", "20261123T020000Z"], "WHY is missing, a reason"),
        (["recall", "--back", "--recipe", "web"], "VERSION is missing, a version: make reinstate"),
        (["retire"], "RECIPE is missing, the name of a recipe: make retire RECIPE=web"),
        (
            ["retire", "--recipe", "web", "--dry-run", "maybe"],
            "DRY_RUN is 'maybe', but must be 1 (yes)",
        ),
        (["preflight"], "RECIPE is missing, the name of a recipe: make preflight RECIPE=web"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_what_is_missing_is_said_in_one_line_with_an_example(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert command.main(arguments) == 1
    said = capsys.readouterr()
    assert told in said.err and said.err.count("\n") == 1 and said.out == ""


@pytest.mark.parametrize(
    ("arguments", "function", "payload"),
    [
        (["explain", "--image", IMAGE], "kiln-expire", {"explain": IMAGE}),
        (["restore", "--image", IMAGE], "kiln-expire", {"restore": IMAGE}),
        (["retire", "--recipe", "web"], "kiln-expire", {"retire_recipe": "web"}),
        (["retire", "--recipe", "web", "--dry-run", ""], "kiln-expire", {"retire_recipe": "web"}),
        (
            ["retire", "--recipe", "web", "--dry-run", "1"],
            "kiln-expire",
            {"retire_recipe": "web", "dry_run": True},
        ),
        (["preflight", "--recipe", "web"], "kiln-bake", {"recipe": "web", "preflight": True}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_each_command_wakes_its_function_once(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], function: str, payload: Any
) -> None:
    cloud = Cloud({answers.DECISIONS: []})
    monkeypatch.setattr(command.Clients, "of", lambda _, service, region: cloud.of(service, region))
    assert command.main(arguments) == 0
    assert cloud.sent == [(function, payload)]


def test_what_a_function_says_when_it_fails_is_printed_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = Cloud({"errorMessage": "1 of 1 decisions failed:\n  - it is gone"}, failed=True)
    monkeypatch.setattr(command.Clients, "of", lambda _, service, region: cloud.of(service, region))
    assert command.main(["restore", "--image", IMAGE]) == 1
    assert capsys.readouterr().err == "1 of 1 decisions failed:\n  - it is gone\n"


def decision(region: str, reason: str, **more: str) -> dict[str, str]:
    fields = {answers.REGION: region, answers.ACTION: "tag", answers.OUTCOME: "done", answers.REASON: reason}
    return {**fields, answers.RECIPE: "web", answers.VERSION: "20261116T020000Z", **more}


def test_decisions_of_one_reason_stand_together() -> None:
    body = {
        answers.DECISIONS: [
            decision("us-east-1", "its images may go", **{answers.RESOURCE: "ami-1"}),
            decision("us-east-1", "it is in use", **{answers.RESOURCE: "ami-2"}),
            decision("us-east-1", "its images may go", **{answers.RESOURCE: "ami-1", answers.ACTION: "emit"}),
            decision("ap-southeast-2", "its images may go", **{answers.RESOURCE: "ami-3"}),
            decision("eu-west-1", "", **{answers.OUTCOME: "failed", answers.ERROR: "not authorized"}),
        ],
        answers.LEFT_OUT: 7,
        answers.UNSAID: "PutEvents failed",
    }
    assert answers.decisions(body) == [
        "tag, emit (done): its images may go",
        "    us-east-1       web 20261116T020000Z  ami-1",
        "    ap-southeast-2  web 20261116T020000Z  ami-3",
        "tag (done): it is in use",
        "    us-east-1  web 20261116T020000Z  ami-2",
        "tag (failed): ",
        "    eu-west-1  web 20261116T020000Z    not authorized",
        "7 more decisions are left out here: the function's log has all.",
        "Some of it was done, but no event says so: PutEvents failed",
    ]


def test_an_answer_without_a_page_is_told_by_its_decisions() -> None:
    body = {answers.DECISIONS: [decision("us-east-1", "it is not Kiln's")]}
    assert explain(body)[0] == "tag (done): it is not Kiln's"
    assert explain({answers.DECISIONS: []}) == ["Nothing is known of it."]


class Region:
    """One Region's parameter, which names another image after some looks, and its images."""

    def __init__(self, *values: str | Exception) -> None:
        self._values = list(values)

    def get_parameters(self, Names: list[str]) -> dict[str, Any]:
        value = self._values.pop(0) if len(self._values) > 1 else self._values[0]
        if isinstance(value, Exception):
            raise value
        return {"Parameters": [{"Name": Names[0], "Value": value}]}

    def describe_images(self, ImageIds: list[str]) -> dict[str, Any]:
        assert len(ImageIds) == 1
        tags = {"ami-00000001": "20261109T020000Z", "ami-00000002": "20261116T020000Z"}
        found = [{"Key": "kiln:version", "Value": tags[one]} for one in ImageIds if one in tags]
        return {"Images": [{"Tags": found}]}


def test_a_rollback_waits_until_every_region_names_it() -> None:
    regions = {"us-east-1": Region("ami-00000001"), "eu-west-1": Region("ami-00000002", "ami-00000001")}
    named = rollback.Named(list(regions), "/golden/web", None)
    pauses: list[float] = []
    found = rollback.settled(named, lambda _, region: regions[region], "20261109T020000Z", pauses.append)
    assert set(found.values()) == {"20261109T020000Z"} and len(pauses) == 1


def test_a_launch_template_is_told_by_its_latest_version() -> None:
    class Templates(Region):
        def describe_launch_template_versions(self, LaunchTemplateName: str, Versions: list[str]) -> Any:
            assert (LaunchTemplateName, Versions) == ("web-fleet", ["$Latest"])
            return {"LaunchTemplateVersions": [{"LaunchTemplateData": {"ImageId": "ami-00000002"}}]}

    region = Templates("ami-00000001")
    named = rollback.Named(["us-east-1"], "/golden/web", "web-fleet")
    assert named.now(lambda *_: region) == {
        ("us-east-1", "parameter /golden/web"): "20261109T020000Z",
        ("us-east-1", "launch template web-fleet"): "20261116T020000Z",
    }


def test_a_region_that_cannot_be_seen_or_is_late_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollback, "PATIENCE_S", 0)
    denied = rollback.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetParameters")
    regions = {
        "us-east-1": Region("ami-00000001"),
        "eu-west-1": Region("ami-00000002"),
        "ap-south-1": Region(denied),
        "us-west-2": Region("ami-99999999"),
    }
    named = rollback.Named(list(regions), "/golden/web", None)
    before = dict.fromkeys(named.now(lambda _, region: regions[region]), "20261116T020000Z")
    after = rollback.settled(named, lambda _, region: regions[region], "20261109T020000Z", lambda _: None)
    lines = rollback.moved(before, after, "20261109T020000Z")
    assert lines[0].split("  ")[0] == "REGION"
    assert lines[1].endswith("20261116T020000Z  20261109T020000Z")
    assert lines[2].endswith("20261116T020000Z (20261109T020000Z is not seen there yet)")
    assert "not seen: An error occurred (AccessDenied)" in lines[3]
    assert "ami-99999999 (20261109T020000Z is not seen there yet)" in lines[4]
