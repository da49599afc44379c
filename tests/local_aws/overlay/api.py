"""EC2 as this local AWS answers it: the overlay before moto."""

from __future__ import annotations

from moto.ec2.responses import EC2Response

from local_aws.overlay.account import Account
from local_aws.overlay.images_ended import ImagesEnded
from local_aws.overlay.images_made import ImagesMade
from local_aws.overlay.images_seen import ImagesSeen
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


class Ec2Api(
    ImagesMade,
    ImagesSeen,
    ImagesEnded,
    Instances,
    Spot,
    Snapshots,
    Locks,
    Volumes,
    RecycleBin,
    Tagging,
    Templates,
    References,
    UsageReports,
    Account,
    EC2Response,
):
    """Each class answers the operations named by its methods; what none of them has, moto answers."""
