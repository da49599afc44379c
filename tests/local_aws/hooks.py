"""Every private name of moto and MiniStack that is used or replaced here, in one place.

Both packages are pinned, and private names move from one release to the next. `check` compares each with
what this code was written against, before anything is replaced, so that an upgrade fails with the name
of what moved instead of with a strange answer somewhere else.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_aws.bridge import Ec2Bridge
from local_aws.buses import Buses
from local_aws.image_parameters import ImageParameters
from local_aws.lambdas import AsyncInvokes, Identities, JournalingStream, journal_execution
from local_aws.lifecycle import Spawner
from local_aws.world import World


class HookMovedError(RuntimeError):
    """A package was upgraded and no longer has what is hooked here."""


@dataclass(frozen=True)
class Hook:
    """A dotted name within a module; for a function, the parameters it must have, in order."""

    module: str
    name: str
    parameters: tuple[str, ...] | None = None

    def problem(self) -> str | None:
        try:
            found: Any = importlib.import_module(self.module)
            for part in self.name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as gone:
            return f"{self.module}.{self.name} is gone ({gone})"
        if self.parameters is None:
            return None
        has = tuple(inspect.signature(found).parameters)
        if has == self.parameters:
            return None
        return f"{self.module}.{self.name} takes {has}, not {self.parameters}"


_EB = "ministack.services.eventbridge"
_LAMBDA = "ministack.services.lambda_svc"
_RUNTIME = "ministack.core.lambda_runtime"
_CFN = "ministack.services.cloudformation.provisioners"
_SSM = "ministack.services.ssm"
_EC2 = "moto.ec2.models"

HOOKS = (
    Hook("ministack.app", "app", ("scope", "receive", "send")),
    Hook("ministack.app", "_reset_all_state", ()),
    Hook("ministack.core.responses", "request_scope", ("account_id", "region")),
    Hook("ministack.services.ec2", "handle_request", ("method", "path", "headers", "body", "query_params")),
    Hook(_EB, "_put_events", ("data", "allow_aws_source")),
    Hook(_EB, "_dispatch_event", ("event", "view")),
    Hook(_EB, "_invoke_target", ("target", "event", "rule", "view")),
    Hook(_EB, "_dispatch_to_lambda", ("arn", "payload")),
    Hook(_EB, "_dispatch_to_sqs", ("spec", "payload", "sqs_parameters")),
    Hook(_EB, "_dispatch_to_event_bus", ("spec", "event", "rule", "event_path", "target_input_payload")),
    Hook(_EB, "_pattern_event_view", ("event",)),
    Hook(_EB, "_rule_key", ("rule_name", "bus_name")),
    Hook(_EB, "_event_buses"),
    Hook(_EB, "start_scheduler", ()),
    Hook("ministack.services.scheduler", "start_scheduler", ()),
    Hook("ministack.services.scheduler", "_schedules._data"),
    Hook("ministack.services.sqs", "_queue_by_arn"),
    Hook(_SSM, "_put_parameter", ("data",)),
    Hook("ministack.core.responses", "error_response_json"),
    Hook("ministack.core.responses", "json_response"),
    Hook(_SSM, "_select_parameter", ("name_or_arn",)),
    Hook(_SSM, "_reserved_name_error", ("name",)),
    Hook(_SSM, "_PUBLIC_AMI_PARAMETERS"),
    Hook(_LAMBDA, "invoke_async_with_retry", ("func", "event")),
    Hook(_LAMBDA, "_execute_function", ("func", "event")),
    Hook(_LAMBDA, "_execute_function_dispatch", ("func", "config", "event", "request_id", "started")),
    Hook(_LAMBDA, "_execution_record_for_config", ("func", "config")),
    Hook(_LAMBDA, "_get_func_record_for_ref", ("function_ref",)),
    Hook(_LAMBDA, "_account_region_from_function_config", ("config",)),
    Hook(_LAMBDA, "_reserved_concurrency", ("func", "config")),
    Hook(_LAMBDA, "_provided_worker_env", ("config", "code_dir", "port")),
    Hook(_LAMBDA, "execution_credentials", ("config",)),
    Hook(_CFN, "_lambda_create", ("logical_id", "props", "stack_name")),
    Hook(_CFN, "_lambda_update", ("physical_id", "old_props", "new_props", "stack_name", "logical_id")),
    Hook(_CFN, "_RESOURCE_HANDLERS"),
    Hook(_LAMBDA, "_functions"),
    Hook(_RUNTIME, "ProvidedWorker._pump_output", ("self", "stream", "log_queue")),
    Hook(_RUNTIME, "subprocess.Popen"),
    Hook(_RUNTIME, "reset", ()),
    Hook(f"{_EC2}.core", "TaggedEC2Resource.get_tags", ("self",)),
    Hook(
        f"{_EC2}.amis",
        "AmiBackend.describe_images",
        ("self", "ami_ids", "filters", "exec_users", "owners"),
    ),
    Hook(f"{_EC2}.instances", "InstanceBackend.get_instance", ("self", "instance_id")),
    Hook(f"{_EC2}.instances", "InstanceBackend.get_instance_by_id", ("self", "instance_id")),
    Hook(f"{_EC2}.instances", "Instance.terminate", ("self",)),
    Hook("moto.core.utils", "get_service_model", ("service_name",)),
    Hook(f"{_EC2}.instances", "Instance.get_block_device_mapping"),
    Hook(f"{_EC2}.instances", "InstanceBackend._get_template_from_args", ("self", "launch_template_arg")),
    Hook(
        "moto.ec2.responses.instances",
        "InstanceResponse._parse_block_device_mapping",
        ("self",),
    ),
    Hook("moto.core.request", "Request.from_primitives", ("method", "url", "headers", "body")),
    Hook(
        f"{_EC2}.elastic_block_store",
        "Snapshot",
        (
            "ec2_backend",
            "snapshot_id",
            "volume",
            "description",
            "encrypted",
            "kms_key_id",
            "owner_id",
            "from_ami",
        ),
    ),
)


def check(hooks: tuple[Hook, ...] = HOOKS) -> None:
    problems = [problem for hook in hooks if (problem := hook.problem())]
    if problems:
        listed = "\n  ".join(problems)
        raise HookMovedError(f"moto or ministack has changed; look at hooks.py:\n  {listed}")


def index_tags() -> None:
    """moto asks every tag of the Region for each resource it shows: quadratic, minutes for 10,000 images."""
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


def index_images() -> None:
    """moto filters all images of the Region for each instance it makes."""
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
        for reservation in reversed(self.reservations.values()):
            for instance in reservation.instances:
                if instance.id == instance_id:
                    return instance
        return None

    def get_instance(self: Any, instance_id: str) -> Any:
        found = get_instance_by_id(self, instance_id)
        if found is None:
            raise InvalidInstanceIdError(instance_id)
        return found

    InstanceBackend.get_instance_by_id = get_instance_by_id  # type: ignore[method-assign]
    InstanceBackend.get_instance = get_instance  # type: ignore[method-assign]


def check_image_parameters(world: World) -> None:
    """MiniStack takes any value for a parameter at once, whatever its data type and its pattern."""
    from ministack.services import ssm

    ssm._put_parameter = ImageParameters(world, ssm._put_parameter).put


def bridge_ec2(bridge: Ec2Bridge) -> None:
    """MiniStack's EC2 has no images to speak of; moto's has, and the overlay makes them live."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import ec2

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: Any
    ) -> tuple[int, dict[str, str], bytes]:
        return await asyncio.to_thread(
            bridge.answer, method, path, headers, body or b"", get_account_id(), get_region()
        )

    ec2.handle_request = handle_request


def stop_wall_clock() -> None:
    """Schedules and rate rules must fire when a test says so, not when the machine's clock does."""
    from ministack.services import eventbridge, scheduler

    eventbridge.start_scheduler = lambda: None
    scheduler.start_scheduler = lambda: None


def route_events(world: World, invokes: AsyncInvokes) -> Buses:
    """MiniStack tries a failing function behind a rule once, and keeps events within their Region."""
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
    """MiniStack counts a throttle as a failed attempt, so events are lost over reserved concurrency."""
    from ministack.services import lambda_svc

    def invoke_async_with_retry(func: dict[str, Any], event: Any) -> None:
        invokes.submit(func, event, "Invoke Event")

    lambda_svc.invoke_async_with_retry = invoke_async_with_retry


def journal_executions(world: World) -> None:
    """The one place through which each run of a function passes, however it was invoked."""
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
    """MiniStack gives every function the account's number as access key; then a call has no author."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        key = identities.key_of(str(config.get("FunctionName")))
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local"}

    lambda_svc.execution_credentials = execution_credentials
    lambda_runtime.execution_credentials = execution_credentials


def clean_environment() -> None:
    """A function sees what Lambda gives it and its own variables, not the environment of the server."""
    import os

    from ministack.services import lambda_svc

    original = lambda_svc._provided_worker_env
    kept = ("PATH", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")

    def worker_env(config: dict[str, Any], code_dir: str, port: int) -> dict[str, str]:
        whole: dict[str, str] = original(config, code_dir, port)
        own = (config.get("Environment") or {}).get("Variables") or {}
        out = {
            key: value
            for key, value in whole.items()
            if key in own or key in kept or os.environ.get(key) != value or key.startswith("AWS_")
        }
        return {**out, "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023"}

    lambda_svc._provided_worker_env = worker_env


def journal_function_logs(world: World) -> None:
    """A function's lines, as it writes them; MiniStack shows them only after the invocation."""
    from ministack.core.lambda_runtime import ProvidedWorker

    original = ProvidedWorker._pump_output

    def pump_output(self: Any, stream: Any, log_queue: Any) -> None:
        original(self, JournalingStream(stream, world, self.func_name), log_queue)

    ProvidedWorker._pump_output = pump_output


def tie_workers(spawner: Spawner) -> None:
    """Function processes must end with the server even when it is killed; see `Spawner`."""
    from ministack.core import lambda_runtime

    class Subprocess:
        """The subprocess module, but for how children are started."""

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


def own_public_parameters() -> None:
    """MiniStack answers two public parameters with images that exist nowhere else."""
    from ministack.services import ssm

    ssm._PUBLIC_AMI_PARAMETERS.clear()


def install(world: World, identities: Identities, spawner: Spawner, invokes: AsyncInvokes) -> None:
    """Check all hooks, then put them all in place."""
    check()
    steps: list[Callable[[], Any]] = [
        index_tags,
        index_images,
        index_instances,
        stop_wall_clock,
        clean_environment,
        own_public_parameters,
        keep_function_properties,
        lambda: check_image_parameters(world),
        lambda: bridge_ec2(Ec2Bridge(world)),
        lambda: route_events(world, invokes),
        lambda: queue_async_invokes(invokes),
        lambda: journal_executions(world),
        lambda: journal_function_logs(world),
        lambda: name_callers(identities),
        lambda: tie_workers(spawner),
    ]
    for step in steps:
        step()
