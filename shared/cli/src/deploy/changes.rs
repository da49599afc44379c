//! What CloudFormation would do to a stack, as a change set tells it, and how that reads.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{
    ChangeAction, ChangeSource, PolicyAction, Replacement, ResourceChange, ResourceChangeDetail,
};
use serde_json::{Value, json};

use crate::render::columns;

/// What happens to a resource. In this order they are listed: the last lines are those that a person still sees before the
/// question, so what can lose something stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// It names something that is changed but stays the same resource, so most often nothing happens to it.
    Follows,
    /// It is made.
    Added,
    /// It is there, and becomes the stack's.
    Imported,
    /// It is changed, and stays.
    Changed,
    /// It is no longer the stack's, and stays.
    Left,
    /// It may be replaced.
    MayBeReplaced,
    /// It is replaced.
    Replaced,
    /// It is removed.
    Removed,
}

impl What {
    const ALL: [Self; 8] = [
        Self::Follows,
        Self::Added,
        Self::Imported,
        Self::Changed,
        Self::Left,
        Self::MayBeReplaced,
        Self::Replaced,
        Self::Removed,
    ];

    /// In words. In capitals where it can lose something.
    pub fn words(self) -> &'static str {
        match self {
            Self::Follows => "perhaps changed",
            Self::Added => "added",
            Self::Imported => "imported",
            Self::Changed => "changed",
            Self::Left => "left, but not deleted",
            Self::MayBeReplaced => "MAY BE REPLACED",
            Self::Replaced => "REPLACED",
            Self::Removed => "REMOVED",
        }
    }

    /// Whether something can be lost by it.
    pub fn can_lose(self) -> bool {
        self >= Self::MayBeReplaced
    }

    fn mark(self) -> char {
        match self {
            Self::Follows | Self::Changed => '~',
            Self::Added | Self::Imported => '+',
            Self::Left => '-',
            Self::MayBeReplaced | Self::Replaced | Self::Removed => '!',
        }
    }
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What.
    pub what: What,
    /// Its logical id.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// The properties, or other parts, for which it is changed.
    pub fields: Vec<String>,
}

impl Change {
    /// A resource that goes with its stack.
    pub fn removed((resource, (kind, _)): (&String, &(String, String))) -> Self {
        Self { what: What::Removed, resource: resource.clone(), kind: kind.clone(), fields: Vec::new() }
    }

    /// What `--output json` tells of it.
    pub fn document(&self) -> Value {
        let what = self.what.words().to_lowercase();
        json!({ "change": what, "resource": self.resource, "type": self.kind, "fields": self.fields })
    }
}

/// A change set that is ready to be executed.
#[derive(Debug, Clone)]
pub(crate) struct ChangeSet {
    /// Its name.
    pub(super) name: String,
    /// The stack, in a sentence.
    pub(super) title: String,
    /// Whether it creates the stack.
    pub creates: bool,
    /// Whether the stack is there only because this change set was made.
    pub(super) placeholder: bool,
    /// What it would do.
    pub changes: Vec<Change>,
}

impl ChangeSet {
    /// The same, once it is known what it would do.
    pub fn with(self, changes: Vec<Change>) -> Self {
        Self { changes, ..self }
    }

    /// The change set as text, one line for each resource.
    pub fn lines(&self) -> Vec<String> {
        let verb = if self.creates { "will be created" } else { "will be updated" };
        let counted = counted(&self.changes, |_| true);
        let counted = if counted.is_empty() { "outputs or tags alone".to_owned() } else { counted };
        let mut lines = vec![format!("{} {verb}: {counted}", self.title)];
        lines.extend(listed(&self.changes));
        lines
    }
}

/// The changes of one change set.
///
/// CloudFormation lists whatever names a changed resource, as if that could be replaced as well. It cannot unless what it
/// names is replaced: the name and the ARN of a resource stay as long as it stays.
pub(crate) fn read_all(found: &[ResourceChange]) -> Vec<Change> {
    let mut changes: BTreeMap<String, Change> =
        found.iter().map(read).map(|change| (change.resource.clone(), change)).collect();
    let causes: BTreeMap<&str, BTreeSet<&str>> =
        found.iter().map(|one| (one.logical_resource_id().unwrap_or_default(), causes(one))).collect();
    let what = |changes: &BTreeMap<String, Change>, is: fn(What) -> bool| -> BTreeSet<String> {
        changes.values().filter(|one| is(one.what)).map(|one| one.resource.clone()).collect()
    };
    let mut stay = what(&changes, |what| what == What::Changed);
    loop {
        let may = what(&changes, |what| matches!(what, What::Changed | What::MayBeReplaced));
        let follows = |name: &String| {
            let causes = &causes[name.as_str()];
            !causes.is_empty() && causes.iter().all(|cause| stay.contains(*cause))
        };
        let follow: Vec<String> = may.into_iter().filter(follows).collect();
        if follow.is_empty() {
            return changes.into_values().collect();
        }
        for name in follow {
            if let Some(change) = changes.get_mut(&name) {
                change.what = What::Follows;
            }
            stay.insert(name);
        }
    }
}

/// The resources that a change only follows from; none where it has a cause of its own.
fn causes(change: &ResourceChange) -> BTreeSet<&str> {
    let follows = |detail: &ResourceChangeDetail| {
        matches!(
            detail.change_source(),
            Some(ChangeSource::ResourceAttribute | ChangeSource::ResourceReference)
        )
    };
    if !change.details().iter().all(follows) {
        return BTreeSet::new();
    }
    let entities = change.details().iter().map(|detail| detail.causing_entity().unwrap_or_default());
    entities.map(|entity| entity.split('.').next().unwrap_or_default()).collect()
}

/// A change as DescribeChangeSet tells it. What is not certain, and what a newer CloudFormation may say, counts as what can
/// lose something.
fn read(found: &ResourceChange) -> Change {
    let what = match found.action() {
        Some(ChangeAction::Add) => What::Added,
        Some(ChangeAction::Import) => What::Imported,
        Some(ChangeAction::Remove) if found.policy_action() == Some(&PolicyAction::Retain) => What::Left,
        Some(ChangeAction::Remove) => What::Removed,
        Some(ChangeAction::Modify) => match found.replacement() {
            Some(Replacement::True) => What::Replaced,
            Some(Replacement::Conditional) => What::MayBeReplaced,
            _ => What::Changed,
        },
        _ => What::MayBeReplaced,
    };
    let mut fields: Vec<String> = Vec::new();
    for target in found.details().iter().filter_map(ResourceChangeDetail::target) {
        let attribute = target.attribute().map(|one| one.as_str().to_owned());
        let field = target.name().map(str::to_owned).or(attribute).unwrap_or_default();
        if !field.is_empty() && !fields.contains(&field) {
            fields.push(field);
        }
    }
    let text = |one: Option<&str>| one.unwrap_or_default().to_owned();
    Change { what, resource: text(found.logical_resource_id()), kind: text(found.resource_type()), fields }
}

/// One line for each resource, those last that can lose something.
pub(crate) fn listed(changes: &[Change]) -> Vec<String> {
    let mut ordered: Vec<&Change> = changes.iter().collect();
    ordered.sort_by_key(|one| (one.what, one.resource.clone()));
    let row = |one: &&Change| {
        let what = format!("{} {}", one.what.mark(), one.what.words());
        vec![what, one.resource.clone(), one.kind.clone(), one.fields.join(", ")]
    };
    columns(&ordered.iter().map(row).collect::<Vec<_>>())
        .into_iter()
        .map(|line| format!("  {line}"))
        .collect()
}

/// How many resources each of these happens to, such as `1 added, 2 REMOVED`; empty of nothing.
pub(crate) fn counted(changes: &[Change], of: fn(What) -> bool) -> String {
    let count = |what: What| changes.iter().filter(|one| one.what == what).count();
    let told = What::ALL.into_iter().filter(|what| of(*what) && count(*what) > 0);
    told.map(|what| format!("{} {}", count(what), what.words())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::{ResourceAttribute, ResourceTargetDefinition};

    use super::*;

    fn change(
        name: &str,
        action: ChangeAction,
    ) -> aws_sdk_cloudformation::types::builders::ResourceChangeBuilder {
        ResourceChange::builder().logical_resource_id(name).resource_type("AWS::SQS::Queue").action(action)
    }

    /// A resource that is modified, for itself (an empty cause) or for what it names.
    fn modified(name: &str, replacement: &str, causes: &[&str]) -> ResourceChange {
        let target = ResourceTargetDefinition::builder()
            .attribute(ResourceAttribute::Properties)
            .name("Target")
            .build();
        let mut built = change(name, ChangeAction::Modify).replacement(replacement.into());
        for cause in causes {
            let source = if cause.is_empty() {
                ChangeSource::DirectModification
            } else {
                ChangeSource::ResourceAttribute
            };
            let detail = ResourceChangeDetail::builder().target(target.clone()).change_source(source);
            built = built.details(detail.causing_entity(*cause).build());
        }
        built.build()
    }

    #[test]
    fn what_is_not_certain_is_shown_as_what_can_lose_something() {
        let what = |change: aws_sdk_cloudformation::types::builders::ResourceChangeBuilder| {
            read(&change.build()).what
        };
        let modify = |replacement: &str| change("A", ChangeAction::Modify).replacement(replacement.into());
        assert_eq!(what(modify("Conditional")), What::MayBeReplaced);
        assert_eq!(what(modify("False")), What::Changed);
        let remove = change("A", ChangeAction::Remove);
        assert_eq!(what(remove.clone().policy_action(PolicyAction::Retain)), What::Left);
        assert_eq!(what(remove), What::Removed);
        assert_eq!(what(change("A", ChangeAction::Import)), What::Imported);
        // What CloudFormation cannot tell yet, and what a newer one may say.
        assert_eq!(what(change("A", ChangeAction::Dynamic)), What::MayBeReplaced);
        assert_eq!(what(change("A", "Something".into())), What::MayBeReplaced);
    }

    #[test]
    fn what_only_names_a_resource_that_stays_is_not_said_to_be_replaced() {
        for (of_function, of_its_own, expected) in [
            ("False", false, What::Follows),
            ("True", false, What::MayBeReplaced),
            ("Conditional", false, What::MayBeReplaced),
            // It has a cause of its own as well.
            ("False", true, What::MayBeReplaced),
        ] {
            let causes: &[&str] = if of_its_own { &["Bake.Arn", ""] } else { &["Bake.Arn"] };
            let found = read_all(&[
                modified("Policy", "Conditional", &["Rule.Arn"]),
                modified("Rule", "Conditional", causes),
                modified("Bake", of_function, &[""]),
            ]);
            let what = |name: &str| found.iter().find(|one| one.resource == name).map(|one| one.what);
            assert_eq!((what("Rule"), what("Policy")), (Some(expected), Some(expected)), "{of_function}");
        }
    }

    #[test]
    fn what_can_lose_something_is_listed_last() {
        let changes = read_all(&[
            change("Old", ChangeAction::Remove).build(),
            modified("Slow", "False", &[""]),
            modified("Named", "True", &[""]),
            change("New", ChangeAction::Add).build(),
        ]);
        let expected = [
            "  + added     New    AWS::SQS::Queue",
            "  ~ changed   Slow   AWS::SQS::Queue  Target",
            "  ! REPLACED  Named  AWS::SQS::Queue  Target",
            "  ! REMOVED   Old    AWS::SQS::Queue",
        ];
        assert_eq!(listed(&changes), expected);
        assert_eq!(counted(&changes, |_| true), "1 added, 1 changed, 1 REPLACED, 1 REMOVED");
        assert_eq!(counted(&changes, What::can_lose), "1 REPLACED, 1 REMOVED");
    }
}
