"""Image usage reports: which accounts use an image. Only its owner gets them, and they miss recent use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local_aws.client import LocalAws
from local_aws.settings import ACCOUNT
from local_aws.tests.conftest import image, refused, tagged

PARTNER, OTHER = "111122223333", "444455556666"
INSTANCES = [{"ResourceType": "ec2:Instance"}]
TEMPLATES = [{"ResourceType": "ec2:LaunchTemplate"}]
BOTH = INSTANCES + TEMPLATES
NOBODY = "ami-0123456789abcdef0"


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def elsewhere(aws: LocalAws, made: str, account: str = PARTNER, **fields: Any) -> None:
    aws.seed(launches_elsewhere=[{"region": "us-east-1", "image": made, "account": account, **fields}])


def report(aws: LocalAws, made: str, kinds: list[dict[str, Any]] = BOTH, **more: Any) -> str:
    """Requests a report and waits until it is available."""
    ec2 = aws.client("ec2")
    asked = ec2.create_image_usage_report(ImageId=made, ResourceTypes=kinds, **more)["ReportId"]
    aws.wait_idle()
    return str(asked)


def entries_of(aws: LocalAws, *reports: str, **asked: Any) -> list[tuple[str, str, int]]:
    answer = aws.client("ec2").describe_image_usage_report_entries(ReportIds=list(reports), **asked)
    return [
        (one["AccountId"], one["ResourceType"], one["UsageCount"])
        for one in answer["ImageUsageReportEntries"]
    ]


def one_report(aws: LocalAws, identity: str) -> dict[str, Any]:
    (found,) = aws.client("ec2").describe_image_usage_reports(ReportIds=[identity])["ImageUsageReports"]
    return dict(found)


def test_a_report_is_pending_until_it_is_available(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    elsewhere(aws, made)
    depth = {"OptionName": "version-depth", "OptionValues": ["50"]}
    kinds = [*INSTANCES, {**TEMPLATES[0], "ResourceTypeOptions": [depth]}]
    asked = ec2.create_image_usage_report(
        ImageId=made,
        ResourceTypes=kinds,
        AccountIds=[PARTNER],
        TagSpecifications=[tagged("image-usage-report", a="b")],
    )["ReportId"]
    found = one_report(aws, asked)
    assert (found["State"], found["ImageId"], found["AccountIds"]) == ("pending", made, [PARTNER])
    assert (found["ResourceTypes"], found["Tags"]) == (kinds, [{"Key": "a", "Value": "b"}])
    assert found["ExpirationTime"] - found["CreationTime"] == timedelta(days=30)
    assert entries_of(aws, asked) == []
    aws.wait_idle()
    assert one_report(aws, asked)["State"] == "available"
    assert entries_of(aws, asked) == [(PARTNER, "ec2:Instance", 1)]
    ec2.get_waiter("image_usage_report_available").wait(ReportIds=[asked])
    states = [e["state"] for e in aws.journal(kind="state") if e["id"] == asked]
    assert states == ["available"]


def test_only_its_owner_may_ask_about_an_image(aws: LocalAws) -> None:
    theirs = image(aws, owner=PARTNER, public=True)
    for one in (theirs, NOBODY):
        with refused("InvalidAMIID.NotFound", one):
            aws.client("ec2").create_image_usage_report(ImageId=one, ResourceTypes=BOTH)


def test_an_image_has_one_pending_report(aws: LocalAws) -> None:
    ec2, made, other = aws.client("ec2"), image(aws), image(aws, name="other")
    ec2.create_image_usage_report(ImageId=made, ResourceTypes=BOTH)
    with refused("ResourceLimitExceeded", made):
        ec2.create_image_usage_report(ImageId=made, ResourceTypes=BOTH)
    ec2.create_image_usage_report(ImageId=other, ResourceTypes=BOTH)
    aws.wait_idle()
    ec2.create_image_usage_report(ImageId=made, ResourceTypes=BOTH)


def test_there_are_at_most_2000_reports(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    seeded = {"region": "us-east-1", "image": made, "count": 2000}
    first = aws.seed(usage_reports=[seeded])["usage_reports"][0]
    with refused("ResourceLimitExceeded", "2000"):
        ec2.create_image_usage_report(ImageId=made, ResourceTypes=BOTH)
    ec2.delete_image_usage_report(ReportId=first)
    ec2.create_image_usage_report(ImageId=made, ResourceTypes=BOTH)


def test_the_same_token_makes_one_report(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    asked = {"ImageId": made, "ResourceTypes": BOTH, "ClientToken": "t" * 128}
    first = ec2.create_image_usage_report(**asked)["ReportId"]
    assert ec2.create_image_usage_report(**asked)["ReportId"] == first
    with refused("IdempotentParameterMismatch"):
        ec2.create_image_usage_report(**{**asked, "ResourceTypes": INSTANCES})
    with refused("InvalidParameterValue", "128"):
        ec2.create_image_usage_report(**{**asked, "ClientToken": "t" * 129})


def test_a_report_does_not_see_the_last_day_of_instances(aws: LocalAws) -> None:
    made = image(aws)
    machine = {"region": "us-east-1", "image": made}
    aws.seed(
        instances=[machine, {**machine, "launched": days_ago(1.1)}, {**machine, "launched": days_ago(9)}]
    )
    elsewhere(aws, made, count=5, since=days_ago(0.9))
    assert entries_of(aws, report(aws, made)) == [(ACCOUNT, "ec2:Instance", 2)]
    aws.days_pass(1)
    assert entries_of(aws, report(aws, made)) == [(ACCOUNT, "ec2:Instance", 3), (PARTNER, "ec2:Instance", 5)]


def test_an_instance_that_is_gone_is_not_counted(aws: LocalAws) -> None:
    made = image(aws)
    machine = {"region": "us-east-1", "image": made, "launched": days_ago(9)}
    (first, _) = aws.seed(instances=[machine, machine])["instances"]
    aws.client("ec2").terminate_instances(InstanceIds=[first])
    assert entries_of(aws, report(aws, made)) == [(ACCOUNT, "ec2:Instance", 1)]


def test_a_report_does_not_see_the_last_days_of_launch_templates(aws: LocalAws) -> None:
    made = image(aws)
    fresh = {"region": "us-east-1", "name": "fresh", "versions": [made], "created": days_ago(2.9)}
    old = {"region": "us-east-1", "name": "old", "versions": [made, made, NOBODY], "created": days_ago(3.1)}
    aws.seed(launch_templates=[fresh, old])
    elsewhere(aws, made, resource_type="ec2:LaunchTemplate", since=days_ago(2.9))
    assert entries_of(aws, report(aws, made)) == [(ACCOUNT, "ec2:LaunchTemplate", 1)]
    aws.days_pass(0.2)
    found = entries_of(aws, report(aws, made))
    assert found == [(ACCOUNT, "ec2:LaunchTemplate", 2), (PARTNER, "ec2:LaunchTemplate", 1)]


def test_of_a_launch_template_the_newest_twenty_versions_are_looked_at(aws: LocalAws) -> None:
    first, second = image(aws), image(aws, name="web-2")
    versions = [first, second, *[NOBODY] * 19]
    template = {"region": "us-east-1", "name": "t", "versions": versions, "created": days_ago(9)}
    aws.seed(launch_templates=[template])
    assert entries_of(aws, report(aws, second)) == [(ACCOUNT, "ec2:LaunchTemplate", 1)]
    assert entries_of(aws, report(aws, first)) == []
    deeper = {"OptionName": "version-depth", "OptionValues": ["21"]}
    kinds = [{**TEMPLATES[0], "ResourceTypeOptions": [deeper]}]
    assert entries_of(aws, report(aws, first, kinds)) == [(ACCOUNT, "ec2:LaunchTemplate", 1)]


def test_a_report_is_of_the_kinds_and_accounts_asked_for(aws: LocalAws) -> None:
    made = image(aws)
    elsewhere(aws, made)
    elsewhere(aws, made, OTHER, count=2)
    elsewhere(aws, made, OTHER, resource_type="ec2:LaunchTemplate", count=3)
    everything = report(aws, made)
    assert entries_of(aws, everything) == [
        (PARTNER, "ec2:Instance", 1),
        (OTHER, "ec2:Instance", 2),
        (OTHER, "ec2:LaunchTemplate", 3),
    ]
    by_account = [
        {"Name": "account-id", "Values": [OTHER]},
        {"Name": "resource-type", "Values": ["*Template"]},
    ]
    assert entries_of(aws, everything, Filters=by_account) == [(OTHER, "ec2:LaunchTemplate", 3)]
    assert entries_of(aws, report(aws, made, INSTANCES, AccountIds=[OTHER])) == [(OTHER, "ec2:Instance", 2)]


def test_a_report_keeps_what_was_true_when_it_was_asked_for(aws: LocalAws) -> None:
    made = image(aws)
    elsewhere(aws, made)
    before = report(aws, made)
    aws.ends_elsewhere(made, PARTNER)
    assert entries_of(aws, before) == [(PARTNER, "ec2:Instance", 1)]
    assert entries_of(aws, report(aws, made)) == []


def test_another_region_has_its_own_reports(aws: LocalAws) -> None:
    made = image(aws, region="eu-west-1")
    aws.seed(launches_elsewhere=[{"region": "eu-west-1", "image": made, "account": PARTNER}])
    europe = aws.client("ec2", "eu-west-1")
    europe.create_image_usage_report(ImageId=made, ResourceTypes=BOTH)
    assert aws.client("ec2").describe_image_usage_reports()["ImageUsageReports"] == []
    assert len(europe.describe_image_usage_reports()["ImageUsageReports"]) == 1


def test_reports_and_entries_come_in_pages(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = aws.seed(images=[{"region": "us-east-1", "name": f"web-{n}"} for n in range(5)])["images"]
    for one in made:
        elsewhere(aws, one)
        ec2.create_image_usage_report(ImageId=one, ResourceTypes=INSTANCES)
    aws.wait_idle()
    for operation, member in (
        ("describe_image_usage_reports", "ImageUsageReports"),
        ("describe_image_usage_report_entries", "ImageUsageReportEntries"),
    ):
        pages = list(ec2.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2}))
        assert [[one["ImageId"] for one in page[member]] for page in pages] == [made[:2], made[2:4], made[4:]]


def test_reports_are_found_by_image_state_time_and_tag(aws: LocalAws) -> None:
    ec2, first, second = aws.client("ec2"), image(aws), image(aws, name="web-2")
    old = report(aws, first, TagSpecifications=[tagged("image-usage-report", run="1")])
    aws.days_pass(2)
    new = ec2.create_image_usage_report(ImageId=second, ResourceTypes=BOTH)["ReportId"]

    def found(**asked: Any) -> list[str]:
        answer = ec2.describe_image_usage_reports(**asked)["ImageUsageReports"]
        return [one["ReportId"] for one in answer]

    def by(name: str, value: str) -> list[str]:
        return found(Filters=[{"Name": name, "Values": [value]}])

    assert found() == [old, new]
    assert (found(ImageIds=[second]), found(ImageIds=[NOBODY])) == ([new], [])
    assert (by("state", "pending"), by("state", "available")) == ([new], [old])
    assert (by("tag:run", "1"), by("tag-key", "run")) == ([old], [old])
    assert by("creation-time", f"{days_ago(2)[:10]}*") == [old]


def test_a_report_lasts_thirty_days_or_until_it_is_deleted(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    first = report(aws, made)
    ec2.delete_image_usage_report(ReportId=first)
    with refused("InvalidImageUsageReportId.NotFound", first):
        ec2.delete_image_usage_report(ReportId=first)
    with refused("InvalidImageUsageReportId.NotFound"):
        ec2.describe_image_usage_report_entries(ReportIds=[first])
    report(aws, made)
    aws.days_pass(29.9)
    assert len(ec2.describe_image_usage_reports()["ImageUsageReports"]) == 1
    aws.days_pass(0.2)
    assert ec2.describe_image_usage_reports()["ImageUsageReports"] == []


def test_what_makes_no_sense_is_refused(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    depth = {"OptionName": "version-depth", "OptionValues": ["10001"]}
    for kinds in (
        [{"ResourceType": "ssm:Parameter"}],
        [{**TEMPLATES[0], "ResourceTypeOptions": [depth]}],
        [{**INSTANCES[0], "ResourceTypeOptions": [{**depth, "OptionValues": ["5"]}]}],
    ):
        with refused("InvalidParameterValue"):
            ec2.create_image_usage_report(ImageId=made, ResourceTypes=kinds)
    with refused("InvalidParameterCombination"):
        ec2.describe_image_usage_reports(ReportIds=["amiur-0"], MaxResults=5)
    with refused("InvalidParameterValue", "200"):
        ec2.describe_image_usage_reports(ImageIds=[NOBODY] * 201)


def test_reports_fail_as_a_fault_says(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    aws.faults(
        {"call": "CreateImageUsageReport", "code": "RequestLimitExceeded"},
        {"report": "Internal error", "region": "us-east-1"},
    )
    with refused("RequestLimitExceeded"):
        ec2.create_image_usage_report(ImageId=made, ResourceTypes=BOTH)
    failed = report(aws, made)
    found = one_report(aws, failed)
    assert (found["State"], found["StateReason"]) == ("error", "Internal error")
    assert entries_of(aws, failed) == []
    calls = [e for e in aws.journal(kind="call") if e["action"] == "CreateImageUsageReport"]
    assert [(e["error"], e["made"]) for e in calls] == [
        ("RequestLimitExceeded", {}),
        (None, {"reportId": failed}),
    ]


def test_a_reset_takes_all_of_it(aws: LocalAws) -> None:
    made = image(aws)
    elsewhere(aws, made)
    aws.client("ec2").create_image_usage_report(ImageId=made, ResourceTypes=BOTH)
    aws.reset()
    assert aws.client("ec2").describe_image_usage_reports()["ImageUsageReports"] == []
    assert aws.idle()[0]
    again = image(aws, id=made)
    assert entries_of(aws, report(aws, again)) == []
