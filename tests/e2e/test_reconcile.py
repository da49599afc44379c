"""reconcile: what a lost event or a function that died left undone."""

from __future__ import annotations

from e2e.kiln import HOME, REGIONS, Kiln, tags_of

STOPPED = "EC2 Instance State-change Notification"
IMAGE = "EC2 AMI State Change"
OWN = ("Image Verified", "Image Published", "Image Released", "Parameter Store Change")


def lose(event: str, **where: str) -> dict[str, object]:
    return {"event": event, "effect": "lose", "times": -1, **where}


def sweep(kiln: Kiln) -> list[tuple[str, str]]:
    """One sweep through its schedule; what it said that it repaired, and where."""
    before = kiln.aws.journal_end()
    kiln.aws.schedule("kiln-reconcile")
    kiln.settle()
    return [("+".join(news["actions"]), news["region"]) for news in kiln.said("Drift Repaired", before)]


def test_where_all_is_well_a_sweep_makes_reads_only(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.bake()
    before = kiln.aws.journal_end()
    assert sweep(kiln) == [] and kiln.changes(before) == []
    assert kiln.invoke("reconcile", {}).decisions == []
    assert any("nothing to repair" in str(line) for line in kiln.aws.journal(before, kind="log"))


def test_with_every_event_lost_sweeps_alone_bring_the_bake_to_its_end(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.faults(lose(STOPPED), lose(IMAGE), *(lose(event) for event in OWN))
    kiln.bake()
    assert kiln.images() == [] and len(kiln.living()) == 1
    assert sweep(kiln) == [("capture", HOME)]
    assert sorted(sweep(kiln)) == [("launch", HOME), ("terminate", HOME)]
    assert sweep(kiln) == [("set-stage+keep-contents+terminate", HOME)]
    assert sweep(kiln) == [("publish", HOME)]
    assert sorted(sweep(kiln)) == [("copy", "ap-southeast-2"), ("copy", "eu-west-1")]
    both = [("publish", "ap-southeast-2"), ("publish", "eu-west-1")]
    assert sorted(sweep(kiln)) == [*both, ("tag+set-stage+set-stage+anchor+set-stage", HOME)]
    assert sweep(kiln) == [] and kiln.living() == []
    assert [len(kiln.images(region)) for region in REGIONS] == [1, 1, 1]
    assert {tags_of(kiln.images(region)[0])["kiln:stage"] for region in REGIONS} == {"released"}
    (news,) = kiln.said("Image Released")
    assert sorted(news["images"]) == sorted(REGIONS)


def test_a_hanging_builder_is_found_and_reported_with_its_console(kiln: Kiln) -> None:
    kiln.recipe(script="echo waiting for a lock; sleep infinity")
    kiln.bake()
    (builder,) = kiln.living()
    kiln.wait_for_console(builder["InstanceId"], "waiting for a lock")
    past = [{"Key": "kiln:deadline", "Value": "2026-01-01T00:00:00Z"}]
    kiln.ec2().create_tags(Resources=[builder["InstanceId"]], Tags=past)
    assert sweep(kiln) == [("end-builder", HOME)]
    (news,) = kiln.said("Bake Failed")
    assert "the instance had not stopped when its time was up" in news["reason"]
    assert news["console-tail"].endswith("waiting for a lock")
    assert kiln.living() == [] and kiln.images() == []
    (repair,) = kiln.said("Drift Repaired")
    assert repair["late-seconds"] > 0 and repair["resource"] == builder["InstanceId"]


def test_a_replica_that_somebody_took_away_comes_back(kiln: Kiln) -> None:
    kiln.recipe()
    old = kiln.release("web", "20260101T020000Z")
    new = kiln.release("web", "20260201T020000Z")
    kiln.aws.faults(lose(IMAGE, state="deregistered"))
    for release in (old, new):
        kiln.ec2("eu-west-1").deregister_image(ImageId=release["eu-west-1"])
    kiln.settle()
    kiln.aws.faults()
    repaired = sweep(kiln)
    assert ("copy", "eu-west-1") in repaired and ("delete-snapshot", "eu-west-1") in repaired
    assert [image["Name"] for image in kiln.images("eu-west-1")] == ["web-20260201T020000Z"]


def test_a_region_that_cannot_be_seen_fails_the_sweep_and_holds_no_other(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.faults(lose(IMAGE))
    kiln.bake()
    denied = {"code": "UnauthorizedOperation", "message": "You are not authorized.", "status": 403}
    kiln.aws.faults({"call": "DescribeImages", "region": "eu-west-1", "times": -1, **denied})
    error = kiln.invoke("reconcile", {}).error
    assert error.count("DescribeImages") == 1 and "eu-west-1" in error
    kiln.settle()
    kiln.aws.faults()
    assert len(kiln.images("ap-southeast-2")) == 1 and kiln.images("eu-west-1") == []


def test_two_sweeps_at_once_do_no_harm(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.faults(lose(STOPPED), lose(IMAGE))
    kiln.bake()
    for _ in range(8):
        kiln.aws.schedule("kiln-reconcile")
        kiln.aws.schedule("kiln-reconcile")
        kiln.settle()
    assert [len(kiln.images(region)) for region in REGIONS] == [1, 1, 1] and kiln.living() == []
    assert kiln.dead_letters() == []


def test_a_sweep_that_moves_a_parameter_back_says_so(kiln: Kiln) -> None:
    kiln.recipe(publish='parameter = "/golden/web"')
    for day in (1, 2):
        kiln.bake(scheduled_time=f"2025-06-{day:02}T02:00:00Z")
    old, newest = (image["ImageId"] for image in kiln.images())
    # No event tells of it.
    kiln.aws.faults({"event": "Parameter Store Change", "effect": "lose", "times": -1})
    kiln.aws.client("ssm").put_parameter(
        Name="/golden/web", Value=old, Type="String", DataType="aws:ec2:image", Overwrite=True
    )
    kiln.settle()
    assert kiln.sweep() == ["move-parameters"]
    assert kiln.parameter() == newest
