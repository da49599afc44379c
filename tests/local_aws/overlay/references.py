"""DescribeImageReferences: the resources of this account and Region that name an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_aws import parameters
from local_aws.overlay import fast_xml, paging
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_value
from local_aws.overlay.image_queries import own_image
from local_aws.overlay.reference_index import reference_index
from local_aws.overlay.region import region_state

MOST_IMAGES, MOST_VERSIONS, USUAL_VERSIONS = 10, 10_000, 10
INSTANCE, TEMPLATE, PARAMETER = "ec2:Instance", "ec2:LaunchTemplate", "ssm:Parameter"
RECIPES = ("imagebuilder:ImageRecipe", "imagebuilder:ContainerRecipe")
TYPES = (INSTANCE, TEMPLATE, PARAMETER, *RECIPES)


class References(Overlay):
    def describe_image_references(self) -> str:
        ids = self._get_param("ImageIds", [])
        if not 1 <= len(ids) <= MOST_IMAGES:
            raise bad_value(f"Between 1 and {MOST_IMAGES} image ids may be asked for, not {len(ids)}")
        asked = {one["ResourceType"]: one for one in self._get_param("ResourceTypes", [])}
        everything = bool(self._get_param("IncludeAllResourceTypes", False))
        if not asked and not everything:
            raise bad_value("Either ResourceTypes or IncludeAllResourceTypes must be given")
        if unknown := sorted(set(asked) - set(TYPES)):
            raise bad_value(f"Unknown resource types: {unknown}")
        self.error_on_dryrun()
        for image_id in ids:
            own_image(self, image_id)
        wanted = list(dict.fromkeys(ids))
        found = [
            {"ImageId": image_id, "ResourceType": kind, "Arn": arn}
            for kind in (TYPES if everything else asked)
            for image_id, arn in self._naming(kind, _options(asked.get(kind, {})), wanted)
        ]
        shown, token = paging.page(
            found,
            self._get_param("MaxResults"),
            self._get_param("NextToken"),
            lambda one: f"{one['ImageId']} {one['Arn']}",
        )
        return fast_xml.answer("DescribeImageReferences", {"ImageReferences": shown, "NextToken": token})

    def _naming(self, kind: str, options: dict[str, list[str]], ids: list[str]) -> Iterator[tuple[str, str]]:
        """The image and the ARN of each resource of this type that names one of the images."""
        if kind == INSTANCE:
            states = options.get("state-name")
            for image_id in ids:
                for instance in reference_index(self.ec2_backend).launched_from(image_id):
                    if states is None or instance.state in states:
                        yield image_id, self._arn("ec2", f"instance/{instance.id}")
        elif kind == TEMPLATE:
            depth = int(options.get("version-depth", [str(USUAL_VERSIONS)])[0])
            if not 1 <= depth <= MOST_VERSIONS:
                raise bad_value(f"version-depth must be between 1 and {MOST_VERSIONS}")
            # Whether EC2 resolves aliases here is not documented, so they are not resolved; the caller must
            # do it.
            for image_id in ids:
                for template, naming in reference_index(self.ec2_backend).named_in(image_id):
                    if naming[-1].number > template.latest_version_number - depth:
                        yield image_id, self._arn("ec2", f"launch-template/{template.id}")
        elif kind == PARAMETER:
            for name, value in parameters.naming_images(self.region):
                if value in ids:
                    yield value, self._arn("ssm", f"parameter/{name.lstrip('/')}")
        else:
            for recipe in region_state(self.ec2_backend).image_recipes:
                if kind == kind_of(recipe) and recipe["image"] in ids:
                    path = "container-recipe" if kind == RECIPES[1] else "image-recipe"
                    yield recipe["image"], self._arn("imagebuilder", f"{path}/{recipe['name']}/1.0.0")

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.current_account}:{resource}"


def kind_of(recipe: dict[str, Any]) -> str:
    """The kind of a seeded recipe of Image Builder."""
    return str(recipe.get("kind", RECIPES[0]))


def _options(asked: dict[str, Any]) -> dict[str, list[str]]:
    return {one["OptionName"]: one["OptionValues"] for one in asked.get("ResourceTypeOptions", [])}
