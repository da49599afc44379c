"""Removes Kiln and keeps the images: the further Regions' stacks, home's and, if wanted, the bucket."""

from __future__ import annotations

from stack import artifacts, remains
from stack import regions as further_regions
from stack.artifacts import ARTIFACTS_STACK, Bucket
from stack.changes import REMOVED, Change, listed
from stack.clients import Clients
from stack.confirm import Confirm, NotConfirmed
from stack.deploy import HOME_STACK, Say, region_stack, stack_of
from stack.remains import Kept
from stack.stacks import Stack, StackError


def uninstall(
    endpoint_url: str | None,
    home: str,
    say: Say,
    confirm: Confirm,
    confirm_bucket: Confirm,
    name: str = HOME_STACK,
) -> None:
    """Deletes the stacks once `confirm` agrees, and the bucket once `confirm_bucket` does as well.

    Images, their snapshots, recipes and release parameters stay. While a builder or a tester is at work
    nothing is deleted: nobody would terminate it.
    """
    clients = Clients(endpoint_url)
    stacks = _stacks(clients, name, home, say)
    # Only its stack knows which bucket it is.
    account = clients.of("sts", home).get_caller_identity()["Account"]
    store = artifacts.find(stack_of(clients, name, home), clients.of("s3", home), account, "Store")
    if stacks:
        _delete(clients, name, home, stacks, say, confirm)
    else:
        say(f"Kiln is not deployed to {home}: there is no stack {name}, and no Region forwards to it")
    _delete_buckets(clients, name, home, account, say, confirm_bucket, store)


def _stacks(clients: Clients, name: str, home: str, say: Say) -> list[Stack]:
    """The stacks, in the order in which they go: a Region's rules forward to what the home stack has."""
    found = further_regions.with_a_stack(
        clients.of("ec2", home), lambda region: stack_of(clients, region_stack(name), region), home, name
    )
    if found.unseen:
        for line in found.lines():
            say(line)
    stacks = [*found.stacks, stack_of(clients, name, home)]
    for stack in stacks:
        stack.leave_to_its_reviewers()
    return [stack for stack in stacks if stack.status() not in {None, "REVIEW_IN_PROGRESS"}]


def _delete(clients: Clients, name: str, home: str, stacks: list[Stack], say: Say, confirm: Confirm) -> None:
    regions = list(dict.fromkeys([home, *(stack.region for stack in stacks)]))
    busy = remains.at_work(clients.of, regions)
    if busy:
        listed_busy = "\n".join(f"  - {role or 'instance'} {one} in {region}" for region, role, one in busy)
        raise StackError(
            f"Kiln is at work, and nobody would terminate these once it is gone:\n{listed_busy}\n"
            "Nothing was deleted. Delete the recipes, wait until these are terminated or terminate them, "
            "then try again"
        )
    kept = [remains.of_stack(stack) for stack in stacks]
    for stack, of_stack in zip(stacks, kept, strict=True):
        _show(stack, of_stack, say)
    for line in remains.lines(clients.of, name, home, _with_replicas(clients, name, home, regions), kept):
        say(line)
    confirm(f"Delete {', '.join(stack.title for stack in stacks)}?")
    for stack in stacks:
        say(f"deleting {stack.title}")
        stack.delete()
        say("  deleted")


def _with_replicas(clients: Clients, name: str, home: str, regions: list[str]) -> list[str]:
    """The Regions in which images may be: those with a stack, and those that recipes name."""
    named = [
        region
        for document in further_regions.recipes(clients.of("ssm", home), name).values()
        for region in further_regions.named_by(document)
    ]
    return list(dict.fromkeys([*regions, *named]))


def _show(stack: Stack, kept: Kept, say: Say) -> None:
    stays = f", and {len(kept.stays)} stay: {', '.join(kept.stays)}" if kept.stays else ""
    say(f"{stack.title} will be DELETED: {len(kept.goes)} {REMOVED}{stays}")
    for line in listed(tuple(Change(REMOVED, name, kind) for name, (kind, _) in kept.goes.items())):
        say(line)


def _delete_buckets(
    clients: Clients, name: str, home: str, account: str, say: Say, confirm: Confirm, store: Bucket | None
) -> None:
    s3 = clients.of("s3", home)
    stack = stack_of(clients, ARTIFACTS_STACK.format(name), home)
    bucket = artifacts.find(stack, s3, account)
    # Stacks of other names shared it.
    former = artifacts.former(s3, account, home) if name == HOME_STACK else None
    buckets: list[Bucket] = [one for one in (bucket, former, store) if one]
    if not buckets:
        return
    names = " and ".join(one.name for one in buckets)
    what = "the functions that were deployed, the folders of recipes, and logs; no image"
    say(f"Bucket {names} is left, with {what}.")
    try:
        confirm(f"Delete bucket {names} with all its versions?")
    except NotConfirmed:
        say(f"Bucket {names} stays. To delete it: make uninstall REMOVE_BUCKET=1")
        if store:
            say(f"Without its stack, {store.name} is found by that name alone: empty and delete it by hand")
        return
    for one in buckets:
        one.check()
        one.empty()
    if bucket:
        stack.delete()
    for one in (former, store):
        if one:
            one.delete()
    say("  deleted")
