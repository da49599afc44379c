"""An instance in an answer of DescribeInstances; `fast_xml` says why moto's serializer is not used."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance

from local_aws.overlay import tags


def described(instance: Instance) -> dict[str, Any]:
    """The members of one instance; those that are None are omitted."""
    reason = instance.state_reason
    placement = instance.placement
    return {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "State": {"Name": instance.state, "Code": instance.state_code},
        "StateReason": {"Code": reason.code, "Message": reason.message} if reason and reason.code else None,
        "StateTransitionReason": instance.state_transition_reason,
        "InstanceType": instance.instance_type,
        "InstanceLifecycle": instance.lifecycle,
        "LaunchTime": instance.launch_time,
        "ClientToken": instance.client_token,
        "KeyName": instance.key_name,
        "AmiLaunchIndex": instance.ami_launch_index,
        "Architecture": instance.architecture,
        "Platform": instance.platform,
        "Hypervisor": instance.hypervisor,
        "VirtualizationType": instance.virtualization_type,
        "EbsOptimized": bool(instance.ebs_optimized),
        "RootDeviceName": instance.root_device_name,
        "RootDeviceType": instance.root_device_type,
        "SourceDestCheck": instance.source_dest_check,
        "SriovNetSupport": instance.sriov_net_support,
        "Monitoring": {"State": instance.monitoring_state},
        "Placement": {
            "AvailabilityZone": placement.zone,
            "GroupName": placement.group_name or "",
            "Tenancy": placement.tenancy,
            "HostId": placement.host_id,
        },
        "PrivateDnsName": instance.private_dns_name,
        "PrivateIpAddress": instance.private_ip_address,
        "PublicDnsName": instance.public_dns_name,
        "PublicIpAddress": instance.public_ip_address,
        "SubnetId": instance.subnet_id,
        "VpcId": instance.vpc_id,
        "SecurityGroups": _groups(instance.security_groups),
        "IamInstanceProfile": _profile(instance.iam_instance_profile),
        "MetadataOptions": _metadata(instance.metadata_options),
        "ProductCodes": [],
        "BlockDeviceMappings": [
            {
                "DeviceName": name,
                "Ebs": {
                    "VolumeId": block.volume_id,
                    "Status": instance.get_block_device_status(block.status),
                    "AttachTime": block.attach_time,
                    "DeleteOnTermination": bool(block.delete_on_termination),
                },
            }
            for name, block in instance.get_block_device_mapping
        ],
        "NetworkInterfaces": [_interface(nic) for nic in instance.network_interfaces],
        "Tags": tags.wire(instance.ec2_backend, instance.id),
    }


def _interface(nic: NetworkInterface) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": nic.id,
        "InterfaceType": "interface",
        "Description": nic.description,
        "Status": nic.status,
        "MacAddress": nic.mac_address,
        "OwnerId": nic.owner_id,
        "SubnetId": nic.subnet.id,
        "VpcId": nic.subnet.vpc_id,
        "PrivateIpAddress": nic.private_ip_address,
        "SourceDestCheck": True,
        "Groups": _groups(nic.group_set),
        "Attachment": {
            "AttachmentId": nic.attachment_id,
            "AttachTime": nic.attach_time,
            "DeviceIndex": nic.device_index,
            "DeleteOnTermination": bool(nic.delete_on_termination),
            "NetworkCardIndex": 0,
            "Status": "attached",
        },
    }


def _groups(groups: list[Any]) -> list[dict[str, str]]:
    return [{"GroupId": group.id, "GroupName": group.name} for group in groups]


def _profile(profile: Any) -> dict[str, str] | None:
    return {"Arn": profile.arn, "Id": profile.id} if hasattr(profile, "arn") else None


def _metadata(options: Any) -> dict[str, Any]:
    return {
        "State": "applied",
        "HttpTokens": options.http_tokens,
        "HttpPutResponseHopLimit": options.http_put_response_hop_limit,
        "HttpEndpoint": options.http_endpoint,
        "HttpProtocolIpv6": options.http_protocol_ipv6,
        "InstanceMetadataTags": options.instance_metadata_tags,
    }
