"""What the templates give a regulated account that asks for it, and that others get nothing of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from stack.functions import functions
from stack.template import HOME_TEMPLATE, REGION_TEMPLATE
from stack.tests.expand import HOME, REGULATED, Expanded, further, home, of_further
from stack.tests.policy import allowed, statements_of

KEY = REGULATED["KmsKey"]
BOUNDARY = REGULATED["PermissionsBoundary"]
INTERFACE = "arn:aws:ec2:us-east-1:123456789012:network-interface/eni-0a1b2c3d"
FROM_CODE = {"lambda:SourceFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:kiln-bake"}


def regulated() -> Expanded:
    return home(**REGULATED)


def both(**changed: str) -> list[Expanded]:
    """Both templates with all that a regulated account gives."""
    given = {**REGULATED, **changed}
    return [home(**given), further(**of_further(given))]


def test_every_role_takes_the_permissions_boundary() -> None:
    for template in both():
        roles = template.of("AWS::IAM::Role")
        assert roles
        assert {role["PermissionsBoundary"] for role in roles.values()} == {BOUNDARY}


def test_every_role_and_managed_policy_takes_the_path() -> None:
    for template in both():
        for kind in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            assert {one["Path"] for one in template.of(kind).values()} <= {"/platform/"}
    assert regulated().of("AWS::IAM::ManagedPolicy")


def test_no_user_or_group_or_policy_of_another_kind_escapes_the_path() -> None:
    for template in both():
        kinds = {one["Type"] for one in template.resources.values() if one["Type"].startswith("AWS::IAM::")}
        assert kinds <= {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}


def test_the_key_encrypts_logs_queues_schedules_and_the_functions_environment() -> None:
    template = regulated()
    places = {
        "AWS::Logs::LogGroup": "KmsKeyId",
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::Scheduler::Schedule": "KmsKeyArn",
        "AWS::Lambda::Function": "KmsKeyArn",
    }
    for kind, place in places.items():
        found = template.of(kind)
        assert found and {one.get(place) for one in found.values()} == {KEY}, kind
    queues = further(**of_further(REGULATED)).of("AWS::SQS::Queue").values()
    assert [queue["KmsMasterKeyId"] for queue in queues] == [KEY.replace(HOME, "eu-west-1")]


def test_a_queue_has_one_kind_of_encryption_and_never_none() -> None:
    """SQS refuses a queue that asks for both its own key and another."""
    for template in [*both(), *both(KmsKey="")]:
        for queue in template.of("AWS::SQS::Queue").values():
            assert queue["SqsManagedSseEnabled"] is ("KmsMasterKeyId" not in queue)


def test_every_role_that_sends_to_a_queue_may_use_the_key() -> None:
    template = regulated()
    for role in template.of("AWS::IAM::Role"):
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            assert allowed(statements_of(template, role), action, KEY, {}), role
            assert not allowed(statements_of(home(), role), action, KEY, {}), f"{role} without a key"


def test_the_key_opens_no_secret_of_parameter_store() -> None:
    through_ssm = {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}
    for function in functions():
        rights = statements_of(regulated(), function.role)
        assert not allowed(rights, "kms:Decrypt", KEY, through_ssm)


def test_the_functions_run_in_the_subnets_with_their_security_groups() -> None:
    for function in regulated().of("AWS::Lambda::Function").values():
        assert function["VpcConfig"] == {
            "SubnetIds": REGULATED["SubnetIds"].split(","),
            "SecurityGroupIds": REGULATED["SecurityGroupIds"].split(","),
        }


def test_lambda_may_make_the_network_interfaces_and_the_functions_code_may_not() -> None:
    for function in functions():
        rights = statements_of(regulated(), function.role)
        for action in ("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"):
            assert allowed(rights, action, INTERFACE, {})
            assert not allowed(rights, action, INTERFACE, FROM_CODE)
            assert not allowed(statements_of(home(), function.role), action, INTERFACE, {})


def test_the_functions_are_checked_by_the_code_signing_configuration() -> None:
    found = {one["CodeSigningConfigArn"] for one in regulated().of("AWS::Lambda::Function").values()}
    assert found == {REGULATED["CodeSigningConfig"]}


def test_the_functions_are_traced_and_may_send_their_traces() -> None:
    for function in functions():
        properties = regulated().of("AWS::Lambda::Function")[function.resource]
        assert properties["TracingConfig"] == {"Mode": "Active"}
        assert allowed(statements_of(regulated(), function.role), "xray:PutTraceSegments", "*", {})
        assert not allowed(statements_of(home(), function.role), "xray:PutTraceSegments", "*", {})


def test_without_any_of_it_the_templates_ask_for_nothing_of_it() -> None:
    asked = {
        "PermissionsBoundary",
        "Path",
        "KmsKeyId",
        "KmsMasterKeyId",
        "KmsKeyArn",
        "VpcConfig",
        "CodeSigningConfigArn",
    }
    for template in (home(), further()):
        for name, resource in template.resources.items():
            assert not asked & resource["Properties"].keys(), name
    for function in home().of("AWS::Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "PassThrough"}, "Lambda's own default"


def test_logs_outlive_their_stack() -> None:
    """A stack that could not be made leaves none behind, for they would be in the way of the next one."""
    logs = [one for one in home().resources.values() if one["Type"] == "AWS::Logs::LogGroup"]
    assert len(logs) == len(functions())
    for log in logs:
        assert (log["DeletionPolicy"], log["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_the_arn_of_each_role_is_an_output() -> None:
    for template in (home(), further()):
        outputs = {output["Value"] for output in template.outputs.values()}
        assert {f"<{role}.Arn>" for role in template.of("AWS::IAM::Role")} <= outputs


def test_every_alarm_notifies_the_topic_of_its_region() -> None:
    topic = REGULATED["AlarmTopic"]
    for template, wanted in zip(both(), (topic, topic.replace(HOME, "eu-west-1")), strict=True):
        alarms = template.of("AWS::CloudWatch::Alarm").values()
        assert alarms and all(alarm["AlarmActions"] == [wanted] for alarm in alarms)


def test_cloudformation_tags_everything_that_takes_tags() -> None:
    """It gives them the tags of the stack, if the schema of their type says `taggable`."""
    kinds = {one["Type"] for template in both(SampleRecipes="true") for one in template.resources.values()}
    assert len(kinds) > 10
    for kind in kinds:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
        taggable = schema.get("tagging", {}).get("taggable", schema.get("taggable", False))
        assert taggable or "Tags" not in schema["properties"], f"{kind} takes tags that no stack gives it"


@pytest.mark.parametrize("path", [HOME_TEMPLATE, REGION_TEMPLATE], ids=lambda path: path.name)
def test_no_template_names_a_partition_or_its_domain(path: Any) -> None:
    """GovCloud's and China's are others. IAM takes the principals of services by these names everywhere."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines)
    assert not re.search(r"arn:aws(-us-gov|-cn)?:", text)
    principals = re.findall(r"Principal: (?:\{ Service: )?[a-z]+\.amazonaws\.com", text)
    assert text.count("amazonaws.com") == len(principals)


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn"])
def test_the_parameters_take_arns_of_other_partitions(partition: str) -> None:
    for template in (home(), further()):
        for name, parameter in template.raw["Parameters"].items():
            if REGULATED.get(name, "").startswith("arn:"):
                arn = REGULATED[name].replace("arn:aws:", f"arn:{partition}:")
                assert re.fullmatch(parameter["AllowedPattern"], arn), name
