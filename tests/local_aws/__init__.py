"""The local AWS: moto's EC2 and MiniStack's other services in one process, on one loopback port.

EC2 is moto's with an overlay (`overlay/`): images, instances and snapshots change state over time, can fail,
and send EC2's events to EventBridge. All other services are MiniStack's, with corrections (`patches.py` has
each with its reason). The control API under `/_local` creates resources, injects faults and reads the journal
(`control.py`; from Python, `client.LocalAws`).

    PYTHONPATH=tests python -m local_aws --port 4566

    with LocalAws(LOCAL_AWS_IMAGE_S="0.1") as aws:
        aws.seed(images=[{"region": "us-east-1", "name": "web-1"}])
        aws.faults({"call": "CopyImage", "region": "eu-west-1", "code": "RequestLimitExceeded"})
        aws.client("ec2", "eu-west-1").copy_image(...)
        aws.wait_idle()
        aws.journal(kind="event")
"""
