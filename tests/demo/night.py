"""The acts of the demo: Kiln is deployed, a night goes by, and in the morning somebody rolls back."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path

from demo.account import EDGE, FURTHER, HOME, REGIONS, Account, midnight, parameter, prepare
from demo.narrator import Narrator
from demo.outcome import Check, Outcome
from demo.screen import Screen
from demo.story import MINUTES_A_SECOND, Facts, Story, day_of
from demo.story import regions as in_regions
from local_aws.cli import Cli, Ended
from local_aws.client import LocalAws
from local_aws.deploy import HOME_STACK, deploy
from stack import functions

ROOT = Path(__file__).resolve().parent.parent.parent
BUILT = ROOT / ".build" / "local"
JOURNAL = ROOT / ".build" / "demo-journal.log"
CATALOGUE = ROOT / ".build" / "demo-catalogue"
SERVER_LOG = ROOT / ".build" / "local-aws.log"
PATIENCE = 60.0


def night(screen: Screen, aws: LocalAws) -> tuple[list[Check], list[str]]:
    """What was checked at the end, and which functions failed."""
    screen.line("local", f"the local AWS listens on {aws.url}")
    began = screen.seconds()
    stack(screen, aws)
    screen.title(
        "The account before tonight: eleven releases of three recipes in three Regions, and others' things"
    )
    now = midnight()
    account = prepare(aws, now)
    screen.line(
        "seed", f"{account.in_template} is old, but version 2 of 3 of launch template web-fleet names it"
    )
    screen.line("seed", f"{account.in_use} is old, but a stopped instance in eu-west-1 was launched from it")
    took = screen.seconds() - began
    screen.told(
        "",
        "",
        f"Deployed in {took:.0f} s. There are 11 older releases; edge's newest configuration is broken.",
    )

    screen.title("The schedule wakes bake; everything after that happens on events")
    screen.act(
        "THE NIGHT: the schedule wakes bake; every later step is woken by an event "
        f"(1 s stands for {MINUTES_A_SECOND} min)"
    )
    story = Story(screen.told, facts(aws))
    narrator = Narrator(aws, screen, story)
    aws.schedule(f"{HOME_STACK}-bake", at=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    narrator.until_idle(PATIENCE)
    story.pause()

    screen.title("What is there now")
    outcome = Outcome(aws, account, now.strftime("%Y%m%dT%H%M%SZ"))
    screen.told("", "edge", names(outcome, account, "edge"))
    screen.act(
        "EXPIRY follows a release: what is in use is kept, the rest deprecated, disabled, deregistered"
    )
    story.old_releases()
    screen.table(outcome.table())
    checks = outcome.checks()
    checks += morning(screen, aws, narrator, story, account, outcome)
    checks.append(pages(screen, aws, narrator))
    return checks, narrator.errors


def stack(screen: Screen, aws: LocalAws) -> None:
    screen.title("CloudFormation deploys the stack, and the forwarding stacks of two more Regions")
    screen.act("BEFORE: CloudFormation deploys Kiln to a local AWS; nothing leaves this machine")
    screen.told(
        "",
        "",
        f"{len(functions.names())} functions in {HOME}, "
        f"event rules in {' and '.join(FURTHER)}: about 20 s ...",
    )
    deploy(
        aws.url,
        BUILT,
        home=HOME,
        regions=list(FURTHER),
        architecture="x86_64",
        parameters={"SampleRecipes": "true"},
        say=lambda text: screen.line("deploy", text, "blue"),
    )


def facts(aws: LocalAws) -> Facts:
    ec2 = aws.client("ec2", HOME)
    subnets = ec2.describe_subnets()["Subnets"]
    images = ec2.describe_images(Filters=[{"Name": "is-public", "Values": ["true"]}])["Images"]
    return facts_of(
        {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in subnets},
        {image["ImageId"]: image["Name"] for image in images},
    )


def facts_of(zones: dict[str, str], bases: dict[str, str]) -> Facts:
    """What the story needs beside the journal: zones by subnet, public images by id, and the recipes."""
    texts = [path.read_text() for path in sorted((ROOT / "infra" / "recipes").glob("*.toml"))]
    recipes = [tomllib.loads(text) for text in (*texts, EDGE)]
    rules = {recipe["name"]: recipe["expire"] for recipe in recipes if "expire" in recipe}
    steps = {name: (rule["confirm_after"], rule["quarantine"]) for name, rule in rules.items()}
    return Facts(regions=REGIONS, zones=zones, bases=bases, steps=steps)


def morning(
    screen: Screen, aws: LocalAws, narrator: Narrator, story: Story, account: Account, outcome: Outcome
) -> list[Check]:
    screen.title('In the morning: {"rollback": "web"}, in one step, and a sweep that leaves it so')
    screen.act('THE MORNING: publish is invoked with {"rollback": "web"}; then reconcile, the sweep, runs')
    story.begin(9)
    event = ROOT / "infra" / "events" / "rollback.json"
    answer = asked(aws, "invoke", "publish", str(event)).out
    narrator.until_idle(PATIENCE)
    first = outcome.named("web") == account.named["web"]
    aws.schedule(f"{HOME_STACK}-reconcile")
    narrator.until_idle(PATIENCE)
    story.pause()
    screen.told(story.now(), "web", f"sweep done: {names(outcome, account, 'web')}")
    screen.table([["PARAMETER", *REGIONS], *outcome.parameters()])
    return [
        Check("the rollback moved every Region to the former release", first, answer),
        Check(
            "the sweep after it moves nothing forward",
            outcome.named("web") == account.named["web"],
            str(outcome.named("web")),
        ),
    ]


def pages(screen: Screen, aws: LocalAws, narrator: Narrator) -> Check:
    """The catalogue as the night and the morning left it, in a folder for a browser."""
    screen.title("The catalogue: what there is now, why it stays, and what goes next")
    aws.schedule(f"{HOME_STACK}-catalog")
    narrator.until_idle(PATIENCE)
    says = "the catalogue shows every recipe"
    fetched = asked(aws, "catalog", "--to", str(CATALOGUE))
    for line in fetched.out.splitlines():
        screen.line("local", line)
    if fetched.code != 0:
        return Check(says, False, fetched.err)
    shown = {one["name"] for one in json.loads((CATALOGUE / "catalog.json").read_text())["recipes"]}
    return Check(says, {"web", "worker", "edge"} <= shown, str(sorted(shown)))


def asked(aws: LocalAws, *arguments: str) -> Ended:
    """What `kiln` says, as a person asks it."""
    with tempfile.TemporaryDirectory() as nobody:
        return Cli(aws.url, Path(nobody)).run(*arguments)


def names(outcome: Outcome, account: Account, recipe: str) -> str:
    """What the parameter of a recipe names now, beside what it named before the night."""
    (days,) = [
        [day_of(at) for at in found] for name, *found in outcome.parameters() if name == parameter(recipe)
    ]
    if outcome.named(recipe) == account.named[recipe]:
        return f"{parameter(recipe)} still names the release of {days[0]} in {in_regions(days)}"
    each = ", ".join(f"{day} in {region}" for day, region in zip(days, REGIONS, strict=True))
    return f"{parameter(recipe)} names another release than before the night: {each}"
