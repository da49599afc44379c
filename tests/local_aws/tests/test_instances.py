"""RunInstances, the states of an instance, its user data and its console."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.client import LocalAws
from local_aws.tests.conftest import image, instance, refused, tagged

DONE = "#!/bin/bash\necho 'verdict: ok' >> \"$KILN_CONSOLE\"\npoweroff\n"


def launch(aws: LocalAws, script: str | None = None, **more: Any) -> str:
    base = more.pop("ImageId", None) or image(aws, name="base")
    call: dict[str, Any] = {
        "ImageId": base,
        "InstanceType": "t4g.small",
        "MinCount": 1,
        "MaxCount": 1,
        **more,
    }
    if script is not None:
        call["UserData"] = script
    return str(aws.client("ec2").run_instances(**call)["Instances"][0]["InstanceId"])


def describe(aws: LocalAws, instance_id: str) -> dict[str, Any]:
    answer = aws.client("ec2").describe_instances(InstanceIds=[instance_id])
    found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
    return found


def console(aws: LocalAws, instance_id: str) -> str:
    return str(aws.client("ec2").get_console_output(InstanceId=instance_id).get("Output", ""))


def states(aws: LocalAws, instance_id: str) -> list[str]:
    return [entry["state"] for entry in aws.journal(kind="state") if entry["id"] == instance_id]


def test_a_builder_runs_its_script_and_switches_itself_off(aws: LocalAws) -> None:
    tags = [tagged("instance", role="builder"), tagged("volume", role="disk")]
    made = launch(aws, DONE, TagSpecifications=tags, MetadataOptions={"HttpTokens": "required"})
    aws.wait_idle()
    found = describe(aws, made)
    assert found["State"] == {"Name": "stopped", "Code": 80}
    assert found["StateReason"] == {
        "Code": "Client.InstanceInitiatedShutdown",
        "Message": "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    }
    assert found["Tags"] == [{"Key": "role", "Value": "builder"}]
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert states(aws, made) == ["pending", "running", "stopping", "stopped"]
    assert "verdict: ok" in console(aws, made)
    volume = found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (disk,) = aws.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"]
    assert disk["Tags"] == [{"Key": "role", "Value": "disk"}]


@pytest.mark.parametrize("command", ["shutdown -h now", "systemctl poweroff", "/usr/sbin/poweroff", "init 0"])
def test_every_way_of_switching_off_counts(aws: LocalAws, command: str) -> None:
    made = launch(aws, f"#!/bin/bash\n{command}\n")
    aws.wait_idle()
    assert describe(aws, made)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


@pytest.mark.parametrize("command", ["halt", "reboot", "shutdown -r now", "shutdown -c", "true"])
def test_other_ends_of_a_script_leave_the_instance_running(aws: LocalAws, command: str) -> None:
    made = launch(aws, f"#!/bin/bash\n{command}\n")
    aws.wait_idle()
    found = describe(aws, made)
    assert found["State"]["Name"] == "running"
    assert "StateReason" not in found


def test_an_instance_that_shall_terminate_when_it_switches_off_does(aws: LocalAws) -> None:
    made = launch(aws, DONE, InstanceInitiatedShutdownBehavior="terminate")
    aws.wait_idle()
    assert states(aws, made) == ["pending", "running", "shutting-down", "terminated"]
    assert describe(aws, made)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_stop_by_a_person_says_so_and_ends_what_runs(aws: LocalAws) -> None:
    made = launch(aws, "#!/bin/bash\necho started\nsleep infinity\n")
    aws.wait_idle()
    assert describe(aws, made)["State"]["Name"] == "running"
    aws.client("ec2").stop_instances(InstanceIds=[made])
    aws.wait_idle()
    found = describe(aws, made)
    assert (found["State"]["Name"], found["StateReason"]["Code"]) == (
        "stopped",
        "Client.UserInitiatedShutdown",
    )
    assert "started" in console(aws, made)


def test_user_data_runs_on_the_first_boot_only(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = launch(aws, DONE)
    aws.wait_idle()
    ec2.start_instances(InstanceIds=[made])
    aws.wait_idle()
    found = describe(aws, made)
    assert found["State"]["Name"] == "running"
    assert "StateReason" not in found
    assert console(aws, made).count("verdict") in (0, 1)


def test_a_script_that_is_still_at_work_is_not_idle(aws: LocalAws) -> None:
    made = launch(aws, "#!/bin/bash\nsleep 0.6\npoweroff\n")
    time.sleep(0.3)
    idle, why = aws.idle()
    assert not idle
    assert why == [f"instance: {made} runs its user data"]
    aws.wait_idle()
    assert describe(aws, made)["State"]["Name"] == "stopped"


def test_a_script_sees_an_empty_world_and_harmless_tools(aws: LocalAws) -> None:
    script = (
        "#!/bin/bash\n"
        'echo "env: $(env | cut -d= -f1 | sort | tr "\\n" " ")"\n'
        "dnf -y install nginx && systemctl enable nginx\n"
        "rm -rf /etc/hostname && echo REMOVED\n"
        "echo text > note && rm note && echo tidied\n"
        "python3 -c 'print(1)' || echo no such thing\n"
        "{ echo harm > /etc/kiln-harm; } 2> /dev/null || echo refused\n"
        'echo "I am $(id -un)"\n'
        "poweroff\n"
    )
    made = launch(aws, script)
    aws.wait_idle()
    out = console(aws, made)
    own = "KILN_CONSOLE KILN_PATIENCE KILN_PAUSE KILN_ROOT KILN_SETTLE"
    assert f"env: HOME {own} LANG PATH PWD SHLVL TMPDIR _" in out
    assert "dnf: asked for: -y install nginx" in out
    assert "systemctl: asked for: enable nginx" in out
    assert "only inside the scratch folder" in out
    assert "REMOVED" not in out
    assert "tidied" in out
    assert "no such thing" in out
    assert "refused" in out
    assert "I am root" in out
    assert not Path("/etc/kiln-harm").exists()


def test_the_console_keeps_the_last_64_kilobytes(aws: LocalAws) -> None:
    made = launch(aws, "#!/bin/bash\nhead -c 200000 /dev/zero | tr '\\0' x\necho; echo the end\npoweroff\n")
    aws.wait_idle()
    out = console(aws, made)
    assert len(out) == 64 * 1024
    assert out.endswith("the end\n")


def test_the_console_is_empty_at_first(aws: LocalAws) -> None:
    made = launch(aws, "#!/bin/bash\necho hello\nsleep infinity\n")
    assert console(aws, made) == ""
    deadline = time.monotonic() + 5
    while "hello" not in console(aws, made) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "hello" in console(aws, made)


def test_the_same_token_launches_once(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    base = image(aws)
    first = launch(aws, ImageId=base, ClientToken="t1")
    assert launch(aws, ImageId=base, ClientToken="t1") == first
    assert describe(aws, first)["ClientToken"] == "t1"
    with refused("IdempotentParameterMismatch"):
        launch(aws, ImageId=base, ClientToken="t1", InstanceType="t4g.micro")
    ec2.terminate_instances(InstanceIds=[first])
    with refused("IdempotentInstanceTerminated"):
        launch(aws, ImageId=base, ClientToken="t1")


def test_a_token_counts_within_one_zone(aws: LocalAws) -> None:
    base = image(aws)
    subnets = aws.client("ec2").describe_subnets()["Subnets"]
    made = {launch(aws, ImageId=base, ClientToken="t1", SubnetId=s["SubnetId"]) for s in subnets[:2]}
    assert len(made) == 2


def test_a_launch_needs_a_fitting_image(aws: LocalAws) -> None:
    with refused("InvalidAMIID.NotFound"):
        launch(aws, ImageId="ami-0123456789abcdef0")
    with refused("InvalidAMIID.Malformed"):
        launch(aws, ImageId="web")
    with refused("InvalidAMIID.Unavailable", "pending"):
        launch(aws, ImageId=image(aws, name="pending", state="pending"))
    with refused("InvalidParameterValue", "architecture"):
        launch(aws, ImageId=image(aws, name="intel", architecture="x86_64"))
    with refused("InvalidParameterValue", "16384"):
        launch(aws, "#!/bin/bash\n" + "#" * 17000)
    assert aws.client("ec2").describe_instances()["Reservations"] == []


def test_a_launch_resolves_a_parameter(aws: LocalAws) -> None:
    base = image(aws)
    aws.seed(parameters=[{"region": "us-east-1", "name": "/golden/web", "value": base}])
    made = launch(aws, ImageId="resolve:ssm:/golden/web")
    assert describe(aws, made)["ImageId"] == base


def test_a_launch_takes_its_volumes_from_the_image_and_the_request(aws: LocalAws) -> None:
    base = image(aws, snapshots=2)
    mappings = [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30}},
        {"DeviceName": "/dev/sdz", "Ebs": {"VolumeSize": 5, "DeleteOnTermination": True}},
    ]
    made = launch(aws, ImageId=base, BlockDeviceMappings=mappings)
    ids = [m["Ebs"]["VolumeId"] for m in describe(aws, made)["BlockDeviceMappings"]]
    sizes = sorted(v["Size"] for v in aws.client("ec2").describe_volumes(VolumeIds=ids)["Volumes"])
    assert sizes == [5, 8, 30]
    aws.client("ec2").terminate_instances(InstanceIds=[made])
    aws.wait_idle()
    assert aws.client("ec2").describe_volumes()["Volumes"] == []


def refused_while_pending(aws: LocalAws) -> tuple[str, ClientError]:
    """An instance and why it could not be stopped. On a busy machine one runs before it is asked to stop."""
    for _ in range(20):
        made = launch(aws)
        try:
            aws.client("ec2").stop_instances(InstanceIds=[made])
        except ClientError as why:
            return made, why
    raise AssertionError("each instance was running before it could be asked to stop")


def test_states_from_which_a_change_is_not_possible(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made, why = refused_while_pending(aws)
    error = why.response["Error"]
    assert error["Code"] == "IncorrectInstanceState"
    assert f"The instance '{made}' is not in a state from which it can be" in error["Message"]
    aws.wait_idle()
    ec2.stop_instances(InstanceIds=[made])
    with refused("IncorrectInstanceState", "started"):
        ec2.start_instances(InstanceIds=[made])
    aws.wait_idle()
    (again,) = ec2.stop_instances(InstanceIds=[made])["StoppingInstances"]
    assert (again["PreviousState"]["Name"], again["CurrentState"]["Name"]) == ("stopped", "stopped")
    ec2.terminate_instances(InstanceIds=[made])
    aws.wait_idle()
    ec2.terminate_instances(InstanceIds=[made])
    with refused("IncorrectInstanceState", "started"):
        ec2.start_instances(InstanceIds=[made])
    with refused("InvalidInstanceID.NotFound"):
        ec2.stop_instances(InstanceIds=["i-0123456789abcdef0"])


def test_a_seeded_instance_can_stop_by_itself(aws: LocalAws) -> None:
    made = instance(aws, state="running")
    aws.stop_by_itself(made)
    aws.wait_idle()
    assert describe(aws, made)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_launch_leaves_its_time_on_the_image(aws: LocalAws) -> None:
    base = image(aws)
    ec2 = aws.client("ec2")
    assert "LastLaunchedTime" not in ec2.describe_images(ImageIds=[base])["Images"][0]
    launch(aws, ImageId=base)
    assert ec2.describe_images(ImageIds=[base])["Images"][0]["LastLaunchedTime"].startswith("20")
