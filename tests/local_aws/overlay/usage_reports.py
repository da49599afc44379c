"""Image usage reports: which accounts use an image. Only its owner can request one, and it misses recent
use."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from local_aws.overlay import filters, paging, tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import (
    bad_combination,
    bad_value,
    error,
    image_not_found,
    missing,
    report_not_found,
)
from local_aws.overlay.image import Image, stamp
from local_aws.overlay.region import region_state
from local_aws.overlay.usage import TEMPLATE, TYPES, Entry, Report, ReportScope, entries

MOST_REPORTS = 2000
MOST_ACCOUNTS, MOST_IDS = 200, 200
LONGEST_TOKEN = 128
USUAL_DEPTH, MOST_VERSIONS = 20, 10_000
TAGGED = "image-usage-report"


class UsageReports(Overlay):
    def create_image_usage_report(self) -> ActionResult:
        """Request a report. It is pending first; an image can have one pending report, an account 2,000 in a
        Region."""
        token = self._get_param("ClientToken")
        made = self.replayed("CreateImageUsageReport", token, longest=LONGEST_TOKEN)
        if made is not None:
            return ActionResult({"ReportId": made})
        image = self._reported(self.need("ImageId"))
        scope = ReportScope(self._kinds(), self._accounts())
        wanted = tags.specified(self._get_param("TagSpecifications", []), (TAGGED,))[TAGGED]
        self.error_on_dryrun()
        self._refuse_more(image.id)
        here = region_state(self.ec2_backend)
        found = entries(
            self.ec2_backend, self.current_account, image.id, scope, here.external_uses, USUAL_DEPTH
        )
        report = Report(image.id, scope, found)
        here.reports[report.id] = report
        tags.put(self.ec2_backend, report.id, wanted)
        self.remember("CreateImageUsageReport", token, report.id)
        self._begin_report(report)
        return ActionResult({"ReportId": report.id})

    def describe_image_usage_reports(self) -> ActionResult:
        shown, token = self._reports_page(self._chosen(self._report_values), lambda report: report.id)
        wired = [report.wire(self.ec2_backend) for report in shown]
        return ActionResult({"ImageUsageReports": wired, "NextToken": token})

    def describe_image_usage_report_entries(self) -> ActionResult:
        """The entries of available reports; other reports have none."""
        found = [
            (report, entry)
            for report in self._reports_named()
            if report.state == "available"
            for entry in report.entries
        ]
        found = filters.select(self.filters(), found, lambda pair: {}, self._entry_values)
        shown, token = self._reports_page(
            found, lambda pair: f"{pair[0].id} {pair[1].resource_type} {pair[1].account}"
        )
        wired = [report.wire_entry(entry) for report, entry in shown]
        return ActionResult({"ImageUsageReportEntries": wired, "NextToken": token})

    def delete_image_usage_report(self) -> ActionResult:
        report = self._report(self.need("ReportId"))
        self.error_on_dryrun()
        del region_state(self.ec2_backend).reports[report.id]
        self.ec2_backend.tags.pop(report.id, None)
        return ActionResult({"Return": True})

    def _begin_report(self, report: Report) -> None:
        world, region = self.world, self.region
        reports = region_state(self.ec2_backend).reports
        fails = world.faults.of_report(region)

        def end() -> None:
            with world.lock:
                if reports.get(report.id) is report:
                    report.state, report.reason = ("available", None) if fails is None else ("error", fails)
                    world.journal.add(
                        "state",
                        what="report",
                        id=report.id,
                        image=report.image_id,
                        region=region,
                        state=report.state,
                    )

        world.clock.after(world.timing.report, "report", f"{report.id} is pending", end)

    def _reported(self, image_id: str) -> Image:
        """The image of a request. For an image of another account the answer is as if it did not exist."""
        image: Image | None = self.ec2_backend.amis.get(image_id)
        if image is None or image.owner_id != self.current_account:
            raise image_not_found([image_id])
        return image

    def _kinds(self) -> dict[str, int | None]:
        kinds: dict[str, int | None] = {}
        for one in self.need("ResourceTypes"):
            kind = one.get("ResourceType")
            if kind not in TYPES:
                raise bad_value(f"Invalid resource type: {kind}")
            kinds[kind] = _depth(kind, one.get("ResourceTypeOptions", []))
        return kinds

    def _accounts(self) -> list[str]:
        accounts: list[str] = self._get_param("AccountIds", [])
        if len(accounts) > MOST_ACCOUNTS:
            raise bad_value(f"At most {MOST_ACCOUNTS} accounts may be named")
        return accounts

    def _refuse_more(self, image_id: str) -> None:
        """Check EC2's limits. They are documented; the error codes are not."""
        reports = region_state(self.ec2_backend).reports.values()
        if any((report.image_id, report.state) == (image_id, "pending") for report in reports):
            raise error("ResourceLimitExceeded", f"A usage report of {image_id} is pending already")
        if len(reports) >= MOST_REPORTS:
            raise error("ResourceLimitExceeded", f"There may be at most {MOST_REPORTS} image usage reports")

    def _chosen(self, values: Any) -> list[Report]:
        backend = self.ec2_backend
        return filters.select(
            self.filters(), self._reports_named(), lambda one: tags.of(backend, one.id), values
        )

    def _reports_named(self) -> list[Report]:
        """The reports of the given images or ids, or all. Only an unknown report id is an error."""
        images, ids = self._get_param("ImageIds", []), self._get_param("ReportIds", [])
        if max(len(images), len(ids)) > MOST_IDS:
            raise bad_value(f"At most {MOST_IDS} ids may be given")
        if ids and self._get_param("MaxResults") is not None:
            raise bad_combination("The parameter reportIds cannot be used with the parameter maxResults")
        self.error_on_dryrun()
        found = (
            [self._report(one) for one in ids]
            if ids
            else list(region_state(self.ec2_backend).reports.values())
        )
        wanted = set(images)
        return [report for report in found if not wanted or report.image_id in wanted]

    def _report(self, report_id: str) -> Report:
        report = region_state(self.ec2_backend).reports.get(report_id)
        if report is None:
            raise report_not_found(report_id)
        return report

    def _reports_page(self, things: list[Any], key: Any) -> tuple[list[Any], str | None]:
        size, token = self._get_param("MaxResults"), self._get_param("NextToken")
        return paging.page(things, size, token, key, lowest=1)

    @staticmethod
    def _report_values(report: Report, name: str) -> list[str] | None:
        return {"state": [report.state], "creation-time": [stamp(report.created)]}.get(name)

    @staticmethod
    def _entry_values(pair: tuple[Report, Entry], name: str) -> list[str] | None:
        report, entry = pair
        known = {
            "account-id": [entry.account],
            "resource-type": [entry.resource_type],
            "creation-time": [stamp(report.created)],
        }
        return known.get(name)


def _depth(kind: str, options: list[dict[str, Any]]) -> int | None:
    if not options:
        return None
    if kind != TEMPLATE:
        raise bad_value(f"ResourceTypeOptions are valid only for {TEMPLATE}")
    for option in options:
        if option.get("OptionName") != "version-depth":
            raise bad_value(f"Invalid option: {option.get('OptionName')}")
        values = option.get("OptionValues", [])
        if not values:
            raise missing("optionValue")
        if not (values[0].isdigit() and 1 <= int(values[0]) <= MOST_VERSIONS):
            raise bad_value(f"version-depth must be between 1 and {MOST_VERSIONS}")
        return int(values[0])
    return None
