"""Windows bases, on a model of Windows: baked, captured, tested and released, with user data in PowerShell.

What runs the steps is `local_aws.overlay.windows_guest`, which no Windows has been held against.
"""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
import tree_sitter
import tree_sitter_powershell

from e2e import folder
from e2e.kiln import HOME, Kiln, tags_of

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
RECIPE = """
name = "web"
tags = {{ team = "web" }}
{head}
[bake]
base = "{base}"
instance_type = "t3.large"
{bake}
[verify]
{verify}
[publish]
parameter = "/golden/web"
"""
FILES = {
    "scripts/10-iis.ps1": "Write-Output 'installs iis for $env:KILN_SITE'\n",
    "scripts/20-site.ps1": "Write-Output 'after the restart'\n",
    "tests/smoke.ps1": "Write-Output 'tested $env:KILN_SITE'\n",
}


def windows(kiln: Kiln, **more: Any) -> str:
    """An image of Windows in the home Region."""
    image = {"region": HOME, "name": "Windows_Server-2022", "architecture": "x86_64", "platform": "windows"}
    return str(kiln.aws.seed(images=[{**image, "size_gb": 30, **more}])["images"][0])


def put(kiln: Kiln, base: str, bake: str = "", verify: str = "", head: str = "") -> None:
    kiln.recipe(document=RECIPE.format(base=base, bake=bake, verify=verify, head=head))


def user_data(kiln: Kiln) -> list[str]:
    """The user data of every instance that was launched, oldest first: not compressed."""
    texts = []
    for call in kiln.calls("RunInstances"):
        (instance,) = set(re.findall(r"\bi-[0-9a-f]{17}", str(call["made"])))
        given = kiln.ec2().describe_instance_attribute(InstanceId=instance, Attribute="userData")
        texts.append(base64.b64decode(given["UserData"]["Value"]).decode())
    return texts


def is_powershell(text: str) -> bool:
    """Whether a grammar of PowerShell takes what stands between the agent's tags."""
    inner = text.removeprefix("<powershell>\n").removesuffix("</powershell>\n")
    assert inner != text and "<powershell" not in inner
    return not PARSER.parse(inner.encode()).root_node.has_error


def released(kiln: Kiln) -> dict[str, Any]:
    (news,) = kiln.said("Image Released")
    (image,) = kiln.images()
    assert news["image"] == image["ImageId"] and kiln.living() == []
    return image


def test_the_grammar_knows_what_is_no_powershell() -> None:
    assert is_powershell("<powershell>\n& $kiln begin\n</powershell>\n")
    assert not is_powershell("<powershell>\nif ($a) { 'b\n</powershell>\n")


def test_a_windows_recipe_is_baked_generalised_tested_and_released(kiln: Kiln) -> None:
    site = "a $HOME of `its own"
    script = "Write-Output 'baked $env:KILN_SITE'"
    put(
        kiln, windows(kiln), f'script = "{script}"', f'script = "{script}"', f'params = {{ site = "{site}" }}'
    )
    (checked,) = kiln.invoke("bake", {"preflight": True, "recipe": "web"}).decisions
    told = kiln.bake().decisions
    assert [line["action"] for line in told] == ["keep", "launch"]
    for line in (checked, told[0]):
        assert "baking Windows is experimental: it was never run on Windows" in line["reason"]
    kiln.sweep()
    image = released(kiln)
    assert image["Platform"] == "windows" and tags_of(image)["kiln:stage"] == "released"
    assert kiln.parameter() == image["ImageId"]
    launched = user_data(kiln)
    assert len(launched) == 2 and all(is_powershell(text) for text in launched)
    assert all("\n$env:KILN_SITE = 'a $HOME of `its own'\n" in text for text in launched)


def test_a_folder_is_fetched_its_steps_restart_and_the_log_is_kept(kiln: Kiln) -> None:
    head = f'params = {{ site = "intranet" }}\n{folder.put(kiln, FILES)}'
    steps = 'steps = ["scripts/10-iis.ps1", "reboot", "scripts/20-site.ps1"]\nkeep_log = "30d"'
    put(kiln, windows(kiln), steps, 'steps = ["tests/smoke.ps1"]', head)
    kiln.bake()
    kiln.sweep()
    image = released(kiln)
    assert all(is_powershell(text) for text in user_data(kiln))
    version = tags_of(image)["kiln:version"]
    log = folder.log_of(kiln, f"logs/30d/web/{version}/builder-{HOME}.log")
    assert log.index("installs iis for intranet") < log.index("after the restart")
    assert "tested intranet" in folder.log_of(kiln, f"logs/30d/web/{version}/tester-{HOME}.log")


def test_where_the_console_shows_nothing_the_log_tells_the_verdict(kiln: Kiln) -> None:
    base = windows(kiln, serial_port=False)
    script = "Write-Output 'baked'"
    put(kiln, base, f'script = "{script}"\nkeep_log = "30d"')
    before = kiln.aws.journal_end()
    kiln.bake(scheduled_time="2025-06-01T02:00:00Z")
    kiln.sweep()
    released(kiln)
    put(kiln, base, 'script = "throw \'no feature of that name\'"\nkeep_log = "30d"')
    kiln.bake(scheduled_time="2025-06-02T02:00:00Z")
    (news,) = kiln.said("Bake Failed", before)
    assert "status 1" in news["reason"] and "no feature of that name" in news["console-tail"]
    assert all(is_powershell(text) for text in user_data(kiln))


def test_without_a_log_a_silent_console_is_no_verdict(kiln: Kiln) -> None:
    put(kiln, windows(kiln, serial_port=False), "script = \"Write-Output 'baked'\"")
    kiln.bake()
    (builder,) = kiln.living()
    assert builder["State"]["Name"] == "stopped" and kiln.images() == []


@pytest.mark.parametrize(
    ("script", "status", "tail"),
    [
        ("Write-Output before\nthrow 'no feature of that name'", 1, "no feature of that name"),
        ("exit 7", 7, ""),
        ("Restart-Computer -Force", 129, "the machine restarted before the script had ended"),
    ],
)
def test_a_script_that_fails_makes_no_image(kiln: Kiln, script: str, status: int, tail: str) -> None:
    put(kiln, windows(kiln), f'script = """{script}"""')
    kiln.bake()
    (news,) = kiln.said("Bake Failed")
    assert f"status {status}" in news["reason"] and tail in news["console-tail"]
    assert kiln.images() == []


def test_an_archive_that_is_not_there_is_told_and_nothing_runs(kiln: Kiln) -> None:
    put(kiln, windows(kiln), 'steps = ["scripts/a.ps1"]', head=f'archive = "sha256:{"0a" * 32}"')
    kiln.bake()
    (news,) = kiln.said("Bake Failed")
    assert "status 125" in news["reason"] and "cannot be fetched" in news["console-tail"]


def test_an_image_that_was_not_generalised_fails_its_test(kiln: Kiln) -> None:
    """The agent runs user data once, and again only after it generalised the machine."""
    put(kiln, windows(kiln), head='adopt = { name = "built-*" }')
    windows(kiln, name="built-1", generalised=False, tags={"kiln:recipe": "web"}, sealed=False)
    kiln.sweep()
    (tester,) = kiln.living()
    kiln.wait_for_console(tester["InstanceId"], "has run its user data before")
    past = [{"Key": "kiln:deadline", "Value": "2026-01-01T00:00:00Z"}]
    kiln.ec2().create_tags(Resources=[tester["InstanceId"]], Tags=past)
    kiln.sweep()
    (news,) = kiln.said("Image Rejected")
    assert "its time was up" in news["reason"] and kiln.living() == []


def test_macos_is_refused_with_what_to_do_instead(kiln: Kiln) -> None:
    for architecture in ("arm64_mac", "x86_64_mac"):
        image = {"region": HOME, "name": f"macos-{architecture}", "architecture": architecture}
        (base,) = kiln.aws.seed(images=[image])["images"]
        put(kiln, base)
        for call in ({"preflight": True, "recipe": "web"}, {"recipe": "web"}):
            error = kiln.invoke("bake", call).error
            assert f"the base {base} is macOS, which Kiln can neither bake nor test" in error
    assert kiln.calls("RunInstances") == []


def test_scripts_of_another_platform_are_told_before_anything_is_launched(kiln: Kiln) -> None:
    head = folder.put(kiln, FILES)
    base = windows(kiln)
    put(kiln, base, 'script = """#!/bin/bash\necho"""', 'steps = ["tests/smoke.sh"]', head)
    for call in ({"preflight": True, "recipe": "web"}, {"recipe": "web"}):
        error = kiln.invoke("bake", call).error
        assert f"the base {base} runs Windows, but bake.script begins with #!/bin/bash" in error
        assert "but verify.steps[0] is tests/smoke.sh; name a file that ends in .ps1" in error
    linux = {"region": HOME, "name": "linux", "architecture": "x86_64"}
    (base,) = kiln.aws.seed(images=[linux])["images"]
    put(kiln, base, 'steps = ["scripts/10-iis.ps1"]', head=head)
    error = kiln.invoke("bake", {"preflight": True}).error
    assert f"the base {base} runs Linux, but bake.steps[0] is scripts/10-iis.ps1" in error
    assert kiln.calls("RunInstances") == []
