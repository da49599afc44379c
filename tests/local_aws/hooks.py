"""The list of all private names of moto and MiniStack that are used or replaced here.

Both packages are pinned, but private names change from release to release. `check` runs before `patches`
replaces anything, so an upgrade fails with the name that changed and not with a wrong answer somewhere else.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import Any


class HookMovedError(RuntimeError):
    """An upgraded package no longer has a name that is used here."""


@dataclass(frozen=True)
class Hook:
    """A dotted name in a module and, for a function, the names of its parameters in order."""

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
_CHANGE_SETS = "ministack.services.cloudformation.changesets"
_S3 = "ministack.services.s3"
_SSM = "ministack.services.ssm"
_EC2 = "moto.ec2.models"

HOOKS = (
    Hook("ministack.app", "app", ("scope", "receive", "send")),
    Hook("ministack.app", "_reset_all_state", ()),
    Hook("ministack.core.responses", "request_scope", ("account_id", "region")),
    Hook("ministack.services.iam", "_lookup_instance_profile", ("name", "arn")),
    Hook("ministack.services.iam", "_roles.get_scoped"),
    Hook("ministack.services.sts", "handle_request", ("method", "path", "headers", "body", "query_params")),
    Hook("ministack.core.responses", "get_account_id", ()),
    Hook(_S3, "resolve_credential", ("access_key_id", "account_id", "session_token")),
    Hook("ministack.services.ec2", "handle_request", ("method", "path", "headers", "body", "query_params")),
    Hook(
        "ministack.services.autoscaling",
        "handle_request",
        ("method", "path", "headers", "body", "query_params"),
    ),
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
    Hook(_SSM, "_parameters"),
    Hook("moto.core.responses", "method_names_from_class", ("clazz",)),
    Hook("ministack.core.router", "_KNOWN_AWS_SERVICE_NAMES"),
    Hook("ministack.services.kms", "_describe_key", ("data",)),
    Hook("ministack.services.kms", "_alias_arn"),
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
    Hook(_CHANGE_SETS, "_resolve_props_for_diff", ("template", "params", "stack_name", "stack_id")),
    Hook(_CHANGE_SETS, "_create_change_set", ("params",)),
    Hook("ministack.services.cloudformation.handlers", "_ACTION_HANDLERS"),
    Hook("ministack.services.cloudformation.helpers", "_p", ("params", "key", "default")),
    Hook("ministack.services.cloudformation.engine", "_evaluate_conditions"),
    Hook("ministack.services.cloudformation", "_stacks"),
    Hook("ministack.services.cloudformation", "_stack_events"),
    Hook("ministack.services.cloudformation", "_change_sets"),
    Hook(_CFN, "_s3_delete", ("physical_id", "props")),
    Hook(_S3, "_parse_bucket_key", ("path", "headers")),
    Hook(_S3, "_bucket_owner_account", ("name",)),
    Hook(_S3, "_bucket_has_versions"),
    Hook(_S3, "_buckets"),
    Hook(_LAMBDA, "_functions"),
    Hook(_RUNTIME, "ProvidedWorker._pump_output", ("self", "stream", "log_queue")),
    Hook(_RUNTIME, "ProvidedWorker._mark_first_poll", ("self", "generation")),
    Hook(_RUNTIME, "subprocess.Popen"),
    Hook(_RUNTIME, "reset", ()),
    Hook(f"{_EC2}.core", "TaggedEC2Resource.get_tags", ("self",)),
    Hook(
        f"{_EC2}.amis",
        "AmiBackend.describe_images",
        ("self", "ami_ids", "filters", "exec_users", "owners"),
    ),
    Hook(f"{_EC2}.vpcs", "VPCBackend.create_default_vpc", ("self",)),
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
