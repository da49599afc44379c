//! What a deployment must know of a template: its parameters, and of its resources what may be there already.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode, Yaml};

/// A template, as far as it is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template {
    /// The names of its parameters.
    pub parameters: Vec<String>,
    /// Its resources, by their logical ids.
    pub resources: BTreeMap<String, Resource>,
}

/// A resource of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Its type.
    pub kind: String,
    /// What becomes of it when its stack is deleted; `None` if it goes too.
    pub deletion_policy: Option<String>,
    /// The name that it is given, with `${AWS::StackName}` where the template has it; `None` if it has none.
    pub name: Option<String>,
}

impl Resource {
    /// Its name in a stack.
    pub fn name_in(&self, stack: &str) -> Option<String> {
        self.name.as_ref().map(|name| name.replace("${AWS::StackName}", stack))
    }

    /// Whether it stays when its stack is deleted.
    pub fn stays(&self) -> bool {
        matches!(self.deletion_policy.as_deref(), Some("Retain" | "RetainExceptOnCreate"))
    }
}

impl Template {
    /// Reads a template in YAML or JSON.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn read(text: &str) -> Result<Self, String> {
        let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
        let document = documents.first().ok_or("it is empty")?;
        let parameters = document.as_mapping_get("Parameters").and_then(Yaml::as_mapping);
        let parameters = parameters.into_iter().flat_map(|all| all.keys()).filter_map(text_of).collect();
        let resources = document.as_mapping_get("Resources").and_then(Yaml::as_mapping);
        let resources = resources.into_iter().flat_map(|all| all.iter());
        let resources = resources.filter_map(|(id, one)| Some((text_of(id)?, resource(one)))).collect();
        Ok(Self { parameters, resources })
    }

    /// The names that a stack gives to its resources of a type, by logical id.
    pub fn names(&self, kind: &str, stack: &str) -> BTreeMap<String, String> {
        let of_kind = self.resources.iter().filter(|(_, one)| one.kind == kind);
        of_kind.filter_map(|(id, one)| Some((id.clone(), one.name_in(stack)?))).collect()
    }
}

fn resource(found: &Yaml<'_>) -> Resource {
    let text = |key: &str| found.as_mapping_get(key).and_then(text_of);
    let properties = found.as_mapping_get("Properties");
    let named = |key| properties.and_then(|all| all.as_mapping_get(key)).and_then(text_of);
    Resource {
        kind: text("Type").unwrap_or_default(),
        deletion_policy: text("DeletionPolicy"),
        name: named("LogGroupName").or_else(|| named("Name")),
    }
}

/// A text, or what a short tag such as `!Sub` makes of one.
fn text_of(found: &Yaml<'_>) -> Option<String> {
    let inner = found.get_tagged_node().unwrap_or(found);
    inner.as_str().map(str::to_owned)
}

/// The text of a template in YAML without one resource, whose lines begin with its logical id, indented by two.
pub(crate) fn without(text: &str, resource: &str) -> String {
    let head = format!("  {resource}:");
    let mut is_left_out = false;
    let kept = text.lines().filter(|line| {
        let is_deeper = line.trim().is_empty() || line.starts_with("   ");
        is_left_out = line.trim_end() == head || (is_left_out && is_deeper);
        !is_left_out
    });
    kept.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
Parameters:
  KmsKey: { Type: String, Default: "" }
Resources:
  BakeLog:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: RetainExceptOnCreate
    Properties:
      LogGroupName: !Sub /aws/lambda/${AWS::StackName}-bake
      RetentionInDays: !If [Days, !Ref Days, 30]

  WebRecipe:
    Type: AWS::SSM::Parameter
    Condition: Samples
    Properties:
      Name: !Sub /${AWS::StackName}/recipes/web
      Value: |
        name = "web"

        [bake]
        script = """
        Bus:
        """
  # What everything goes over.
  Bus:
    Type: AWS::Events::EventBus
    Properties: { Name: !Ref AWS::StackName }
"#;

    #[test]
    fn parameters_and_what_resources_are_called_are_read_through_short_tags() {
        let template = Template::read(TEXT).unwrap();
        assert_eq!(template.parameters, ["KmsKey"]);
        let logs = template.names("AWS::Logs::LogGroup", "images");
        assert_eq!(logs, BTreeMap::from([("BakeLog".into(), "/aws/lambda/images-bake".into())]));
        assert!(template.resources["BakeLog"].stays() && !template.resources["Bus"].stays());
        assert!(Template::read("a: [").is_err());
    }

    #[test]
    fn json_is_read_as_well() {
        let template = Template::read(r#"{"Resources": {"A": {"Type": "T", "DeletionPolicy": "Retain"}}}"#);
        assert!(template.unwrap().resources["A"].stays());
    }

    #[test]
    fn a_resource_that_is_left_out_leaves_all_others_as_they_are() {
        let (before, text) = (Template::read(TEXT).unwrap(), without(TEXT, "WebRecipe"));
        let after = Template::read(&text).unwrap();
        assert!(!after.resources.contains_key("WebRecipe") && !text.contains("[bake]"), "{text}");
        let others = before.resources.into_iter().filter(|(id, _)| id != "WebRecipe");
        assert_eq!(after.resources, others.collect());
        assert_eq!(without(TEXT, "Nothing"), TEXT);
    }
}
