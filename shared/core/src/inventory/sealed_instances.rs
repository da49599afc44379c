//! What is bound on instances: the client token of one that Kiln launched, which nobody can change, and the seal of a bake on
//! a long-lived one.

use crate::inventory::instance::Instance;
use crate::inventory::request::NewInstance;
use crate::inventory::sealed::{seal_of, sealed};
use crate::model::seal::{Seal, SealKeys};
use crate::model::{ImageName, InstanceId, Region, Role, Tags, Token, tags};

impl SealKeys {
    /// Checks an instance that was read: the client token of one that Kiln launched, and the seal of a bake on a
    /// long-lived one. Where somebody changed the tags of one that Kiln launched, and its name still fits the token, the
    /// tags count that it was launched with.
    pub fn open_instance(&self, instance: &mut Instance) {
        let is_launched = instance.tags.has(tags::ROLE) && self.is_launched_as(instance, &instance.tags);
        let launched_with = || launch_tags(&instance.tags).filter(|own| self.is_launched_as(instance, own));
        instance.seal = if is_launched {
            Seal::Valid
        } else if let Some(own) = launched_with() {
            instance.tags = own;
            Seal::Valid
        } else if !(instance.tags.has(tags::RECIPE) && instance.tags.has(tags::VERSION)) {
            Seal::Missing
        } else if !instance.tags.has(tags::ROLE) && self.is_stopped_for_bake(instance) {
            Seal::Valid
        } else {
            Seal::Wrong
        };
    }

    /// Whether the client token of an instance is that of a launch with these tags.
    fn is_launched_as(&self, instance: &Instance, tags: &Tags) -> bool {
        let (Some(role), Some(recipe), Some(version)) =
            (tags.get(tags::ROLE), tags.get(tags::RECIPE), tags.get(tags::VERSION))
        else {
            return false;
        };
        let image = tags.get(tags::IMAGE).filter(|_| role == Role::Tester.word()).unwrap_or_default();
        let subnet = instance.subnet.as_ref().map_or("", |subnet| subnet.as_str());
        let launched_in = |place: &str| {
            let words = self.words(&["launch", role, recipe, version, image, place]);
            words.iter().any(|word| Token::begins_with(&instance.token, word))
        };
        launched_in(subnet) || launched_in("")
    }

    fn is_stopped_for_bake(&self, instance: &Instance) -> bool {
        let tag = |key| instance.tags.get(key).unwrap_or_default();
        let (recipe, version, deadline) = (tag(tags::RECIPE), tag(tags::VERSION), tag(tags::DEADLINE));
        let parts = ["bake", instance.region.as_str(), instance.id.as_str(), recipe, version, deadline];
        seal_of(&instance.tags).is_some_and(|seal| self.is_seal_of(seal, &parts))
    }

    /// The client token of a builder or tester. Its first half is bound to role, bake, tested image and subnet; its
    /// second half differs for each launch that may be made beside another.
    /// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>)
    pub fn launch_token(&self, new: &NewInstance) -> Token {
        let image = new.tags.get(tags::IMAGE).unwrap_or_default();
        let subnet = new.subnet.as_ref().map_or("", |subnet| subnet.as_str());
        let version = new.name.version.to_string();
        let parts = ["launch", new.role.word(), new.name.recipe.as_str(), &version, image, subnet];
        Token::launch(&self.word(&parts), &new.launch)
    }

    /// The words of which a verdict line of this role and bake must carry one, so that no script can report the verdict of
    /// another bake. The first is the one that a new script is given.
    pub fn verdict_words(&self, role: Role, name: &ImageName) -> Vec<String> {
        let parts = ["verdict", role.word(), name.recipe.as_str(), &name.version.to_string()];
        self.words(&parts)
            .into_iter()
            .map(|mut word| {
                word.truncate(16);
                word
            })
            .collect()
    }

    /// The tags of a long-lived builder that is stopped for a bake.
    pub fn tags_of_bake(
        &self,
        region: &Region,
        instance: &InstanceId,
        name: &ImageName,
        given: &Tags,
    ) -> Tags {
        let deadline = given.get(tags::DEADLINE).unwrap_or_default();
        let version = name.version.to_string();
        let parts = ["bake", region.as_str(), instance.as_str(), name.recipe.as_str(), &version, deadline];
        sealed(given, Some(self.seal(&parts)))
    }
}

/// The tags of an instance with those that its name says: `web-20260101T020000Z (builder)`.
fn launch_tags(given: &Tags) -> Option<Tags> {
    let (name, role) = given.get(tags::NAME)?.strip_suffix(')')?.split_once(" (")?;
    let (name, role): (ImageName, Role) = (name.parse().ok()?, role.parse().ok()?);
    Some(
        given
            .clone()
            .with(tags::RECIPE, &name.recipe)
            .with(tags::VERSION, name.version)
            .with(tags::ROLE, role),
    )
}

#[cfg(test)]
#[path = "sealed_instances_tests.rs"]
mod tests;
