"""Regions, settings of the account, and findings of Amazon Inspector."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from moto.core.responses import ActionResult

from local_aws.overlay import filters
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_value
from local_aws.overlay.image import Image
from local_aws.settings import REGIONS

BLOCKED, UNBLOCKED = "block-new-sharing", "unblocked"


class Account(Overlay):
    def describe_regions(self) -> ActionResult:
        """The enabled Regions; with AllRegions or by name also others."""
        asked = self._get_param("RegionNames", [])
        self.error_on_dryrun()
        known = {region.name: _region(region.name) for region in self.ec2_backend.describe_regions()}
        if unknown := [name for name in asked if name not in known]:
            raise bad_value(f"Invalid region names: {unknown}")
        if asked or self._get_param("AllRegions", False):
            found = [region for name, region in known.items() if not asked or name in asked]
        else:
            found = [_region(name) for name in REGIONS]
        chosen = filters.select(self.filters(), found, lambda region: {}, _region_values)
        return ActionResult({"Regions": chosen})

    def get_image_block_public_access_state(self) -> ActionResult:
        """On for an account that has no public images, as on AWS."""
        self.error_on_dryrun()
        state = self.world.public_images.get(self.region, BLOCKED)
        return ActionResult({"ImageBlockPublicAccessState": state, "ManagedBy": "account"})

    def disable_image_block_public_access(self) -> ActionResult:
        self.error_on_dryrun()
        self.world.public_images[self.region] = UNBLOCKED
        return ActionResult({"ImageBlockPublicAccessState": UNBLOCKED})

    def enable_image_block_public_access(self) -> ActionResult:
        self.error_on_dryrun()
        self.world.public_images[self.region] = BLOCKED
        return ActionResult({"ImageBlockPublicAccessState": BLOCKED})

    def get_ebs_default_kms_key_id(self) -> ActionResult:
        """The key of new encrypted volumes: AWS's own, unless the account has set another."""
        return ActionResult({"KmsKeyId": self.ec2_backend.default_kms_key_id or "alias/aws/ebs"})


def _region(name: str) -> dict[str, str]:
    return {
        "RegionName": name,
        "Endpoint": f"ec2.{name}.amazonaws.com",
        "OptInStatus": "opt-in-not-required" if name in REGIONS else "not-opted-in",
    }


def _region_values(region: dict[str, str], name: str) -> list[str] | None:
    members = {"region-name": "RegionName", "endpoint": "Endpoint", "opt-in-status": "OptInStatus"}
    return [region[members[name]]] if name in members else None


def scan_results(image: Image) -> str | None:
    """The XML of `scanResults`, a member of DescribeImages that botocore's model does not have yet."""
    if image.scanned is None:
        return None
    return f"<scanResults><findingScanDate>{escape(image.scanned)}</findingScanDate></scanResults>"


def findings_answer(image: Image) -> bytes:
    """The answer of GetImageFindings, an operation that botocore's model does not have yet."""

    def one(finding: dict[str, Any]) -> str:
        fix = "true" if finding.get("fix", True) else "false"
        return (
            f"<item><fixAvailable>{fix}</fixAvailable><title>{escape(str(finding['title']))}</title>"
            f"<severityLabel>{escape(str(finding['severity']))}</severityLabel></item>"
        )

    items = "".join(one(finding) for finding in image.findings)
    body = f"<imageFindingSet>{items}</imageFindingSet>"
    return f"<GetImageFindingsResponse>{body}</GetImageFindingsResponse>".encode()
