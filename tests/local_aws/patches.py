"""The patches of moto and MiniStack: one function for each, with its reason."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from local_aws import deployments, share
from local_aws.buses import Buses
from local_aws.dispatch import Ec2Dispatch
from local_aws.hooks import check
from local_aws.image_parameters import ImageParameters
from local_aws.lambdas import AsyncInvokes, Identities, JournalingStream, journal_execution
from local_aws.lifecycle import Spawner
from local_aws.overlay.image import managed_by_aws
from local_aws.overlay.reference_index import reference_index
from local_aws.trust import Trust
from local_aws.world import World

# As long as AWS's, and as little to be compressed: it stands in every URL that a function signs.
SESSION_TOKEN = base64.b64encode(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(24))).decode()


def index_tags() -> None:
    """moto scans all tags of the Region for each resource it describes, which takes minutes for 10,000
    images."""
    from moto.ec2.models.core import TaggedEC2Resource
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

    def get_tags(self: Any) -> list[dict[str, str]]:
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
        found = self.ec2_backend.tags.get(self.id) or {}
        return [
            {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
            for key, value in found.items()
        ]

    TaggedEC2Resource.get_tags = get_tags  # type: ignore[method-assign]


def list_methods_once() -> None:
    """moto lists all methods of a service for each call."""
    from moto.core import responses

    responses.method_names_from_class = lru_cache(responses.method_names_from_class)  # type: ignore[assignment]


def index_images() -> None:
    """moto scans all images of the Region for each instance it creates."""
    from moto.ec2.models.amis import AmiBackend

    original = AmiBackend.describe_images

    def describe_images(
        self: Any, ami_ids: Any = None, filters: Any = None, exec_users: Any = None, owners: Any = None
    ) -> Any:
        if filters is None or ami_ids or exec_users or owners or set(filters) != {"image-id"}:
            return original(self, ami_ids, filters, exec_users, owners)
        wanted = filters["image-id"]
        ids = [wanted] if isinstance(wanted, str) else wanted
        return [self.amis[one] for one in ids if one in self.amis]

    AmiBackend.describe_images = describe_images  # type: ignore[method-assign]


def index_instances() -> None:
    """moto copies every reservation of the Region to find one instance, for each volume it attaches."""
    from moto.ec2.exceptions import InvalidInstanceIdError
    from moto.ec2.models.instances import InstanceBackend

    def get_instance_by_id(self: Any, instance_id: str) -> Any:
        return reference_index(self).instances.get(instance_id)

    def get_instance(self: Any, instance_id: str) -> Any:
        found = get_instance_by_id(self, instance_id)
        if found is None:
            raise InvalidInstanceIdError(instance_id)
        return found

    InstanceBackend.get_instance_by_id = get_instance_by_id  # type: ignore[method-assign]
    InstanceBackend.get_instance = get_instance  # type: ignore[method-assign]


def route_default_vpcs() -> None:
    """moto's default VPC has no internet gateway, and so no way out, unlike AWS's."""
    from moto.ec2.models.vpcs import VPCBackend

    original = VPCBackend.create_default_vpc

    def create_default_vpc(self: Any) -> Any:
        vpc = original(self)
        gateway = self.create_internet_gateway()
        self.attach_internet_gateway(gateway.id, vpc.id)
        (table,) = self.describe_route_tables(None, filters={"vpc-id": [vpc.id]})
        self.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)
        return vpc

    VPCBackend.create_default_vpc = create_default_vpc  # type: ignore[method-assign]


def check_image_parameters(world: World) -> None:
    """MiniStack accepts any value of a parameter at once, without checking its data type and pattern."""
    from ministack.services import ssm

    ssm._put_parameter = ImageParameters(world, ssm._put_parameter).put


def dispatch_ec2(ec2_dispatch: Ec2Dispatch) -> None:
    """MiniStack's EC2 has almost no images; requests go to moto and the overlay instead."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import autoscaling, ec2

    def through(answer: Any) -> Any:
        async def handle_request(
            method: str, path: str, headers: dict[str, str], body: bytes, query_params: Any
        ) -> tuple[int, dict[str, str], bytes]:
            return await asyncio.to_thread(
                answer, method, path, headers, body or b"", get_account_id(), get_region()
            )

        return handle_request

    ec2.handle_request = through(ec2_dispatch.answer)
    autoscaling.handle_request = through(ec2_dispatch.answer_auto_scaling)


def stop_wall_clock() -> None:
    """Schedules and rate rules must fire when a test says so, not by the clock of the machine."""
    from ministack.services import eventbridge, scheduler

    eventbridge.start_scheduler = lambda: None
    scheduler.start_scheduler = lambda: None


def route_events(world: World, invokes: AsyncInvokes) -> Buses:
    """MiniStack does not retry the function of a rule, and does not forward events to other Regions."""
    from ministack.services import eventbridge

    buses = Buses(
        world,
        invokes,
        eventbridge._dispatch_event,
        eventbridge._invoke_target,
        eventbridge._dispatch_to_event_bus,
    )
    eventbridge._dispatch_event = buses.dispatch
    eventbridge._invoke_target = buses.invoke_target
    eventbridge._dispatch_to_lambda = buses.to_lambda
    eventbridge._dispatch_to_event_bus = buses.to_bus
    return buses


def queue_async_invokes(invokes: AsyncInvokes) -> None:
    """MiniStack counts a throttle as a failed attempt, so a reserved concurrency would lose events."""
    from ministack.services import lambda_svc

    def invoke_async_with_retry(func: dict[str, Any], event: Any) -> None:
        invokes.submit(func, event, "Invoke Event")

    lambda_svc.invoke_async_with_retry = invoke_async_with_retry


def journal_executions(world: World) -> None:
    """Every run of a function passes through this function, so it is journalled here."""
    import time

    from ministack.services import lambda_svc

    original = lambda_svc._execute_function_dispatch

    def execute(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        began = time.time()
        with world.activity.during("lambda", f"{config.get('FunctionName')} runs"):
            result = original(func, config, event, request_id, started)
            journal_execution(world, func, config, event, began, result)
            return result

    lambda_svc._execute_function_dispatch = execute


def name_callers(identities: Identities) -> None:
    """MiniStack gives every function the account's number as access key, so a call would not show its
    function."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        key = identities.key_of(str(config.get("FunctionName")))
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": SESSION_TOKEN,
        }

    lambda_svc.execution_credentials = execution_credentials
    lambda_runtime.execution_credentials = execution_credentials


def believe_functions(identities: Identities) -> None:
    """MiniStack checks the signature of a URL, and does not know the keys that functions have here."""
    from ministack.core.iam_evaluator import CredentialResolutionError, ResolvedCredential
    from ministack.services import s3

    resolve = s3.resolve_credential

    def resolve_credential(key: str, account: str, token: str | None = None) -> Any:
        who = identities.who(key)
        if who == "-":
            return resolve(key, account, token)
        if token != SESSION_TOKEN:
            return CredentialResolutionError("InvalidToken", "The provided token is malformed")
        arn = f"arn:aws:sts::{account}:assumed-role/{who}/{who}"
        return ResolvedCredential(key, "local", account, arn, who, "AssumedRole", who, token)

    s3.resolve_credential = resolve_credential


def judge_roles(trust: Trust) -> None:
    """MiniStack gives anyone a session of any role, whether there is such a role or not."""
    from ministack.services import sts

    original = sts.handle_request

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: Any
    ) -> Any:
        refusal = trust.refusal(headers, body or b"")
        if refusal is not None:
            return refusal
        answer = await original(method, path, headers, body, query_params)
        trust.remember(headers, answer[2])
        return answer

    sts.handle_request = handle_request


def clean_environment() -> None:
    """A function must see its own variables and those of Lambda, not the environment of the server."""
    import os

    from ministack.services import lambda_svc

    original = lambda_svc._provided_worker_env
    region_state = ("PATH", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")

    def worker_env(config: dict[str, Any], code_dir: str, port: int) -> dict[str, str]:
        whole: dict[str, str] = original(config, code_dir, port)
        own = (config.get("Environment") or {}).get("Variables") or {}
        out = {
            key: value
            for key, value in whole.items()
            if key in own or key in region_state or os.environ.get(key) != value or key.startswith("AWS_")
        }
        return {**out, "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023", **share.environment()}

    lambda_svc._provided_worker_env = worker_env


def journal_function_logs(world: World) -> None:
    """MiniStack shows the output of a function only after the invocation; the journal needs each line at
    once."""
    from ministack.core.lambda_runtime import ProvidedWorker

    original = ProvidedWorker._pump_output

    def pump_output(self: Any, stream: Any, log_queue: Any) -> None:
        original(self, JournalingStream(stream, world, self.func_name), log_queue)

    ProvidedWorker._pump_output = pump_output


def tie_workers(spawner: Spawner) -> None:
    """The processes of functions must end with the server, even if it is killed; see `Spawner`."""
    from ministack.core import lambda_runtime

    class Subprocess:
        """The subprocess module with another `Popen`."""

        Popen = staticmethod(spawner.popen)

        def __getattr__(self, name: str) -> Any:
            import subprocess

            return getattr(subprocess, name)

    lambda_runtime.subprocess = Subprocess()


def keep_function_properties() -> None:
    """MiniStack's CloudFormation drops a function's reserved concurrency and its dead-letter queue."""
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners

    handler = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create, update = handler["create"], handler["update"]

    def keep(name: str, props: dict[str, Any]) -> None:
        function = lambda_svc._functions[name]
        reserved = props.get("ReservedConcurrentExecutions")
        function["concurrency"] = None if reserved is None else int(reserved)
        function["config"]["DeadLetterConfig"] = props.get("DeadLetterConfig") or {}

    def created(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        result = create(logical_id, props, stack_name)
        keep(result[0], props)
        return result

    def updated(physical_id: str, old: Any, new: Any, stack_name: str, logical_id: str | None = None) -> Any:
        result = update(physical_id, old, new, stack_name, logical_id)
        keep(result[0] if isinstance(result, tuple) else physical_id, new)
        return result

    handler["create"], handler["update"] = created, updated


def keep_queries() -> None:
    """MiniStack's CloudFormation does not know saved queries. They have no effect here."""
    from ministack.services.cloudformation import provisioners

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        if not props.get("Name") or not props.get("QueryString"):
            raise ValueError("AWS::Logs::QueryDefinition requires Name and QueryString")
        return f"{stack_name}-{logical_id}", {}

    def delete(physical_id: str, props: dict[str, Any]) -> None:
        return None

    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {"create": create, "delete": delete}


def answer_deployments() -> None:
    """MiniStack's change sets and buckets answer otherwise than AWS's; see `deployments`."""
    from ministack.services import s3
    from ministack.services.cloudformation import changesets, handlers, provisioners

    changesets._resolve_props_for_diff = deployments.without_what_conditions_leave_out(
        changesets._resolve_props_for_diff
    )
    actions = handlers._ACTION_HANDLERS
    actions["CreateChangeSet"] = deployments.reviewed_stack_stays(actions["CreateChangeSet"])
    bucket = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    bucket["delete"] = deployments.bucket_with_objects_stays(bucket["delete"])
    s3.handle_request = deployments.expected_owner(s3.handle_request)


def own_public_parameters() -> None:
    """MiniStack has two public parameters whose images do not exist."""
    from ministack.services import ssm

    ssm._PUBLIC_AMI_PARAMETERS.clear()


def name_services() -> None:
    """MiniStack reads every model of botocore to tell whether a service that it does not have is AWS's.
    That takes 20 seconds, in every local AWS, once Kiln asks for a quota."""
    from botocore.session import get_session
    from ministack.core import router

    router._KNOWN_AWS_SERVICE_NAMES = frozenset({"servicequotas", *get_session().get_available_services()})


def own_key_of_ebs() -> None:
    """KMS makes the key of EBS, which AWS manages, once somebody describes it; MiniStack has none."""
    from ministack.core.responses import json_response
    from ministack.services import kms

    original = kms._describe_key

    def describe_key(data: dict[str, Any]) -> Any:
        key = str(data.get("KeyId", ""))
        if not managed_by_aws(key):
            return original(data)
        arn = key if key.startswith("arn:") else kms._alias_arn(key)
        return json_response(
            {"KeyMetadata": {"KeyId": key, "Arn": arn, "KeyManager": "AWS", "Enabled": True}}
        )

    kms._describe_key = describe_key


def install(world: World, identities: Identities, spawner: Spawner, invokes: AsyncInvokes) -> None:
    """Check all hooks, then apply all patches."""
    check()
    steps: list[Callable[[], Any]] = [
        index_tags,
        list_methods_once,
        index_images,
        index_instances,
        route_default_vpcs,
        stop_wall_clock,
        clean_environment,
        own_public_parameters,
        own_key_of_ebs,
        name_services,
        keep_function_properties,
        keep_queries,
        answer_deployments,
        lambda: check_image_parameters(world),
        lambda: dispatch_ec2(Ec2Dispatch(world)),
        lambda: route_events(world, invokes),
        lambda: queue_async_invokes(invokes),
        lambda: journal_executions(world),
        lambda: journal_function_logs(world),
        lambda: name_callers(identities),
        lambda: believe_functions(identities),
        lambda: judge_roles(Trust(identities)),
        lambda: tie_workers(spawner),
        *([share.give_shares] if share.is_asked() else []),
    ]
    for step in steps:
        step()
