"""The Terraform module repeats nothing of the templates, and what it names of them is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from stack import functions, release
from stack import template as templates
from stack.template import HOME_TEMPLATE, REGION_TEMPLATE
from stack.tests.conftest import build
from stack.tests.terraform import MODULE, copied

FOLDERS = {"home": MODULE, "region": MODULE / "region", "example": MODULE / "example"}
OF_TEMPLATE = [(MODULE, HOME_TEMPLATE), (MODULE / "region", REGION_TEMPLATE)]
OUTPUT = re.compile(r"aws_cloudformation_stack\.\w+\.outputs\[\"(\w+)\"\]")


def text(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))


def blocks(folder: Path, kind: str) -> dict[str, Any]:
    """The blocks of a kind, by their labels."""
    found: dict[str, Any] = {}
    for block in hcl2.loads(text(folder)).get(kind, []):
        labels = []
        while len(block) == 1 and next(iter(block)).startswith('"'):
            ((label, block),) = block.items()
            labels.append(label.strip('"'))
        found[".".join(labels)] = block
    return found


def names(expression: str) -> set[str]:
    """The keys of an object in an expression."""
    return set(re.findall(r"(\w+) = ", expression))


@pytest.mark.parametrize(("folder", "template"), OF_TEMPLATE, ids=["home", "region"])
def test_each_parameter_that_a_module_sets_is_the_templates(folder: Path, template: Path) -> None:
    (stack,) = blocks(folder, "resource").keys() & {
        "aws_cloudformation_stack.kiln",
        "aws_cloudformation_stack.region",
    }
    expression = blocks(folder, "resource")[stack]["parameters"]
    own = names(expression)
    assert expression.startswith("${merge(var.parameters, {") and own
    known = templates.read(template)["Parameters"]
    assert own <= set(known)
    # Whoever sets one of them by the map as well is told to use the variable.
    (validation,) = blocks(folder, "variable")["parameters"]["validation"]
    assert set(re.findall(r'"(\w+)"', validation["condition"])) == own
    # And what has no default is set by the module.
    assert {name for name, one in known.items() if "Default" not in one} <= own


@pytest.mark.parametrize(("folder", "template"), OF_TEMPLATE, ids=["home", "region"])
def test_each_output_that_a_module_reads_is_the_templates(folder: Path, template: Path) -> None:
    read = set(OUTPUT.findall(text(folder)))
    assert read and read <= set(templates.read(template)["Outputs"])


def test_the_example_gives_parameters_and_variables_that_are_there() -> None:
    modules = blocks(MODULE / "example", "module")
    assert set(modules) == {"kiln", "kiln_ireland"}
    for module, (folder, template) in zip(modules.values(), OF_TEMPLATE, strict=True):
        assert (MODULE / "example" / module["source"].strip('"')).resolve() == folder
        given = {name for name in module if not name.startswith("__")} - {"source", "providers"}
        variables = blocks(folder, "variable")
        assert given <= set(variables)
        assert {name for name, one in variables.items() if "default" not in one} <= given
        assert set(module.get("parameters", {})) - {"__comments__"} <= set(
            templates.read(template)["Parameters"]
        )
    read = set(re.findall(r"module\.kiln\.(\w+)", text(MODULE / "example")))
    assert read and read <= set(blocks(MODULE, "output"))


@pytest.mark.parametrize("architecture", release.ARCHITECTURES)
def test_the_module_finds_each_function_in_a_releases_template(tmp_path: Path, architecture: str) -> None:
    builds = build(tmp_path)
    release.lay({architecture: builds}, tmp_path / "release", lambda _: None)
    template = release.home_template(tmp_path / "release", architecture)
    (pattern,) = {found.replace("\\\\", "\\") for found in re.findall(r'"(CodeUri: [^"]+)"', text(MODULE))}
    assert tuple(re.findall(pattern, template.read_text())) == functions.names()
    # Line by line, as kiln deploy does it: each names the zip of its function, and no other line is touched.
    document = templates.read(template)
    uris = [str(one["CodeUri"]) for one in templates.functions(document).values()]
    lines = [line for line in template.read_text().split("\n") if re.search(pattern, line)]
    assert [line.split("CodeUri: ")[1] for line in lines] == uris
    assert '"${var.prefix}${function}/${filesha256(zip)}.zip"' in text(MODULE), "the same keys"


def test_the_module_gives_a_stack_the_capabilities_that_make_deploy_gives() -> None:
    stack = blocks(MODULE, "resource")["aws_cloudformation_stack.kiln"]
    assert {one.strip('"') for one in stack["capabilities"]} == {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}


def test_a_former_zip_stays_until_the_stack_is_updated() -> None:
    for name, resource in blocks(MODULE, "resource").items():
        if name.startswith("aws_s3_object."):
            (lifecycle,) = resource["lifecycle"]
            assert lifecycle["create_before_destroy"] is True
    assert "aws_s3_object.function" in text(MODULE).split("depends_on = ")[1]


def test_the_further_regions_stack_is_named_by_what_is_known_before_the_home_stack_changes() -> None:
    # By an output it would be unknown, and the stack would be made anew.
    assert blocks(MODULE, "output")["name"]["value"] == "${aws_cloudformation_stack.kiln.name}"


def test_the_copy_for_the_local_aws_can_be_made(tmp_path: Path) -> None:
    class Aws:
        url = "http://localhost:1"

    example = copied(tmp_path / "module", Aws())  # type: ignore[arg-type]
    assert "s3_use_path_style           = true" in (example / "main.tf").read_text()
