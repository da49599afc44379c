"""expire: snapshots that an image left behind go, unless something needs them."""

from __future__ import annotations

from e2e.kiln import FURTHER, HOME, Kiln, tags_of
from e2e.test_expire import OLD, there, three_releases

LEFT = FURTHER[1]


def test_a_snapshot_that_stays_is_told_and_goes_when_it_is_heard_that_its_image_is_gone(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.start_anew("expire")
    kiln.aws.faults({"snapshot": "internal-error", "region": FURTHER[0], "times": 1})
    answer = kiln.invoke("expire", {"dry_run": False})
    assert "1 of " in answer.error and "these snapshots could not be deleted" in answer.error
    assert "(internal-error)" in answer.error and FURTHER[0] in answer.error
    kiln.settle()
    assert there(kiln, oldest) == [] and len(kiln.snapshots_of("web", FURTHER[0])) == 2


def test_a_snapshot_that_someones_deregistration_left_behind_is_deleted(kiln: Kiln) -> None:
    oldest = three_releases(kiln)
    kiln.aws.faults({"event": "EC2 AMI State Change", "effect": "lose", "times": 1})
    kiln.ec2().deregister_image(ImageId=oldest[HOME])
    kiln.settle()
    assert len(kiln.snapshots_of("web")) == 3
    kiln.invoke("expire", {"dry_run": False})
    assert len(kiln.snapshots_of("web")) == 2


def test_a_snapshot_that_was_left_behind_is_written_down_and_goes_after_its_quarantine(kiln: Kiln) -> None:
    oldest = three_releases(kiln, quarantine="7d")
    kiln.ec2().deregister_image(ImageId=oldest[HOME])
    kiln.invoke("expire", {"dry_run": False})
    left = [snapshot for snapshot in kiln.snapshots_of("web") if "kiln:orphaned-since" in tags_of(snapshot)]
    assert len(left) == 1 and len(kiln.snapshots_of("web")) == 3
    kiln.aws.days_pass(8)
    kiln.invoke("expire", {"dry_run": False})
    assert len(kiln.snapshots_of("web")) == 2


def test_snapshots_of_an_image_that_somebody_deregistered_are_seen_at_once(kiln: Kiln) -> None:
    oldest = three_releases(kiln, quarantine="7d")
    # A warm function looks at one such event in a minute.
    kiln.start_anew("expire")
    kiln.ec2(LEFT).deregister_image(ImageId=oldest[LEFT])
    kiln.settle()
    (left,) = [one for one in kiln.snapshots_of("web", LEFT) if OLD in str(tags_of(one))]
    assert "kiln:orphaned-since" in tags_of(left), "by the event alone"
    kiln.aws.days_pass(6)
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 3, "whoever did it by mistake can make it anew"
    kiln.aws.days_pass(1)
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 2


def left_behind(kiln: Kiln) -> tuple[str, str]:
    """A snapshot that goes at once, unless something needs it, when its image does. Gives both."""
    oldest = three_releases(kiln)
    (image,) = [one for one in kiln.images(LEFT) if one["ImageId"] == oldest[LEFT]]
    return str(image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]), oldest[LEFT]


def test_a_snapshot_that_a_volume_is_being_made_of_stays(kiln: Kiln) -> None:
    snapshot, image = left_behind(kiln)
    (volume,) = kiln.aws.seed(volumes=[{"region": LEFT, "snapshot": snapshot}])["volumes"]
    kiln.ec2(LEFT).deregister_image(ImageId=image)
    kiln.settle()
    assert len(kiln.snapshots_of("web", LEFT)) == 3
    kiln.aws.volume_becomes(volume, region=LEFT)
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 2


def test_a_snapshot_that_is_locked_stays(kiln: Kiln) -> None:
    snapshot, image = left_behind(kiln)
    ec2 = kiln.ec2(LEFT)
    ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=30)
    ec2.deregister_image(ImageId=image)
    kiln.settle()
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 3
    ec2.unlock_snapshot(SnapshotId=snapshot)
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 2


def test_snapshots_of_an_image_in_the_recycle_bin_stay_with_it(kiln: Kiln) -> None:
    _, image = left_behind(kiln)
    rule = [{"Key": "recycle-bin-days", "Value": "14"}]
    kiln.ec2(LEFT).create_tags(Resources=[image], Tags=rule)
    kiln.ec2(LEFT).deregister_image(ImageId=image)
    kiln.settle()
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 3, "without them it could not be brought back"
    kiln.aws.days_pass(15)
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 2


def test_a_persons_snapshot_that_bears_copied_tags_stays(kiln: Kiln) -> None:
    three_releases(kiln)
    tags = kiln.snapshots_of("web", LEFT)[0]["Tags"]
    ec2 = kiln.ec2(LEFT)
    volume = ec2.create_volume(AvailabilityZone=f"{LEFT}a", Size=8)["VolumeId"]
    specification = [{"ResourceType": "snapshot", "Tags": tags}]
    theirs = ec2.create_snapshot(VolumeId=volume, Description="DR copy", TagSpecifications=specification)
    kiln.aws.days_pass(1)
    kiln.sweep()
    kiln.sweep()
    assert theirs["SnapshotId"] in [one["SnapshotId"] for one in kiln.snapshots_of("web", LEFT)]


def test_a_snapshot_that_somebody_used_again_waits_anew(kiln: Kiln) -> None:
    oldest = three_releases(kiln, quarantine="7d")
    ec2 = kiln.ec2(LEFT)
    (image,) = [one for one in kiln.images(LEFT) if one["ImageId"] == oldest[LEFT]]
    ec2.deregister_image(ImageId=oldest[LEFT])
    kiln.settle()
    kiln.sweep()
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": image["BlockDeviceMappings"][0]["Ebs"]}]
    del mapping[0]["Ebs"]["Encrypted"]
    anew = ec2.register_image(Name="anew", BlockDeviceMappings=mapping, RootDeviceName="/dev/xvda")["ImageId"]
    kiln.sweep()
    kiln.aws.days_pass(60)
    ec2.deregister_image(ImageId=anew)
    kiln.settle()
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 3, "its quarantine begins anew"
    kiln.aws.days_pass(7)
    kiln.sweep()
    assert len(kiln.snapshots_of("web", LEFT)) == 2
