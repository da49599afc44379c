"""Deploys Kiln: the bucket for what is deployed, the home stack, then a stack in each further Region."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack import artifacts, release
from stack import regions as further_regions
from stack import template as templates
from stack.artifacts import ARTIFACTS_STACK, Bucket
from stack.changes import ChangeSet
from stack.clients import Clients
from stack.confirm import Confirm
from stack.deployment import Deployment, Say
from stack.package import QUICK, SMALL, keys, package
from stack.regional import neighbours, shared_out
from stack.retained import import_logs, without_taken_recipes
from stack.stacks import MOST_BODY, Stack, StackError

HOME_STACK = "kiln"
REGION_STACK = f"{HOME_STACK}-region"


@dataclass(frozen=True)
class Deployed:
    """What stands after a deployment."""

    home: str
    outputs: dict[str, str]
    regions: dict[str, dict[str, str]]


def stack_of(clients: Clients, name: str, region: str, tags: Mapping[str, str] | None = None) -> Stack:
    """A stack of Kiln's."""
    return Stack(clients.of("cloudformation", region), name, region, clients.poll_s, tags=tags or {})


def region_stack(name: str) -> str:
    """The name of the further Regions' stacks of a home stack."""
    return f"{name}-region"


def deploy(
    endpoint_url: str | None,
    build_dir: str | Path,
    home: str = "us-east-1",
    regions: Iterable[str] = ("eu-west-1", "ap-southeast-2"),
    architecture: str = "x86_64",
    parameters: Mapping[str, str] | None = None,
    say: Say = print,
    confirm: Confirm | None = None,
    remove_regions: bool = False,
    name: str = HOME_STACK,
    tags: Mapping[str, str] | None = None,
) -> Deployed:
    """Packages and deploys the real templates; run again, it changes only what changed.

    `build_dir` holds `<function>/bootstrap`, or is a release, whose templates are then taken.
    `parameters` are those of template.yaml, and of region.yaml where it has them too. `name` is the home
    stack's, which all other names follow. All stacks get the `tags`. What would be changed is shown, then
    `confirm` is asked, which raises if nothing may be; without `confirm` nobody is asked. A Region that
    was deployed to before and is no longer one of `regions` is told, and with `remove_regions` its stack
    is deleted.
    """
    regions = list(dict.fromkeys(regions))
    if home in regions:
        raise StackError(f"{home} is the home Region and cannot be a further Region as well")
    home_template, region_template = _templates(Path(build_dir), architecture)
    region_body = templates.write(templates.read(region_template))
    region_known = templates.parse(region_body)["Parameters"]
    shares = shared_out({"Architecture": architecture, **(parameters or {})}, home, regions, region_known)
    clients = Clients(endpoint_url)
    home_stack = stack_of(clients, name, home, tags)
    home_stack.leave_to_its_reviewers()
    key = shares[home].get("KmsKey", home_stack.parameters().get("KmsKey") or None)
    of_bucket = stack_of(clients, ARTIFACTS_STACK.format(name), home, tags)
    bucket = _bucket(clients, of_bucket, key, say, confirm)
    say(f"packaging the functions of {build_dir}")
    level = QUICK if endpoint_url else SMALL
    body = package(home_template, Path(build_dir), bucket, lambda line: say(f"  {line}"), level)
    document = templates.parse(body)

    for region in [home, *regions]:
        for other in neighbours(clients.of("events", region), name):
            say(f"  stack {other} is in {region} too: recipes of both must have different names")
    deployment = Deployment(say, confirm)
    deployment.clear(home_stack)
    import_logs(document, home_stack, clients.of("logs", home), say, confirm)
    body = without_taken_recipes(body, home_stack, clients.of("ssm", home), shares[home], say)
    template, template_key = _template(body, bucket)
    try:
        deployment.bring(home_stack, template, shares[home], document["Parameters"])
        further = {region: stack_of(clients, region_stack(name), region, tags) for region in regions}
        for region, stack in further.items():
            # The bus has the home stack's name.
            given = {**shares[region], "HomeRegion": home, "BusName": name}
            deployment.bring(stack, {"TemplateBody": region_body}, given, region_known)
        _leave(deployment, clients, name, home, regions, remove_regions)
        deployment.ask()
        deployment.carry_out()
    except BaseException:
        deployment.drop()
        raise
    old = bucket.forget(keys(document, bucket) | {template_key})
    if old:
        say(f"deleted {old} old files from bucket {bucket.name}: they are no longer deployed")
    _tell_of_the_former_bucket(clients, bucket, home, say)
    return Deployed(home, home_stack.outputs(), {region: one.outputs() for region, one in further.items()})


def _templates(build_dir: Path, architecture: str) -> tuple[Path, Path]:
    """The templates of the home Region and of a further one."""
    if not release.is_one(build_dir):
        return templates.HOME_TEMPLATE, templates.REGION_TEMPLATE
    release.check(build_dir, architecture)
    return release.home_template(build_dir, architecture), release.region_template(build_dir)


def _bucket(clients: Clients, stack: Stack, key: str | None, say: Say, confirm: Confirm | None) -> Bucket:
    """The bucket for artifacts. It must be there before CloudFormation can say what the home stack needs."""

    def agree(change_set: ChangeSet) -> None:
        if confirm is None:
            return
        for line in change_set.lines():
            say(line)
        if change_set.creates:
            say("the functions are put there; what they need is shown after that, before it is created")
        confirm(f"Change {stack.title}?")

    account = clients.of("sts", stack.region).get_caller_identity()["Account"]
    Deployment(say, confirm).clear(stack)
    bucket, outcome = artifacts.ensure(stack, clients.of("s3", stack.region), account, agree, key)
    if outcome != "unchanged":
        say(f"{stack.title}: {outcome}, with bucket {bucket.name}")
    return bucket


def _template(body: str, bucket: Bucket) -> tuple[dict[str, str], str]:
    """The template as the call takes it, in itself or, where it is too long for that, by way of the bucket;
    and its key there."""
    key = f"template/{hashlib.sha256(body.encode()).hexdigest()}.yaml"
    if len(body.encode()) <= MOST_BODY:
        return {"TemplateBody": body}, key
    bucket.put_once(key, body.encode())
    return {"TemplateURL": bucket.url(key)}, key


def _leave(
    deployment: Deployment, clients: Clients, name: str, home: str, regions: list[str], remove_regions: bool
) -> None:
    """Tells which Regions were deployed to before and are no longer named, and has their stacks deleted if
    that is wanted."""
    say = deployment.say
    found = further_regions.with_a_stack(
        clients.of("ec2", home),
        lambda region: stack_of(clients, region_stack(name), region),
        home,
        name,
        regions,
    )
    for line in found.lines():
        say(line)
    if not found.stacks:
        return
    recipes = further_regions.recipes(clients.of("ssm", home), name)
    for stack in found.stacks:
        naming = further_regions.naming(recipes, stack.region)
        if naming:
            say(
                f"{stack.region} is not one of REGIONS, but recipes name it: {', '.join(naming)}. Without "
                "its stack, only the next sweep finds out that a replica there is ready"
            )
        if remove_regions:
            deployment.remove(stack)
        else:
            say(
                f"{stack.title} stays, though {stack.region} is no longer one of REGIONS. To delete it, and "
                "keep the images there: make deploy REMOVE_REGIONS=1"
            )


def _tell_of_the_former_bucket(clients: Clients, bucket: Bucket, home: str, say: Say) -> None:
    former = artifacts.former(clients.of("s3", home), bucket.account, home)
    if former:
        say(
            f"bucket {former.name}, from which a former version of Kiln was deployed, is no longer needed. "
            f"To delete it: aws s3 rb --force s3://{former.name}"
        )
