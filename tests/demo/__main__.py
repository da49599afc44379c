"""`make demo`: a night of Kiln's, and a rollback in the morning, on a local AWS.

Starts the local AWS, deploys the real templates with the real binaries, and wakes the nightly bake through
its schedule. All that follows happens on events. Exits with 0 only if everything ended as it must.
"""

from __future__ import annotations

import sys
from pathlib import Path

from demo.account import FURTHER, HOME, REGIONS, Account, midnight, prepare
from demo.narrator import Narrator
from demo.outcome import Check, Outcome
from demo.screen import Screen
from local_aws.client import LocalAws, LocalAwsError
from stack import HOME_STACK, deploy, operate

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60.0


def night(screen: Screen, aws: LocalAws) -> bool:
    screen.line("local", f"the local AWS listens on {aws.url}")
    screen.title("CloudFormation deploys the stack, and the forwarding stacks of two more Regions")
    deploy(
        aws.url,
        ROOT / ".build" / "local",
        home=HOME,
        regions=list(FURTHER),
        architecture="x86_64",
        parameters={"SampleRecipes": "true"},
        say=lambda text: screen.line("deploy", text, "blue"),
    )

    screen.title(
        "The account before tonight: ten releases of three recipes in three Regions, and others' things"
    )
    now = midnight()
    account = prepare(aws, now)
    screen.line(
        "seed", f"{account.in_template} is old, but version 2 of 3 of launch template web-fleet names it"
    )
    screen.line("seed", f"{account.in_use} is old, but a stopped instance in eu-west-1 was launched from it")

    screen.title("The schedule wakes bake; everything after that happens on events")
    narrator = Narrator(aws, screen)
    aws.schedule(f"{HOME_STACK}-bake", at=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    narrator.until_idle(PATIENCE)

    screen.title("What is there now")
    outcome = Outcome(aws, account, now.strftime("%Y%m%dT%H%M%SZ"))
    screen.table(outcome.table())
    checks = outcome.checks()

    screen.title('In the morning: {"rollback": "web"}, in one step, and a sweep that leaves it so')
    checks += roll_back(aws, screen, narrator, account, outcome)
    screen.title("What had to be")
    for check in checks:
        mark = screen.paint("ok", "green") if check.holds else screen.paint("MISSING", "red")
        print(f"  {mark:<7} {check.says}" + ("" if check.holds else f" (found: {check.found})"), flush=True)
    for error in narrator.errors:
        print(f"  {screen.paint('FAILED', 'red')}  {error}", flush=True)
    return all(check.holds for check in checks) and not narrator.errors


def roll_back(
    aws: LocalAws, screen: Screen, narrator: Narrator, account: Account, outcome: Outcome
) -> list[Check]:
    event = ROOT / "infra" / "events" / "rollback.json"
    _, answer = operate.invoke(aws.client("lambda"), f"{HOME_STACK}-publish", event)
    narrator.until_idle(PATIENCE)
    first = outcome.named("web") == account.named["web"]
    aws.schedule(f"{HOME_STACK}-reconcile")
    narrator.until_idle(PATIENCE)
    screen.table([["PARAMETER", *REGIONS], *outcome.parameters()])
    return [
        Check("the rollback moved every Region to the former release", first, answer),
        Check(
            "the sweep after it moves nothing forward",
            outcome.named("web") == account.named["web"],
            str(outcome.named("web")),
        ),
    ]


def main() -> int:
    screen = Screen()
    screen.title("Starting the local AWS (moto and MiniStack in one process, on loopback alone)")
    try:
        with LocalAws(log=ROOT / ".build" / "local-aws.log") as aws:
            done = night(screen, aws)
    except KeyboardInterrupt:
        print("\nInterrupted; the local AWS and every function on it have ended.", flush=True)
        return 130
    except LocalAwsError as error:
        print(
            f"\nThe local AWS failed: {error}\nIts log is .build/local-aws.log", file=sys.stderr, flush=True
        )
        return 1
    verdict = (
        screen.paint("Everything is as it must be", "green")
        if done
        else screen.paint("Something is missing", "red")
    )
    print(f"\n{verdict}, after {screen.seconds():.1f} s.", flush=True)
    return 0 if done else 1


sys.exit(main())
