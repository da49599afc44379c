//! What lets a launch template name a release.

use crate::inventory::{Image, NewTemplateVersion, Template, TemplatePoint};
use crate::model::Token;
use crate::plan::action::{NewDefault, TemplateMove};
use crate::recipe::LaunchTemplate;

/// What lets a launch template name an image; `None`: it does.
pub fn template_move(wanted: &LaunchTemplate, template: &Template, image: &Image) -> Option<TemplateMove> {
    let names = |point: &TemplatePoint| point.image.as_ref() == Some(&image.id);
    let settled = if wanted.default { names(&template.default) } else { names(&template.latest) };
    if settled {
        return None;
    }
    let moved = |version, default| {
        Some(TemplateMove { name: wanted.name.clone(), image: image.id.clone(), version, default })
    };
    if names(&template.latest) {
        return moved(None, NewDefault::Number(template.id.clone(), template.latest.number));
    }
    let version = NewTemplateVersion {
        region: image.region.clone(),
        template: template.id.clone(),
        image: image.id.clone(),
        description: image.name.clone(),
        // The latest version is part of it: whoever comes back to an image after another one makes one more version.
        token: Token::of(&["template", &template.id, image.id.as_str(), &template.latest.number.to_string()]),
    };
    moved(Some(version), if wanted.default { NewDefault::NewVersion } else { NewDefault::Unchanged })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    #[test]
    fn a_launch_template_gets_a_version_of_the_release_and_the_default_only_where_asked() {
        let new = image("web", 9).released().build();
        let moved = |default: bool, latest: Option<&Image>, is_default: Option<&Image>| {
            let wanted = LaunchTemplate { name: "web".into(), default };
            let point = |number, image: Option<&Image>| TemplatePoint {
                number,
                image: image.map(|of| of.id.clone()),
            };
            let template =
                Template { id: "lt-0a".into(), latest: point(7, latest), default: point(3, is_default) };
            template_move(&wanted, &template, &new)
        };
        let made = moved(false, None, None).unwrap();
        assert!(made.version.is_some() && made.default == NewDefault::Unchanged);
        assert_eq!(moved(true, None, None).unwrap().default, NewDefault::NewVersion);
        assert_eq!(moved(false, Some(&new), None), None);
        let there = moved(true, Some(&new), None).unwrap();
        assert_eq!((there.version, there.default), (None, NewDefault::Number("lt-0a".into(), 7)));
        assert_eq!(moved(true, None, Some(&new)), None);
    }
}
