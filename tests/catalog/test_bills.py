"""The bills of materials, by the official schemas and by the tools that read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_each_cyclonedx_bill_is_valid_by_the_schema_of_its_version(sample: Path) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json", reason="make catalog-pages installs it")
    schema = pytest.importorskip("cyclonedx.schema").SchemaVersion.V1_6
    bills = sorted(sample.glob("contents/*/*.cdx.json"))
    assert len(bills) > 20
    for bill in bills:
        assert validation.JsonStrictValidator(schema).validate_str(bill.read_text()) is None, bill


def test_each_spdx_bill_is_valid_and_names_what_the_list_names(sample: Path) -> None:
    parse = pytest.importorskip(
        "spdx_tools.spdx.parser.parse_anything", reason="make catalog-pages installs it"
    )
    validator = pytest.importorskip("spdx_tools.spdx.validation.document_validator")
    bills = sorted(sample.glob("contents/web/*.spdx.json"))
    assert bills
    for bill in bills:
        document = parse.parse_file(str(bill))
        assert validator.validate_full_spdx_document(document) == [], bill
        listed = bill.with_name(bill.name.replace("spdx.json", "txt")).read_text().splitlines()
        assert len(document.packages) == len(listed) + 1, "the packages, and the image that they are in"


def test_each_package_url_is_written_as_its_own_library_writes_it(sample: Path) -> None:
    package_url = pytest.importorskip("packageurl", reason="make catalog-pages installs it").PackageURL
    for bill in sample.glob("contents/*/*.cdx.json"):
        components = json.loads(bill.read_text())["components"]
        assert len({one["bom-ref"] for one in components}) == len(components), bill
        for one in components:
            assert package_url.from_string(one["purl"]).to_string() == one["purl"]
