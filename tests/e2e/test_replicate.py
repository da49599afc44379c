"""replicate: from an image to every Region."""

from __future__ import annotations

from e2e.kiln import FURTHER, HOME, Kiln, tags_of

DENIED = {"code": "UnauthorizedOperation", "message": "You are not authorized.", "status": 403}


def test_a_throttled_copy_is_made_once_all_the_same(kiln: Kiln) -> None:
    kiln.recipe()
    throttled = {"call": "CopyImage", "region": "eu-west-1", "code": "RequestLimitExceeded", "status": 503}
    kiln.aws.faults({**throttled, "times": 2})
    kiln.bake()
    assert [len(kiln.images(region)) for region in FURTHER] == [1, 1]
    calls = kiln.calls("CopyImage", region="eu-west-1")
    assert [call["error"] for call in calls].count("RequestLimitExceeded") == 2
    # The other Region's replica may ask for the copy again meanwhile: the same token, the same copy.
    assert len({str(call["made"]) for call in calls if not call["error"]}) == 1
    assert kiln.dead_letters() == []


def test_a_copy_that_worked_and_yet_failed_is_not_made_twice(kiln: Kiln) -> None:
    kiln.recipe()
    fault = {"call": "CopyImage", "region": "eu-west-1", "code": "InternalError", "status": 500}
    kiln.aws.faults({**fault, "times": 2, "when": "after"})
    kiln.bake()
    assert len(kiln.images("eu-west-1")) == 1


def test_every_copy_bears_a_token_of_at_most_64_characters(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.bake()
    tokens = [call["request"]["ClientToken"] for call in kiln.calls("CopyImage")]
    assert len(set(tokens)) == 2 and all(0 < len(token) <= 64 for token in tokens)


def test_one_region_that_refuses_holds_no_other_and_is_told_everywhere(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.faults({"call": "CopyImage", "region": "ap-southeast-2", "times": -1, **DENIED})
    kiln.bake()
    assert len(kiln.images("eu-west-1")) == 1 and kiln.images("ap-southeast-2") == []
    (home,) = kiln.images()
    assert tags_of(home)["kiln:stage"] == "published" and kiln.said("Image Released") == []

    failed = kiln.said("Replication Failed")
    assert {news["region"] for news in failed} == {"ap-southeast-2"}
    assert "UnauthorizedOperation: You are not authorized." in failed[0]["reason"]

    letters = kiln.dead_letters()
    assert letters, "the failure must end in the queue once the retries are over"
    of_home = [one for one in letters if one["requestPayload"]["detail"].get("image") == home["ImageId"]]
    assert of_home[0]["requestContext"]["approximateInvokeCount"] == 3
    event = of_home[0]["requestPayload"]

    error = kiln.invoke("replicate", event).error
    assert "CopyImage on" in error and "in ap-southeast-2 failed" in error
    assert "does not say which policy did" in error

    kiln.aws.faults()
    kiln.invoke("replicate", event)
    kiln.settle()
    assert len(kiln.images("ap-southeast-2")) == 1 and len(kiln.said("Image Released")) == 1


def test_a_copy_that_fails_late_is_tried_anew_and_the_failed_one_cleared_away(kiln: Kiln) -> None:
    kiln.recipe()
    message = "Given key ID is not accessible"
    kiln.aws.faults({"image": "CopyImage", "region": "eu-west-1", "message": message, "times": 1})
    kiln.bake()
    (replica,) = kiln.images("eu-west-1")
    assert replica["State"] == "failed" and kiln.said("Replication Failed") == [], "it is not tried at once"
    later(kiln, hours=0.1)
    (replica,) = kiln.images("eu-west-1")
    assert replica["State"] == "available" and tags_of(replica)["kiln:attempt"] == "2"
    tokens = [call["request"]["ClientToken"] for call in kiln.calls("CopyImage", region="eu-west-1")]
    assert len(set(tokens)) == 2


def later(kiln: Kiln, hours: float) -> None:
    """Lets time pass, and the next sweep come."""
    kiln.aws.days_pass(hours / 24)
    kiln.sweep()
    kiln.settle()


def test_a_region_that_is_disturbed_for_hours_gets_its_replica_without_a_person(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.faults({"image": "CopyImage", "region": "eu-west-1", "message": "Internal error", "times": 5})
    kiln.bake()
    for _ in range(6):
        later(kiln, hours=4.1)
    (replica,) = kiln.images("eu-west-1")
    assert replica["State"] == "available" and kiln.said("Replication Failed") == []
    assert len(kiln.said("Image Released")) == 1


def test_a_region_whose_copies_fail_for_a_day_is_given_up(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.aws.faults({"image": "CopyImage", "region": "eu-west-1", "message": "no key", "times": -1})
    kiln.bake()
    for _ in range(8):
        later(kiln, hours=4.1)
    (last,) = kiln.images("eu-west-1")
    assert (last["State"], tags_of(last)["kiln:attempt"], tags_of(last)["kiln:stage"]) == (
        "failed",
        "6",
        "rejected",
    )
    assert len(kiln.images("ap-southeast-2")) == 1 and kiln.said("Image Released") == []
    (news,) = kiln.said("Replication Failed")
    assert (
        news["region"] == "eu-west-1"
        and "6 attempts to copy it failed within a day, the last one with: no key" in news["reason"]
    )

    kiln.aws.faults()
    (home,) = kiln.images()
    assert not kiln.invoke("replicate", {"copy": home["ImageId"]}).failed
    kiln.settle()
    (replica,) = kiln.images("eu-west-1")
    assert replica["State"] == "available" and len(kiln.said("Image Released")) == 1, "as somebody asked"


def test_each_region_is_encrypted_with_its_own_key(kiln: Kiln) -> None:
    key = kiln.aws.client("kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"]
    kiln.recipe(replicate=f'kms_keys = {{ eu-west-1 = "{key}" }}')
    kiln.bake()
    (copied,) = kiln.snapshots_of("web", "eu-west-1")
    assert copied["Encrypted"] and copied["KmsKeyId"] == key
    (plain,) = kiln.snapshots_of("web", "ap-southeast-2")
    assert not plain["Encrypted"]


def test_the_echoes_of_our_own_calls_change_nothing(kiln: Kiln) -> None:
    kiln.recipe()
    kiln.bake()
    (home,) = kiln.images()
    kiln.ec2().disable_image(ImageId=home["ImageId"])
    before = kiln.aws.journal_end()
    kiln.ec2().enable_image(ImageId=home["ImageId"])
    for region in FURTHER:
        (replica,) = kiln.images(region)
        detail = {"ImageId": replica["ImageId"], "State": "available", "ErrorMessage": "", "RequestId": "1"}
        kiln.aws.emit("EC2 AMI State Change", detail, region=region)
    kiln.aws.emit(
        "EC2 AMI State Change",
        {"ImageId": home["ImageId"], "State": "deregistered", "ErrorMessage": "", "RequestId": "2"},
    )
    kiln.settle()
    assert kiln.changes(before) == []


def test_an_image_that_expire_retired_and_someone_enabled_is_not_copied_again(kiln: Kiln) -> None:
    kiln.recipe()
    tags = {"kiln:stage": "disabled", "kiln:disabled-at": "2026-01-01T00:00:00Z"}
    old = kiln.release("web", "20250101T020000Z", regions=(HOME,), tags=tags, state="disabled")
    before = kiln.aws.journal_end()
    kiln.ec2().enable_image(ImageId=old[HOME])
    kiln.settle()
    assert kiln.changes(before) == []


def test_images_that_are_not_kilns_are_left_alone(kiln: Kiln) -> None:
    kiln.recipe()
    before = kiln.aws.journal_end()
    (other,) = kiln.aws.seed(images=[{"region": HOME, "name": "web-20200101T000000Z"}])["images"]
    detail = {"ImageId": other, "State": "available", "ErrorMessage": "", "RequestId": "1"}
    kiln.aws.emit("EC2 AMI State Change", detail)
    kiln.settle()
    assert kiln.changes(before) == [] and len(kiln.calls("DescribeImages", before)) == 2
