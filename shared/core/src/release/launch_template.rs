//! Moves a recipe's launch template to a release.

use crate::inventory::{Image, NewTemplateVersion, Template, TemplatePoint};
use crate::model::Token;
use crate::plan::action::{NewDefault, TemplateMove};
use crate::recipe::LaunchTemplate;

/// The version that instances get: the default one if the recipe says so, or else the latest.
pub(super) fn current_point<'t>(desired: &LaunchTemplate, template: &'t Template) -> &'t TemplatePoint {
    if desired.default { &template.default } else { &template.latest }
}

/// The change after which a launch template names an image; `None` if it already does.
pub fn template_move(desired: &LaunchTemplate, template: &Template, image: &Image) -> Option<TemplateMove> {
    let points_to = |point: &TemplatePoint| point.image.as_ref() == Some(&image.id);
    if points_to(current_point(desired, template)) {
        return None;
    }
    let moved = |version, default| {
        Some(TemplateMove { name: desired.name.clone(), image: image.id.clone(), version, default })
    };
    if points_to(&template.latest) {
        return moved(None, NewDefault::Number(template.id.clone(), template.latest.number));
    }
    let version = NewTemplateVersion {
        region: image.region.clone(),
        template: template.id.clone(),
        image: image.id.clone(),
        description: image.name.clone(),
        // Contains the latest version, so that returning to an earlier image creates another version.
        token: Token::of(&["template", &template.id, image.id.as_str(), &template.latest.number.to_string()]),
    };
    moved(Some(version), if desired.default { NewDefault::NewVersion } else { NewDefault::Unchanged })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    #[test]
    fn a_launch_template_gets_a_new_version_and_a_new_default_only_if_the_recipe_asks() {
        let new = image("web", 9).released().build();
        let moved = |default: bool, latest: Option<&Image>, is_default: Option<&Image>| {
            let desired = LaunchTemplate { name: "web".into(), default };
            let point = |number, image: Option<&Image>| TemplatePoint {
                number,
                image: image.map(|of| of.id.clone()),
            };
            let template =
                Template { id: "lt-0a".into(), latest: point(7, latest), default: point(3, is_default) };
            template_move(&desired, &template, &new)
        };
        let created = moved(false, None, None).unwrap();
        assert!(created.version.is_some() && created.default == NewDefault::Unchanged);
        assert_eq!(moved(true, None, None).unwrap().default, NewDefault::NewVersion);
        assert_eq!(moved(false, Some(&new), None), None);
        let existing = moved(true, Some(&new), None).unwrap();
        assert_eq!((existing.version, existing.default), (None, NewDefault::Number("lt-0a".into(), 7)));
        assert_eq!(moved(true, None, Some(&new)), None);
    }
}
