//! What a former deployment left behind: sample recipes, and the logs of a stack that was deleted.
//!
//! CloudFormation makes no resource whose name is taken, and would fail the whole stack.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::ResourceToImport;
use serde_json::{Map, Value, json};

use super::shares::Given;
use super::stack::Stack;
use super::template::{Template, without};
use crate::aws::{Session, more, refused};
use crate::failure::Failure;
use crate::screen::Screen;

const LOG_GROUP: &str = "AWS::Logs::LogGroup";
const PARAMETER: &str = "AWS::SSM::Parameter";

/// The template without the sample recipes whose parameters exist and are not the stack's.
///
/// These stay as they are. They may be those that the stack left when `SampleRecipes` was set back, or somebody's own.
///
/// # Errors
/// What is there cannot be seen.
pub(crate) async fn without_taken_recipes(
    session: &Session,
    text: String,
    template: &Template,
    stack: &Stack,
    given: &Given,
    screen: &mut Screen<'_>,
) -> Result<String, Failure> {
    let wanted = match given.get("SampleRecipes") {
        Some(wanted) => wanted.clone(),
        None => stack.parameters().await?.remove("SampleRecipes").unwrap_or_default(),
    };
    if wanted != "true" {
        return Ok(text);
    }
    let own = stack.resources().await?;
    let names = template.names(PARAMETER, &stack.name).into_iter();
    let strange: BTreeMap<String, String> =
        names.filter(|(id, _)| !own.contains_key(id)).map(|(id, name)| (name, id)).collect();
    if strange.is_empty() {
        return Ok(text);
    }
    let ssm = aws_sdk_ssm::Client::new(session.config());
    let found = ssm.get_parameters().set_names(Some(strange.keys().cloned().collect())).send().await;
    let found = found.map_err(|error| refused(session, "GetParameters", &session.home, &error))?;
    let taken: BTreeSet<&str> = found.parameters().iter().filter_map(|one| one.name()).collect();
    let mut text = text;
    for name in taken {
        screen.say([format!("  {name} exists and stays as it is")]);
        text = without(&text, &strange[name]);
    }
    Ok(text)
}

/// Lets a stack that is not there yet begin with the log groups that a former stack of its name left.
///
/// An import takes nothing but what it imports, so the stack gets the rest by the update that follows. The log groups stay
/// as they are if that is not wanted any more.
///
/// # Errors
/// Nobody agreed, or they were not taken over.
pub(crate) async fn import_logs(
    session: &Session,
    template: &Template,
    stack: &Stack,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    if stack.is_there().await? {
        return Ok(());
    }
    let there = log_groups(session, &stack.name).await?;
    let mut names = template.names(LOG_GROUP, &stack.name);
    names.retain(|_, name| there.contains(name));
    if names.is_empty() {
        return Ok(());
    }
    let count = names.len();
    screen.say([format!("  taking over the log groups of a former stack {}: {count}", stack.name)]);
    let title = stack.title();
    screen
        .confirm(&format!("Create {title} with {count} log groups, and see then what else it needs?"))
        .await?;
    let body = |name: &String| {
        json!({ "Type": LOG_GROUP, "DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain",
                "Properties": { "LogGroupName": name } })
    };
    let resources: Map<String, Value> = names.iter().map(|(id, name)| (id.clone(), body(name))).collect();
    let import = |(id, name): (&String, &String)| {
        let built = ResourceToImport::builder().resource_type(LOG_GROUP).logical_resource_id(id);
        built.resource_identifier("LogGroupName", name).build()
    };
    stack.import(json!({ "Resources": resources }).to_string(), names.iter().map(import).collect()).await
}

/// The log groups of the functions of stacks whose names begin so.
async fn log_groups(session: &Session, stack: &str) -> Result<BTreeSet<String>, Failure> {
    let logs = aws_sdk_cloudwatchlogs::Client::new(session.config());
    let (mut found, mut next) = (BTreeSet::new(), None);
    loop {
        let sent = logs.describe_log_groups().log_group_name_prefix(format!("/aws/lambda/{stack}-"));
        let page = sent.set_next_token(next).send().await;
        let page = page.map_err(|error| refused(session, "DescribeLogGroups", &session.home, &error))?;
        found.extend(page.log_groups().iter().filter_map(|group| group.log_group_name().map(str::to_owned)));
        next = more(page.next_token);
        if next.is_none() {
            return Ok(found);
        }
    }
}
