//! Launch templates: those that follow the releases of a recipe and those of other people, the Auto Scaling groups that
//! launch from a version by its number, and the port of templates over the in-memory account.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use kiln_core::inventory::usage::{PinnedVersion, Referrer, Target, TemplateVersion};
use kiln_core::inventory::{
    LaunchSources, NewTemplateVersion, Reference, Result, Template as Described, TemplatePoint,
};
use kiln_core::model::{ImageId, RecipeName, Region};
use kiln_engine::ports::Templates;

use super::account::Account;
use super::cloud::{CallKind, InMemoryCloud, failed};
use super::ec2::Ec2;
use super::history::History;
use super::invariants::PromisedTemplate;
use super::world::World;

/// A launch template.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The recipe whose releases it follows; `None`: it is somebody's own.
    pub recipe: Option<RecipeName>,
    /// Its versions, from version 1 on.
    pub versions: Vec<OneVersion>,
    /// The number of the default version.
    pub default: i64,
}

/// One version of a launch template.
#[derive(Debug, Clone)]
pub struct OneVersion {
    /// The image that it names, if it names one.
    pub image: Option<ImageId>,
    /// Its description.
    pub description: String,
    /// Whether Kiln made it.
    pub is_kilns: bool,
}

impl OneVersion {
    /// A version that a person writes.
    pub fn by_hand(image: Option<ImageId>) -> Self {
        Self { image, description: "by hand".into(), is_kilns: false }
    }
}

impl Template {
    /// The versions with their numbers.
    pub fn numbered(&self) -> impl DoubleEndedIterator<Item = (i64, &OneVersion)> {
        (1..).zip(&self.versions).collect::<Vec<_>>().into_iter()
    }

    /// The number of the latest version.
    pub fn latest(&self) -> i64 {
        i64::try_from(self.versions.len()).unwrap()
    }

    /// The image of a version.
    pub fn image(&self, number: i64) -> Option<&ImageId> {
        self.numbered().find(|(of, _)| *of == number)?.1.image.as_ref()
    }

    fn point(&self, number: i64) -> TemplatePoint {
        TemplatePoint { number, image: self.image(number).cloned() }
    }
}

/// Lets a launch template follow the releases of some recipes.
pub fn set_up(world: &World) {
    let mut invariants = world.invariants.borrow_mut();
    let mut whims = world.whims.borrow_mut();
    for (recipe, promised) in &mut invariants.recipes {
        if whims.u8(0..3) > 0 {
            continue;
        }
        let template = PromisedTemplate { name: format!("{recipe}-fleet"), default: whims.bool() };
        let field = format!(
            "[publish]\nlaunch_template = {{ name = {:?}, default = {} }}\n",
            template.name, template.default
        );
        world.edit_recipe(recipe, |document| document.replace("[publish]\n", &field));
        for region in super::beginning::all_regions() {
            let (id, name) = (format!("lt-{recipe}"), template.name.clone());
            let versions = vec![OneVersion::by_hand(None)];
            let new = Template { id: id.clone(), name, recipe: Some(recipe.clone()), versions, default: 1 };
            world.account.borrow_mut().region(&region).templates.insert(id, History::new(world.now(), new));
        }
        promised.template = Some(template);
    }
}

impl Ec2 {
    /// The launch template of a name.
    pub fn template_named(&self, name: &str) -> Option<&History<Template>> {
        self.templates.values().find(|history| history.now().is_some_and(|template| template.name == name))
    }

    /// Every version of every launch template.
    pub fn template_versions(&self, at: DateTime<Utc>) -> Vec<Reference> {
        let all = self.templates.values().filter_map(|history| history.at(at));
        let of = |template: &Template| {
            let named = template.numbered().filter_map(|(number, version)| {
                let names = Target::Image(version.image.clone()?);
                Some(Reference { names, by: Referrer::TemplateVersion(template.id.clone(), number) })
            });
            named.collect::<Vec<_>>()
        };
        all.flat_map(of).collect()
    }

    /// The images that launch templates name, as EC2's list of references tells them: the template, and no version.
    pub(super) fn named_by_templates(&self, region: &Region, at: DateTime<Utc>) -> Vec<Reference> {
        let of_version = self.template_versions(at).into_iter();
        let without_number = of_version.map(|one| {
            let arn = one.by.arn(region, "123456789012");
            Reference { names: one.names, by: Referrer::Other("launch template", arn) }
        });
        let mut found: Vec<Reference> = Vec::new();
        for one in without_number {
            if !found.contains(&one) {
                found.push(one);
            }
        }
        found
    }

    /// DescribeLaunchTemplateVersions of the templates with these names.
    pub(super) fn versions_of(&self, names: &BTreeSet<String>, at: DateTime<Utc>) -> Vec<TemplateVersion> {
        let all = self.templates.values().filter_map(|history| history.at(at));
        let of = |template: &Template| {
            let described = template.numbered().map(|(number, version)| TemplateVersion {
                template: template.id.clone(),
                name: template.name.clone(),
                number,
                names: version.image.clone().map(Target::Image),
                description: version.description.clone(),
                default: number == template.default,
            });
            described.collect::<Vec<_>>()
        };
        all.filter(|template| names.contains(&template.name)).flat_map(of).collect()
    }

    /// What launches without a person: Auto Scaling groups, each from a version that it names by number.
    pub(super) fn launchers(&self, at: DateTime<Utc>) -> LaunchSources {
        let pinned: BTreeSet<PinnedVersion> =
            self.groups.values().filter_map(|history| history.at(at)).cloned().collect();
        LaunchSources { pinned, ..LaunchSources::default() }
    }
}

impl InMemoryCloud {
    fn template_now(&self, region: &Region, id: &str) -> Option<Template> {
        self.world.account.borrow_mut().region(region).templates.get(id)?.now().cloned()
    }

    /// The number of a launch template's default version.
    pub(super) fn default_of(&self, region: &Region, id: &str) -> i64 {
        self.template_now(region, id).map_or(1, |template| template.default)
    }

    /// The image of a version.
    pub(super) fn image_of_version(&self, region: &Region, id: &str, number: i64) -> Option<ImageId> {
        self.template_now(region, id)?.image(number).cloned()
    }

    /// Whether a launch template names a newer release than this image is of.
    pub(super) fn template_names_newer(&self, region: &Region, id: &str, image: &ImageId) -> bool {
        let Some(template) = self.template_now(region, id) else { return false };
        let mut account = self.world.account.borrow_mut();
        let images = &account.region(region).images;
        let version = |id: &ImageId| Some(images.get(id)?.now()?.record().ok()?.name.version);
        let named =
            [template.latest(), template.default].map(|number| template.image(number).and_then(version));
        named.into_iter().flatten().max() > version(image)
    }
}

fn missing(operation: &'static str, template: &str, region: &Region) -> kiln_core::inventory::CloudError {
    failed(operation, template, region, "InvalidLaunchTemplateId.NotFound")
}

impl Templates for InMemoryCloud {
    async fn template(&self, region: &Region, name: &str) -> Result<Option<Described>> {
        let look = |account: &mut Account, at| {
            let template = account.region(region).template_named(name)?.at(at)?;
            Some(Described {
                id: template.id.clone(),
                latest: template.point(template.latest()),
                default: template.point(template.default),
            })
        };
        self.read("DescribeLaunchTemplateVersions", region, name, look).await
    }

    /// A client token never expires: the same call answers with the version that it made first.
    async fn new_template_version(&self, new: &NewTemplateVersion) -> Result<i64> {
        const CALL: &str = "CreateLaunchTemplateVersion";
        let effect = |account: &mut Account, now| {
            let asked = format!("{:?}", (&new.template, &new.image, &new.description));
            let ec2 = account.region(&new.region);
            if let Some(before) = ec2.token(CALL, new.token.as_str(), &asked, &new.region)? {
                return Ok(before.parse().unwrap());
            }
            if !ec2.templates.contains_key(&new.template) {
                return Err(missing(CALL, &new.template, &new.region));
            }
            let mut invariants = self.world.invariants.borrow_mut();
            invariants.template_version_made(account, self.invocation(), new, now);
            let ec2 = account.region(&new.region);
            let (image, description) = (Some(new.image.clone()), new.description.clone());
            let mut number = 0;
            ec2.templates.get_mut(&new.template).unwrap().change(now, |template| {
                template.versions.push(OneVersion { image, description, is_kilns: true });
                number = template.latest();
            });
            ec2.tokens.insert(new.token.to_string(), (asked, number.to_string()));
            Ok(number)
        };
        self.call(CallKind::Change, CALL, &new.region, &new.template, effect).await
    }

    async fn set_default_version(&self, region: &Region, template: &str, number: i64) -> Result<()> {
        const CALL: &str = "ModifyLaunchTemplate";
        let effect = |account: &mut Account, now| {
            let history = account.region(region).templates.get(template);
            let Some(before) = history.and_then(History::now).filter(|before| number <= before.latest())
            else {
                return Err(missing(CALL, template, region));
            };
            if before.default == number {
                return Ok(());
            }
            let mut invariants = self.world.invariants.borrow_mut();
            invariants.template_default_set(account, self.invocation(), region, (template, number), now);
            if let Some(history) = account.region(region).templates.get_mut(template) {
                history.change(now, |template| template.default = number);
            }
            Ok(())
        };
        self.call(CallKind::Change, CALL, region, template, effect).await
    }
}
