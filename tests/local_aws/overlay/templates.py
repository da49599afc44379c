"""Launch templates, with pages and with parameter aliases resolved."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion

from local_aws import parameters
from local_aws.overlay import fast_xml, filters, paging, tags
from local_aws.overlay.base import Overlay
from local_aws.overlay.errors import bad_value, error, missing

NAMED = ("$Latest", "$Default")


class Templates(Overlay):
    def describe_launch_templates(self) -> ActionResult:
        backend = self.ec2_backend
        ids, names = self._get_param("LaunchTemplateIds", []), self._get_param("LaunchTemplateNames", [])
        self.error_on_dryrun()
        found = list(backend.launch_templates.values())
        if ids or names:
            found = [backend.get_launch_template(one) for one in ids]
            found += [backend.get_launch_template_by_name(one) for one in names]

        def values(template: LaunchTemplate, name: str) -> list[str] | None:
            if name == "launch-template-name":
                return [template.name]
            return [template.create_time.isoformat()] if name == "create-time" else None

        chosen = filters.select(self.filters(), found, lambda one: tags.of(backend, one.id), values)
        shown, token = paging.page(
            chosen,
            self._get_param("MaxResults"),
            self._get_param("NextToken"),
            lambda one: one.id,
            lowest=1,
            highest=200,
        )
        wired = [
            {
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "CreateTime": template.create_time,
                "CreatedBy": f"arn:aws:iam::{self.current_account}:root",
                "DefaultVersionNumber": template.default_version_number,
                "LatestVersionNumber": template.latest_version_number,
                "Tags": tags.wire(backend, template.id),
            }
            for template in shown
        ]
        return ActionResult({"LaunchTemplates": wired, "NextToken": token})

    def describe_launch_template_versions(self) -> str:  # type: ignore[override]
        """All versions of one template, or the latest and default ones of every template."""
        self.error_on_dryrun()
        resolve = bool(self._get_param("ResolveAlias", False))
        found = filters.select(self.filters(), self._versions(), lambda pair: {}, _version_values)
        shown, token = paging.page(
            found,
            self._get_param("MaxResults"),
            self._get_param("NextToken"),
            lambda pair: f"{pair[0].id}:{pair[1].number}",
            lowest=1,
            highest=200,
        )
        wired = [self._wire(template, version, resolve) for template, version in shown]
        result = {"LaunchTemplateVersions": wired, "NextToken": token}
        return fast_xml.answer("DescribeLaunchTemplateVersions", result)

    def create_launch_template_version(self) -> ActionResult:
        """Create a version. The client token makes it idempotent; missing settings come from the source
        version."""
        token = self._get_param("ClientToken")
        made = self.replayed("CreateLaunchTemplateVersion", token)
        if made is None:
            backend = self.ec2_backend
            one, name = self._get_param("LaunchTemplateId"), self._get_param("LaunchTemplateName")
            template = backend.get_launch_template(one) if one else backend.get_launch_template_by_name(name)
            self.error_on_dryrun()
            source = self._get_param("SourceVersion")
            data = dict(_get(template, str(source)).data) if source else {}
            data |= self._get_param("LaunchTemplateData", {})
            made = (template, template.create_version(data, self._get_param("VersionDescription") or ""))
            self.remember("CreateLaunchTemplateVersion", token, made)
        template, version = made
        return ActionResult({"LaunchTemplateVersion": self._wire(template, version, resolve=False)})

    def _versions(self) -> list[tuple[LaunchTemplate, LaunchTemplateVersion]]:
        backend = self.ec2_backend
        one, name = self._get_param("LaunchTemplateId"), self._get_param("LaunchTemplateName")
        asked = [str(version) for version in self._get_param("Versions", [])]
        if not one and not name:
            if not asked:
                raise missing("launchTemplateId")
            if any(version not in NAMED for version in asked):
                raise bad_value("Without a launch template, versions may only be $Latest and $Default")
            return [
                (template, version)
                for template in backend.launch_templates.values()
                for version in _distinct([template.get_version(which) for which in asked])
            ]
        template = backend.get_launch_template(one) if one else backend.get_launch_template_by_name(name)
        if asked:
            return [(template, version) for version in _distinct([_get(template, v) for v in asked])]
        low = int(self._get_param("MinVersion") or 1)
        high = int(self._get_param("MaxVersion") or len(template.versions))
        newest_first = [version for version in reversed(template.versions) if low <= version.number <= high]
        return [(template, version) for version in newest_first]

    def _wire(
        self, template: LaunchTemplate, version: LaunchTemplateVersion, resolve: bool
    ) -> dict[str, Any]:
        data = dict(version.data)
        if resolve and data.get("ImageId"):
            image = parameters.resolve(self.region, data["ImageId"])
            if image is None:
                text = f"The parameter in '{data['ImageId']}' of {template.id} does not exist"
                raise error("InvalidParameterValue", text)
            data["ImageId"] = image
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": version.number,
            "VersionDescription": version.description,
            "CreateTime": version.create_time,
            "CreatedBy": f"arn:aws:iam::{self.current_account}:root",
            "DefaultVersion": template.is_default(version),
            "LaunchTemplateData": data,
        }


def _version_values(pair: tuple[LaunchTemplate, LaunchTemplateVersion], name: str) -> list[str] | None:
    template, version = pair
    known = {
        "image-id": version.data.get("ImageId"),
        "instance-type": version.data.get("InstanceType"),
        "is-default-version": str(template.is_default(version)).lower(),
        "create-time": version.create_time.isoformat(),
    }
    if name not in known:
        return None
    return [] if known[name] is None else [known[name]]


def _get(template: LaunchTemplate, version: str) -> LaunchTemplateVersion:
    if version not in NAMED and not version.isdigit():
        raise bad_value(f"Invalid launch template version: {version}")
    return template.get_version(version)


def _distinct(versions: list[LaunchTemplateVersion]) -> list[LaunchTemplateVersion]:
    return list({version.number: version for version in versions}.values())
