"""Creates resources inside this process, which takes a second where HTTP calls would take minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_block_store import Volume
from moto.ec2.models.instances import Reservation
from moto.ec2.utils import random_ami_id, random_reservation_id

from local_aws import parameters
from local_aws.overlay import tags
from local_aws.overlay.image import Device, Image, add_snapshot, moment
from local_aws.overlay.image_lifecycle import add_image
from local_aws.overlay.instance_lifecycle import CODES
from local_aws.overlay.region import region_state
from local_aws.overlay.snapshots import GIB
from local_aws.overlay.times import instant
from local_aws.overlay.usage import INSTANCE, TYPES, ExternalUse, Report, ReportScope
from local_aws.overlay.volumes import STATES
from local_aws.seals import Seals
from local_aws.settings import ACCOUNT, REGIONS
from local_aws.world import World

AMAZON = "137112412989"
DEBIAN = "136693071363"
CANONICAL = "099720109477"
ROOT = "/dev/xvda"
_FIELDS = {
    "images": {
        "region",
        "id",
        "name",
        "tags",
        "snapshot_tags",
        "created",
        "state",
        "architecture",
        "owner",
        "snapshots",
        "size_gb",
        "deprecated",
        "source_image",
        "source_region",
        "source_instance",
        "encrypted",
        "kms_key",
        "boot_mode",
        "platform",
        "generalised",
        "serial_port",
        "protected",
        "public",
        "launched",
        "share_snapshots_with",
        "scanned",
        "findings",
        "product_codes",
        "full_gb",
        "sealed",
        "anchor",
    },
    "instances": {
        "region",
        "image",
        "tags",
        "state",
        "subnet",
        "type",
        "user_data",
        "volumes",
        "shutdown_behavior",
        "client_token",
        "launched",
        "sealed",
    },
    "launch_templates": {"region", "name", "versions", "default", "tags", "created"},
    "launches_elsewhere": {"region", "image", "account", "resource_type", "count", "since"},
    "usage_reports": {"region", "image", "count", "created", "tags"},
    "volumes": {"region", "snapshot", "state", "size_gb"},
    "image_recipes": {"region", "name", "image", "kind"},
    "parameters": {"region", "name", "value", "data_type", "type"},
}


class SeedError(ValueError):
    """A seed with an unknown field, resource or state."""


class Seeder:
    def __init__(self, world: World) -> None:
        self._world = world
        self._sealer: Seals | None = None

    def all(self, wanted: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
        """Create all resources and return their ids, in order. No events are sent."""
        unknown = set(wanted) - set(_FIELDS)
        if unknown:
            raise SeedError(f"unknown kind of seed: {sorted(unknown)}")
        for kind, entries in wanted.items():
            for entry in entries:
                unknown = set(entry) - _FIELDS[kind]
                if unknown:
                    raise SeedError(f"unknown field {sorted(unknown)} in a seed of {kind}")
        out: dict[str, list[str]] = {}
        self._sealer = Seals.of_the_stack()
        with self._world.lock:
            out["images"] = [self._image(entry) for entry in wanted.get("images", [])]
            out["instances"] = [self._instance(entry) for entry in wanted.get("instances", [])]
            for entry in wanted.get("image_recipes", []):
                region_state(ec2_backends[ACCOUNT][entry["region"]]).image_recipes.append(entry)
            for entry in wanted.get("launches_elsewhere", []):
                _elsewhere(entry)
            out["usage_reports"] = [
                one for entry in wanted.get("usage_reports", []) for one in _reports(entry)
            ]
            out["volumes"] = [_volume(entry) for entry in wanted.get("volumes", [])]
            out["launch_templates"] = [self._template(entry) for entry in wanted.get("launch_templates", [])]
        for entry in wanted.get("parameters", []):
            kind = entry.get("type", "String")
            data_type = entry.get("data_type", "text")
            parameters.write(entry["region"], entry["name"], entry["value"], data_type, kind)
        out["parameters"] = [entry["name"] for entry in wanted.get("parameters", [])]
        return out

    def public_images(self) -> None:
        """Create the public images of Amazon, Debian and Canonical, and Amazon's public parameters."""
        for region in REGIONS:
            for architecture in ("arm64", "x86_64"):
                name = f"al2023-ami-kernel-default-{architecture}"
                parameter = f"/aws/service/ami-amazon-linux-latest/{name}"
                (image_id,) = self.all(
                    {
                        "images": [
                            {
                                "region": region,
                                "name": f"al2023-ami-2023.9.20261110.0-kernel-6.1-{architecture}",
                                "architecture": architecture,
                                "owner": AMAZON,
                                "created": "2026-11-10T00:00:00Z",
                                "public": True,
                            }
                        ],
                        "parameters": [],
                    }
                )["images"]
                image = ec2_backends[ACCOUNT][region].amis[image_id]
                image.owner_alias, image.public_parameter = "amazon", parameter
                parameters.write(region, parameter, image_id)
            ubuntu = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101"
            others = [
                _public(region, "debian-12-arm64-20260901-1", "arm64", DEBIAN, 9),
                _public(region, "debian-12-arm64-20261101-1", "arm64", DEBIAN, 11),
                _public(region, ubuntu, "x86_64", CANONICAL, 11),
            ]
            self.all({"images": others})

    def _image(self, entry: dict[str, Any]) -> str:
        backend = ec2_backends[ACCOUNT][entry["region"]]
        owner = ACCOUNT if entry.get("owner") in (None, "self") else entry["owner"]
        created = moment(entry["created"]) if entry.get("created") else datetime.now(UTC).replace(tzinfo=None)
        state = entry.get("state", "available")
        image = Image(
            backend,
            entry.get("id") or random_ami_id(),
            entry["name"],
            owner,
            architecture=entry.get("architecture", "arm64"),
            state=state,
            created=created,
            root_device_name=ROOT,
            source_image_id=entry.get("source_image"),
            source_image_region=entry.get("source_region"),
            source_instance_id=entry.get("source_instance"),
            deprecation_time=_whole_minute(entry.get("deprecated")),
            deregistration_protection=_protection(entry.get("protected")),
            last_launched_time=entry.get("launched"),
            launch_permissions=[{"Group": "all"}] if entry.get("public") else [],
            state_reason={"Code": "Client.InternalError", "Message": "seeded"} if state == "failed" else None,
            boot_mode=entry.get("boot_mode"),
            platform=entry.get("platform"),
            generalised=entry.get("generalised", True),
            serial_port=entry.get("serial_port", True),
            scanned=entry.get("scanned"),
            findings=list(entry.get("findings") or []),
            product_codes=list(entry.get("product_codes") or []),
        )
        seals = self._seals(entry)
        size = int(entry.get("size_gb", 8))
        snapshot_state = {"available": "completed", "disabled": "completed", "failed": "error"}
        encrypted = bool(entry.get("encrypted") or entry.get("kms_key"))
        snapshots = list(entry.get("share_snapshots_with") or [])
        if snapshots:
            image.devices = list(backend.amis[snapshots[0]].devices)
        for index in range(0 if snapshots else int(entry.get("snapshots", 1))):
            snapshot = add_snapshot(
                backend,
                size,
                _description(entry, image.id),
                owner=owner,
                encrypted=encrypted,
                kms_key_id=entry.get("kms_key"),
                state=snapshot_state.get(state, "pending"),
            )
            snapshot.start_time = created
            device = ROOT if index == 0 else f"/dev/sd{chr(ord('e') + index)}"
            image.devices.append(
                Device(device, snapshot.id, size, encrypted=encrypted, kms_key_id=entry.get("kms_key"))
            )
            own = entry.get("snapshot_tags", entry.get("tags", {}))
            if seals and own:
                own = seals.snapshot(entry["region"], snapshot.id, _made_from(entry), own)
            tags.put(backend, snapshot.id, own)
            if "full_gb" in entry:
                region_state(backend).full_bytes[snapshot.id] = int(float(entry["full_gb"]) * GIB)
        own = entry.get("tags", {})
        tags.put(backend, image.id, seals.image(entry["region"], image.id, own) if seals and own else own)
        if seals and entry.get("anchor"):
            image.description = seals.anchored(entry["region"], image.id, image.name, entry["anchor"])
        add_image(image)
        return image.id

    def _instance(self, entry: dict[str, Any]) -> str:
        backend = ec2_backends[ACCOUNT][entry["region"]]
        state = entry.get("state", "running")
        if state not in CODES:
            raise SeedError(f"unknown state of an instance: {state}")
        image = backend.amis.get(entry["image"])
        extra = [
            {"DeviceName": f"/dev/sd{chr(ord('f') + i)}", "Ebs": {"VolumeSize": size}}
            for i, size in enumerate(entry.get("volumes", []))
        ]
        blank = [{"DeviceName": ROOT, "Ebs": {"VolumeSize": 8, "DeleteOnTermination": True}}]
        mappings = (image.mappings() if image else []) or blank
        reservation: Reservation = backend.run_instances(
            entry["image"],
            1,
            None,
            [],
            instance_type=entry.get("type", "t4g.small"),
            is_instance_type_default=True,  # otherwise moto reads all offerings of the Region each time
            region_name=entry["region"],
            subnet_id=entry.get("subnet"),
            nics=[],
            tags={"instance": entry.get("tags", {})},
            block_device_mappings=[*mappings, *extra],
            client_token=entry.get("client_token") or self._token(entry),
            instance_initiated_shutdown_behavior=entry.get("shutdown_behavior", "stop"),
        )
        reservation.id = reservation.id or random_reservation_id()
        instance = reservation.instances[0]
        if entry.get("launched"):
            instance.launch_time = moment(entry["launched"])
        own, seals = entry.get("tags", {}), self._seals(entry)
        if seals and own:
            tags.put(backend, instance.id, seals.bake(entry["region"], instance.id, own))
        self._world.instance_lifecycle.adopt(instance, state)
        return instance.id

    def _seals(self, entry: dict[str, Any]) -> Seals | None:
        """What Kiln would have made is sealed as Kiln does, unless the seed says `sealed=False`."""
        managed = "kiln:recipe" in entry.get("tags", {}) and entry.get("sealed", True)
        return self._sealer if managed else None

    def _token(self, entry: dict[str, Any]) -> str | None:
        """The client token of an instance that Kiln would have launched in any subnet."""
        seals, own = self._seals(entry), entry.get("tags", {})
        built = seals and {"kiln:role", "kiln:version"} <= own.keys()
        return seals.token(entry["region"], "", own) if seals and built else None

    def _template(self, entry: dict[str, Any]) -> str:
        backend = ec2_backends[ACCOUNT][entry["region"]]
        datas = [
            dict(version) if isinstance(version, dict) else {"ImageId": version}
            for version in entry["versions"]
        ]
        tag_spec = {"launch-template": entry.get("tags", {})}
        template = backend.create_launch_template(entry["name"], "", datas[0], tag_spec)
        for data in datas[1:]:
            template.create_version(data, "")
        template.default_version_number = int(entry.get("default", 1))
        if entry.get("created"):
            template.create_time = moment(entry["created"])
            for version in template.versions:
                version.create_time = template.create_time
        return template.id


def _made_from(entry: dict[str, Any]) -> str:
    return str(entry.get("source_instance") or "i-00000000000000000")


def _description(entry: dict[str, Any], image: str) -> str:
    """EC2's description of a snapshot that was made for an image."""
    source = entry.get("source_image")
    if source and entry.get("source_region") not in (None, entry["region"]):
        source_snapshot = "snap-00000000000000000"
        return (
            f"Copied for DestinationAmi {image} from SourceAmi {source} for SourceSnapshot {source_snapshot}."
        )
    return f"Created by CreateImage({_made_from(entry)}) for {image}"


def _elsewhere(entry: dict[str, Any]) -> None:
    backend = ec2_backends[ACCOUNT][entry["region"]]
    if entry["image"] not in backend.amis:
        raise SeedError(f"there is no image {entry['image']} in {entry['region']}")
    kind = entry.get("resource_type", INSTANCE)
    if kind not in TYPES:
        raise SeedError(f"unknown type of resource: {kind}")
    since = instant(entry["since"]) if entry.get("since") else datetime.now(UTC) - timedelta(days=30)
    count = int(entry.get("count", 1))
    region_state(backend).external_uses.append(
        ExternalUse(entry["image"], str(entry["account"]), kind, count, since)
    )


def _reports(entry: dict[str, Any]) -> list[str]:
    """Create available reports that show no use, to fill the quota of reports."""
    created = instant(entry["created"]) if entry.get("created") else datetime.now(UTC)
    ids, backend = [], ec2_backends[ACCOUNT][entry["region"]]
    for _ in range(int(entry.get("count", 1))):
        report = Report(
            entry["image"], ReportScope({INSTANCE: None}, []), [], state="available", created=created
        )
        region_state(backend).reports[report.id] = report
        tags.put(backend, report.id, entry.get("tags", {}))
        ids.append(report.id)
    return ids


def _volume(entry: dict[str, Any]) -> str:
    backend = ec2_backends[ACCOUNT][entry["region"]]
    state = entry.get("state", "creating")
    if state not in STATES:
        raise SeedError(f"unknown state of a volume: {state}")
    zone = f"{entry['region']}a"
    volume: Volume = backend.create_volume(entry.get("size_gb"), zone, entry["snapshot"], volume_type="gp3")
    region_state(backend).volume_states[volume.id] = state
    return volume.id


def _public(region: str, name: str, architecture: str, owner: str, month: int) -> dict[str, Any]:
    return {
        "region": region,
        "name": name,
        "architecture": architecture,
        "owner": owner,
        "created": f"2026-{month:02}-01T08:00:00Z",
        "public": True,
    }


def _whole_minute(text: str | None) -> str | None:
    return moment(text).strftime("%Y-%m-%dT%H:%M:00.000Z") if text else None


def _protection(wanted: Any) -> str:
    if isinstance(wanted, str):
        return wanted
    return "enabled-without-cooldown" if wanted else "disabled"
