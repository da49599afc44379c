"""Whether the night went as it must: what is asked of the cloud at the end, and what is shown of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo import words
from demo.account import FURTHER, HOME, REGIONS, Account, parameter
from local_aws.client import LocalAws
from local_aws.seals import plain

RECIPES = ("web", "worker")


@dataclass
class Check:
    """One thing that must hold."""

    says: str
    holds: bool
    found: str = ""


def tags_of(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: plain(tag["Value"]) for tag in thing.get("Tags", [])}


class Outcome:
    """The cloud as it is after the night."""

    def __init__(self, aws: LocalAws, account: Account, version: str) -> None:
        self._account = account
        self._version = version
        self._aws = aws
        self.images: dict[str, dict[str, dict[str, Any]]] = {}
        self.snapshots: dict[str, dict[str, dict[str, Any]]] = {}
        self.instances: dict[str, dict[str, dict[str, Any]]] = {}
        for region in REGIONS:
            ec2 = aws.client("ec2", region)
            images = ec2.describe_images(Owners=["self"], IncludeDisabled=True)["Images"]
            self.images[region] = {image["ImageId"]: image for image in images}
            snapshots = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
            self.snapshots[region] = {snapshot["SnapshotId"]: snapshot for snapshot in snapshots}
            found = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
            self.instances[region] = {instance["InstanceId"]: instance for instance in found}

    def checks(self) -> list[Check]:
        return [
            *self._tonight(),
            self._instances(words.ROLE_BUILDER, len(RECIPES) + 1),
            self._instances(words.ROLE_TESTER, len(RECIPES) + 1),
            self._zones(),
            *self._releases(),
            *self._rejected(),
            *self._old(),
            self._reason("launch template", self._account.in_template, HOME),
            self._reason("instance", self._account.in_use, "eu-west-1"),
            self._nothing_else(),
        ]

    def table(self) -> list[list[str]]:
        rows = [["IMAGE", "VERSION", "REGION", "ID", "STATE", "STAGE", "SNAPSHOTS"]]
        for region, images in self.images.items():
            for image in images.values():
                tags = tags_of(image)
                rows.append(
                    [
                        tags.get(words.RECIPE_TAG, image["Name"]),
                        tags.get(words.VERSION_TAG, "-"),
                        region,
                        image["ImageId"],
                        image["State"],
                        tags.get(words.STAGE_TAG, "none of Kiln's"),
                        str(len(_snapshots(image))),
                    ]
                )
        heading, *body = rows
        place = {region: number for number, region in enumerate(REGIONS)}
        return [heading, *sorted(body, key=lambda row: (row[1] == "-", row[0], row[1], place[row[2]]))]

    def _of_tonight(self, recipe: str, region: str) -> list[dict[str, Any]]:
        name = f"{recipe}-{self._version}"
        return [image for image in self.images[region].values() if image["Name"] == name]

    def _tonight(self) -> list[Check]:
        checks = []
        for recipe in RECIPES:
            home = self._of_tonight(recipe, HOME)
            released = [
                image for image in home if tags_of(image).get(words.STAGE_TAG) == words.STAGE_RELEASED
            ]
            holds = len(home) == 1 and len(released) == 1 and home[0]["State"] == "available"
            checks.append(Check(f"one image of {recipe} tonight, released", holds, _ids(home)))
            for region in FURTHER:
                replicas = self._of_tonight(recipe, region)
                holds = len(replicas) == 1 and replicas[0]["State"] == "available"
                checks.append(Check(f"one replica of {recipe} in {region}", holds, _ids(replicas)))
            bare = [
                snapshot
                for region in REGIONS
                for image in self._of_tonight(recipe, region)
                for snapshot in _snapshots(image)
                if tags_of(self.snapshots[region].get(snapshot, {})).get(words.RECIPE_TAG) != recipe
            ]
            checks.append(Check(f"every snapshot of {recipe} tonight is tagged", not bare, " ".join(bare)))
        return checks

    def _instances(self, role: str, wanted: int) -> Check:
        launched = [
            instance
            for instance in self.instances[HOME].values()
            if tags_of(instance).get(words.ROLE_TAG) == role
        ]
        left = [i["InstanceId"] for i in launched if i["State"]["Name"] != "terminated"]
        found = f"{len(launched)} launched, left: {left}"
        return Check(
            f"exactly one {role} for each recipe, none left", len(launched) == wanted and not left, found
        )

    def _zones(self) -> Check:
        """Each image was booted in another zone than its builder ran in."""
        testers = [
            instance
            for instance in self.instances[HOME].values()
            if tags_of(instance).get(words.ROLE_TAG) == words.ROLE_TESTER
        ]
        zones = [
            (
                tags_of(self.images[HOME].get(tags_of(tester)[words.IMAGE_TAG], {})).get(words.ZONE_TAG),
                tester["Placement"]["AvailabilityZone"],
            )
            for tester in testers
        ]
        differ = bool(zones) and all(builders and builders != testers for builders, testers in zones)
        return Check("each image was booted in another zone than its builder's", differ, str(zones))

    def named(self, recipe: str) -> dict[str, str | None]:
        """What the parameter of each Region names now."""
        found: dict[str, str | None] = {}
        for region in REGIONS:
            values = self._aws.client("ssm", region).get_parameters(Names=[parameter(recipe)])["Parameters"]
            found[region] = values[0]["Value"] if values else None
        return found

    def parameters(self) -> list[list[str]]:
        """What the parameter of each recipe names in each Region, by version."""
        rows = []
        for recipe in (*RECIPES, "edge"):
            versions = [
                tags_of(self.images[region].get(str(image), {})).get(words.VERSION_TAG, str(image))
                for region, image in self.named(recipe).items()
            ]
            rows.append([parameter(recipe), *versions])
        return rows

    def _releases(self) -> list[Check]:
        """The parameters name tonight's images, and one invocation moved all Regions."""
        checks = []
        for recipe in RECIPES:
            tonight = {
                region: next((image["ImageId"] for image in self._of_tonight(recipe, region)), None)
                for region in REGIONS
            }
            named = self.named(recipe)
            says = f"{parameter(recipe)} names tonight's release in every Region"
            checks.append(Check(says, named == tonight, str(named)))
        return checks

    def _rejected(self) -> list[Check]:
        """The image whose check failed went nowhere."""
        events = self._aws.journal(kind="event")
        said = [e["detail"] for e in events if e["detail_type"] == words.REJECTED]
        told = {detail["recipe"] for detail in said if "unknown keyword" in detail["console-tail"]}
        image = self._of_tonight("edge", HOME)
        stages = [tags_of(one).get(words.STAGE_TAG) for one in image]
        copies = [one["ImageId"] for region in FURTHER for one in self._of_tonight("edge", region)]
        published = [
            e for e in events if e["detail_type"] == words.PUBLISHED and e["detail"]["recipe"] == "edge"
        ]
        named = self.named("edge")
        return [
            Check(
                "edge's image is rejected, with its console's tail",
                stages == [words.STAGE_REJECTED] and told == {"edge"},
            ),
            Check("nothing of it was published or copied", not copies and not published, str(copies)),
            Check(
                "edge's parameters still name the old release",
                named == self._account.named["edge"],
                str(named),
            ),
        ]

    def _old(self) -> list[Check]:
        account = self._account
        there = [i for region, ids in account.expired.items() for i in ids if i in self.images[region]]
        gone = Check(
            "what is past its quarantine is deregistered in every Region", not there, " ".join(there)
        )
        orphans = [
            snapshot
            for region in REGIONS
            for snapshot in self.snapshots[region].keys()
            - {s for image in self.images[region].values() for s in _snapshots(image)}
        ]
        clean = Check("their snapshots are gone", not orphans, " ".join(orphans))
        states = [self.images[region][i]["State"] for region, ids in account.disabled.items() for i in ids]
        disabled = Check(
            "what was unused two days ago, and still is, is disabled",
            set(states) == {"disabled"},
            str(states),
        )
        found = [self.images[region][i] for region, ids in account.deprecated.items() for i in ids]
        marked = [one["State"] == "available" and words.UNUSED_TAG in tags_of(one) for one in found]
        deprecated = Check(
            "what is unused for the first time is deprecated, and no more",
            bool(marked) and all(marked),
            str(marked),
        )
        kept = [
            self.images[region].get(i, {}).get("State") for region, ids in account.kept.items() for i in ids
        ]
        stay = Check("what the recipes keep, or anyone uses, stays", set(kept) == {"available"}, str(kept))
        return [gone, clean, disabled, deprecated, stay]

    def _reason(self, what: str, image: str, region: str) -> Check:
        """The reason stands in the log of the function that kept it."""
        lines = [entry["line"] for entry in self._aws.journal(kind="log")]
        unchanged = f'"outcome":"{words.UNCHANGED}"'
        told = [line for line in lines if image in line and f"{what} " in line and unchanged in line]
        return Check(
            f"{image} stays in {region}, and the reason names the {what}", bool(told), str(len(told))
        )

    def _nothing_else(self) -> Check:
        account = self._account
        images = [i for region, ids in account.foreign.items() for i in ids]
        present = [i for region, ids in account.foreign.items() for i in ids if i in self.images[region]]
        running = [
            instance
            for region, ids in account.instances.items()
            for instance in ids
            if self.instances[region].get(instance, {}).get("State", {}).get("Name") in ("running", "stopped")
        ]
        instances = sum(len(ids) for ids in account.instances.values())
        holds = present == images and len(running) == instances
        return Check("nothing that is not Kiln's was touched", holds, f"{present} {running}")


def _snapshots(image: dict[str, Any]) -> list[str]:
    return [device["Ebs"]["SnapshotId"] for device in image["BlockDeviceMappings"] if "Ebs" in device]


def _ids(images: list[dict[str, Any]]) -> str:
    return ", ".join(f"{image['ImageId']} ({image['State']})" for image in images) or "none"
