"""RunInstances, DescribeInstances, and the calls that change an instance's state."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance
from moto.ec2.responses.instances import InstanceResponse

from local_aws import parameters
from local_aws.overlay import fast_xml, filters, paging, tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import (
    bad_combination,
    bad_value,
    error,
    image_malformed,
    image_not_found,
    instance_not_found,
    instance_state,
)
from local_aws.overlay.image import Image
from local_aws.overlay.instance_description import described
from local_aws.overlay.instance_lifecycle import CODES
from local_aws.overlay.reference_index import reference_index

USER_DATA_LIMIT = 16 * 1024
TAGGABLE = ("instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu")


def filter_values(instance: Instance, name: str) -> list[str] | None:
    volumes = [block for _, block in instance.get_block_device_mapping]
    reason = instance.state_reason
    single: dict[str, Any] = {
        "instance-id": instance.id,
        "image-id": instance.image_id,
        "instance-state-name": instance.state,
        "instance-state-code": str(instance.state_code),
        "instance-type": instance.instance_type,
        "client-token": instance.client_token,
        "architecture": instance.architecture,
        "availability-zone": instance.availability_zone,
        "subnet-id": instance.subnet_id,
        "vpc-id": instance.vpc_id,
        "key-name": instance.key_name,
        "root-device-name": instance.root_device_name,
        "owner-id": instance.owner_id,
        "private-ip-address": instance.private_ip_address,
        "launch-time": instance.launch_time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "state-reason-code": reason.code if reason else None,
    }
    if name in single:
        return [] if single[name] is None else [single[name]]
    if name == "block-device-mapping.volume-id":
        return [block.volume_id for block in volumes]
    return None


def launchable(overlay: Overlay, image_id: str) -> Image:
    """An image that the caller may launch; EC2's error otherwise."""
    if not image_id.startswith("ami-"):
        raise image_malformed(image_id)
    image: Image | None = overlay.ec2_backend.amis.get(image_id)
    if image is None or not image.visible_to(overlay.current_account):
        raise image_not_found([image_id])
    if image.state != "available":
        text = f"AMI {image_id} is {image.state}, and cannot be run"
        raise error("InvalidAMIID.Unavailable", text)
    return image


def set_last_launched(image: Image) -> None:
    image.last_launched_time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Instances(Overlay):
    def run_instances(self) -> ActionResult:
        """Launch instances of an available image. The client token makes it idempotent within a zone, as AWS
        says."""
        token, zone = self._get_param("ClientToken"), self._zone()
        made = self.replayed("RunInstances", token, zone)
        if made is not None:
            if any(instance.state in ("shutting-down", "terminated") for instance in made.instances):
                text = "The instance launched with this client token has been terminated"
                raise error("IdempotentInstanceTerminated", text)
            return ActionResult(made)
        tags.specified(self._get_param("TagSpecifications", []), TAGGABLE)
        before = self._token_params()
        image = self._launchable()
        self._check_machine(image)
        self.params["ImageId"] = image.id
        self._image = image
        profile = self._profile()
        reservation = InstanceResponse.run_instances(self).result  # type: ignore[arg-type]
        set_last_launched(image)
        keys = {device.name: device.kms_key_id for device in image.devices}
        asked = {one["DeviceName"]: one.get("Ebs", {}) for one in self._get_param("BlockDeviceMappings", [])}
        for instance in reservation.instances:
            instance.client_token = token
            instance.iam_instance_profile = profile
            for name, block in instance.get_block_device_mapping:
                volume = self.ec2_backend.volumes[block.volume_id]
                volume.kms_key_id = volume.kms_key_id or keys.get(name)
                for speed in ("Iops", "Throughput"):
                    if speed in asked.get(name, {}):
                        setattr(volume, speed.lower(), int(asked[name][speed]))
            self.world.instance_lifecycle.launch(instance)
        if token:
            key = self._token_key("RunInstances", token, (zone,))
            self.world.tokens[key] = {"params": before, "made": reservation}
        return ActionResult(reservation)

    def describe_instances(self) -> str:  # type: ignore[override]
        backend = self.ec2_backend
        ids, size = self._get_param("InstanceIds", []), self._get_param("MaxResults")
        if ids and size is not None:
            raise bad_combination("The parameter instancesSet cannot be used with the parameter maxResults")
        self.error_on_dryrun()
        pairs = [(one, instance) for one in backend.reservations.values() for instance in one.instances]
        if ids:
            wanted = {instance.id for instance in self._instances(ids)}
            pairs = [pair for pair in pairs if pair[1].id in wanted]
        pairs = filters.select(
            self.filters(),
            pairs,
            lambda pair: tags.of(backend, pair[1].id),
            lambda pair, name: [pair[0].id] if name == "reservation-id" else filter_values(pair[1], name),
        )
        shown, token = paging.page(pairs, size, self._get_param("NextToken"), lambda pair: pair[1].id)
        grouped: dict[str, dict[str, Any]] = {}
        for reservation, instance in shown:
            entry = grouped.setdefault(
                reservation.id,
                {
                    "ReservationId": reservation.id,
                    "OwnerId": reservation.owner_id,
                    "Groups": [],
                    "Instances": [],
                },
            )
            entry["Instances"].append(described(instance))
        result = {"Reservations": list(grouped.values()), "NextToken": token}
        return fast_xml.answer("DescribeInstances", result)

    def start_instances(self) -> ActionResult:
        return self._change("StartingInstances", "started", ("pending", "running"), ("stopped",), "start")

    def stop_instances(self) -> ActionResult:
        return self._change("StoppingInstances", "stopped", ("stopping", "stopped"), ("running",), "stop")

    def terminate_instances(self) -> ActionResult:
        done, may = ("shutting-down", "terminated"), ("pending", "running", "stopping", "stopped")
        return self._change("TerminatingInstances", "terminated", done, may, "terminate")

    def get_console_output(self) -> ActionResult:
        instance = self._instances([self.need("InstanceId")])[0]
        nitro = INSTANCE_TYPES.get(instance.instance_type, {}).get("Hypervisor") != "xen"
        if str(self._get_param("Latest")).lower() == "true" and not nitro:
            text = "This instance type does not support retrieving the latest console logs."
            raise error("UnsupportedOperation", text)
        output = self.world.instance_lifecycle.console(instance)
        result: dict[str, Any] = {"InstanceId": instance.id, "Timestamp": datetime.now(UTC)}
        if output:
            result["Output"] = Base64EncodedString.from_encoded_bytes(base64.b64encode(output))
        return ActionResult(result)

    def _change(
        self, field: str, verb: str, done: tuple[str, ...], may: tuple[str, ...], change: str
    ) -> ActionResult:
        """Change the state of all the instances named, or of none if one of them cannot be changed."""
        chosen = self._instances(self.need("InstanceIds"))
        for instance in chosen:
            if instance.state not in done + may:
                raise instance_state(instance.id, verb)
            if change == "stop" and instance.disable_api_stop:
                text = f"The instance '{instance.id}' may not be stopped. Modify its 'disableApiStop'"
                raise error("OperationNotPermitted", text)
            if change == "terminate" and str(instance.disable_api_termination).lower() == "true":
                text = f"The instance '{instance.id}' may not be terminated."
                raise error("OperationNotPermitted", text)
        self.error_on_dryrun()
        results = []
        for instance in chosen:
            before = instance.state
            if before in may:
                getattr(self.world.instance_lifecycle, change)(instance)
            results.append(
                {
                    "InstanceId": instance.id,
                    "PreviousState": {"Name": before, "Code": CODES[before]},
                    "CurrentState": {"Name": instance.state, "Code": CODES[instance.state]},
                }
            )
        return ActionResult({field: results})

    def _instances(self, ids: list[str]) -> list[Instance]:
        found = reference_index(self.ec2_backend).instances
        gone = sorted({one for one in ids if one not in found})
        if gone:
            raise instance_not_found(gone)
        return [found[one] for one in ids]

    def _zone(self) -> str:
        """The scope of a client token: the zone of the subnet, or the whole Region."""
        subnet = self._get_param("SubnetId")
        if subnet:
            return str(self.ec2_backend.get_subnet(subnet).availability_zone)
        return self._get_param("Placement.AvailabilityZone") or self.region

    def _launchable(self) -> Image:
        wanted = self._get_param("ImageId") or self._template_image()
        image_id = parameters.resolve(self.region, wanted)
        if image_id is None:
            text = f"Parameter {wanted.removeprefix(parameters.PREFIX)} does not exist"
            raise bad_value(text)
        return launchable(self, image_id)

    def _template_image(self) -> str:
        template = self._get_param("LaunchTemplate")
        if not template:
            raise error("MissingParameter", "The request must contain the parameter ImageId")
        return str(self.ec2_backend._get_template_from_args(template).image_id)

    def _check_machine(self, image: Image) -> None:
        kind = self._get_param("InstanceType")
        if kind and kind not in INSTANCE_TYPES:
            raise bad_value(f"Invalid value '{kind}' for InstanceType.")
        if kind:
            able = INSTANCE_TYPES[kind]["ProcessorInfo"]["SupportedArchitectures"]
            if image.architecture not in able:
                text = (
                    f"The architecture '{', '.join(able)}' of the specified instance type does not match the "
                    f"architecture '{image.architecture}' of the specified AMI. Specify an instance type and "
                    "an AMI that have matching architectures, and try again."
                )
                raise bad_value(text)
            modes = INSTANCE_TYPES[kind].get("SupportedBootModes", [])
            if image.boot_mode in ("uefi", "legacy-bios") and image.boot_mode not in modes:
                text = (
                    f"The boot mode '{image.boot_mode}' of the AMI is not supported by instance type {kind}"
                )
                raise bad_value(text)
        data = self._get_param("UserData")
        if data and len(base64.b64decode(data)) > USER_DATA_LIMIT:
            raise bad_value(f"User data is limited to {USER_DATA_LIMIT} bytes")

    def _profile(self) -> SimpleNamespace | None:
        """The instance profile that the launch names. IAM is not moto's, so moto must not look for it."""
        from ministack.services import iam

        given = self.params.pop("IamInstanceProfile", None)
        if not given:
            return None
        found = iam._lookup_instance_profile(given.get("Name", ""), given.get("Arn", ""))
        if not found:
            text = f"Value ({given.get('Name')}) for parameter iamInstanceProfile.name is invalid"
            raise bad_value(f"{text}. Invalid IAM Instance Profile name")
        return SimpleNamespace(arn=found["Arn"], id=found["InstanceProfileId"])

    def _parse_block_device_mapping(self) -> list[dict[str, Any]]:
        """The devices of the image, changed as the launch says, and the further devices of the launch."""
        if not self.ec2_backend.default_kms_key_id:
            self.ec2_backend.default_kms_key_id = (
                f"arn:aws:kms:{self.region}:{self.current_account}:alias/aws/ebs"
            )
        asked = {entry["DeviceName"]: entry for entry in self._get_param("BlockDeviceMappings", [])}
        merged = []
        for device in self._image.devices:
            entry = asked.pop(device.name, {})
            if "NoDevice" in entry:
                continue
            ebs = entry.get("Ebs", {})
            size = int(ebs.get("VolumeSize") or device.size)
            if size < device.size:
                text = f"Volume of size {size}GB is smaller than snapshot '{device.snapshot_id}'"
                raise error("InvalidBlockDeviceMapping", f"{text}, expect size >= {device.size}GB")
            merged.append(
                _mapping(
                    device.name,
                    device.snapshot_id,
                    size,
                    ebs.get("VolumeType") or device.volume_type,
                    bool(ebs.get("DeleteOnTermination", device.delete_on_termination)),
                    bool(ebs.get("Encrypted", device.encrypted)),
                    ebs.get("KmsKeyId"),
                )
            )
        for name, entry in asked.items():
            ebs = entry.get("Ebs")
            if ebs is None or "NoDevice" in entry:
                continue
            merged.append(
                _mapping(
                    name,
                    ebs.get("SnapshotId"),
                    ebs.get("VolumeSize"),
                    ebs.get("VolumeType") or "gp3",
                    bool(ebs.get("DeleteOnTermination", False)),
                    bool(ebs.get("Encrypted", False)),
                    ebs.get("KmsKeyId"),
                )
            )
        return merged


def _mapping(
    name: str,
    snapshot_id: str | None,
    size: int | None,
    volume_type: str,
    delete: bool,
    encrypted: bool,
    key: str | None,
) -> dict[str, Any]:
    ebs = {
        "SnapshotId": snapshot_id,
        "VolumeSize": size,
        "VolumeType": volume_type,
        "DeleteOnTermination": delete,
        "Encrypted": encrypted,
        "KmsKeyId": key,
    }
    return {"DeviceName": name, "VirtualName": None, "NoDevice": None, "Ebs": ebs}
