"""All operations of EC2: the overlay first, then moto."""

from __future__ import annotations

from moto.ec2.responses import EC2Response

from local_aws.overlay.account import Account
from local_aws.overlay.image_creation import ImageCreation
from local_aws.overlay.image_queries import ImageQueries
from local_aws.overlay.image_retirement import ImageRetirement
from local_aws.overlay.instances import Instances
from local_aws.overlay.locks import Locks
from local_aws.overlay.recycle_bin import RecycleBin
from local_aws.overlay.references import References
from local_aws.overlay.snapshots import Snapshots
from local_aws.overlay.spot import Spot
from local_aws.overlay.tagging import Tagging
from local_aws.overlay.templates import Templates
from local_aws.overlay.usage_reports import UsageReports
from local_aws.overlay.volumes import Volumes
from local_aws.overlay.watermarks import Watermarks


class Ec2Api(
    ImageCreation,
    ImageQueries,
    ImageRetirement,
    Instances,
    Spot,
    Snapshots,
    Locks,
    Volumes,
    Watermarks,
    RecycleBin,
    Tagging,
    Templates,
    References,
    UsageReports,
    Account,
    EC2Response,
):
    """Each class has a method for each operation that it answers. moto answers all other operations."""
