//! One CloudFormation stack: shown as a change set, brought to its template, and explained if it fails.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, ChangeSetType, Parameter, ResourceToImport, Tag};

use super::changes::{Change, ChangeSet};
use super::look::{Seen, is_gone, unique};
use super::shares::Given;
use crate::aws::{Session, code, more, refused};
use crate::failure::{Failure, Kind};
use crate::interrupt::{self, Begun};

/// What CloudFormation takes of a template in the call itself; a longer one goes by way of S3.
pub(crate) const MOST_BODY: usize = 51_200;
/// A stack whose first creation failed can only be deleted. One that is under review is none of these: it holds nothing
/// yet, but the change sets of whoever reviews it.
const NEVER_MADE: [&str; 3] = ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"];
pub(super) const REVIEW: &str = "REVIEW_IN_PROGRESS";
/// How Kiln's own change sets begin, and those of former versions. Those of others are somebody's work.
pub(super) const OURS: &str = "kiln-deploy-";
pub(super) const FORMER: &str = "import-logs";

/// Where CloudFormation finds a template.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// In the call itself.
    Text(String),
    /// In S3.
    Url(String),
}

/// One stack of one Region.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(super) client: Client,
    pub(super) session: Session,
    /// Its name.
    pub name: String,
    /// Its Region.
    pub region: String,
    /// CloudFormation gives them to every resource that takes tags. Without any, those of before stay.
    tags: BTreeMap<String, String>,
}

/// What CloudFormation tells of a stack that is there.
pub(super) type Found = aws_sdk_cloudformation::types::Stack;

impl Stack {
    /// The stack of this name.
    pub fn of(session: &Session, name: &str, region: &str, tags: &BTreeMap<String, String>) -> Self {
        let client = Client::new(&session.config_in(region));
        let (name, region) = (name.to_owned(), region.to_owned());
        Self { client, session: session.clone(), name, region, tags: tags.clone() }
    }

    /// The stack in a sentence.
    pub fn title(&self) -> String {
        format!("stack {} in {}", self.name, self.region)
    }

    /// A change set that is not sent yet. Executing one makes all others void, so a stack that has one of somebody else's is
    /// left alone.
    ///
    /// # Errors
    /// Somebody reviews the stack, or it cannot be seen.
    pub async fn begin(&self) -> Result<ChangeSet, Failure> {
        let found = self.describe().await?;
        self.leave_to_its_reviewers(found.as_ref()).await?;
        Ok(ChangeSet {
            name: format!("{OURS}{}", unique()),
            title: self.title(),
            creates: found.as_ref().is_none_or(|found| status_of(found) == REVIEW),
            placeholder: found.is_none(),
            changes: Vec::new(),
        })
    }

    /// Has CloudFormation find out what would be created or updated; `None` where the stack is as it should be. Nothing is
    /// carried out. Of a stack that is there, those of the `known` parameters that are not given keep their values.
    ///
    /// # Errors
    /// CloudFormation refuses it.
    pub async fn propose(
        &self,
        begun: &ChangeSet,
        body: &Body,
        parameters: &Given,
        known: &[String],
    ) -> Result<Option<Vec<Change>>, Failure> {
        let before = if begun.creates { Given::new() } else { self.parameters().await? };
        let kind = if begun.creates { ChangeSetType::Create } else { ChangeSetType::Update };
        let (text, url) = match body {
            Body::Text(text) => (Some(text.clone()), None),
            Body::Url(url) => (None, Some(url.clone())),
        };
        let sent = self
            .client
            .create_change_set()
            .stack_name(&self.name)
            .change_set_name(&begun.name)
            .change_set_type(kind)
            .set_parameters(Some(given(parameters, &before, known)))
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand)
            .set_tags(tagged(&self.tags))
            .set_template_body(text)
            .set_template_url(url)
            .send()
            .await;
        if let Err(error) = sent {
            return Err(self.was_refused(&error).await);
        }
        self.described(begun).await
    }

    /// Executes a change set; answers what had happened to the stack before. [`Stack::finish`] waits for its end.
    ///
    /// # Errors
    /// It cannot be executed.
    pub async fn execute(&self, change_set: &ChangeSet) -> Result<Seen, Failure> {
        let seen = self.event_ids().await?;
        interrupt::something_begins(Begun::Stacks);
        let sent = self.client.execute_change_set().stack_name(&self.name).change_set_name(&change_set.name);
        let sent = sent.client_request_token(format!("kiln-{}", unique())).send().await;
        let Err(error) = sent else { return Ok(seen) };
        // It is void, or gone: another one was executed meanwhile.
        const VOID: [&str; 3] = ["InvalidChangeSetStatus", "ChangeSetNotFound", "ValidationError"];
        if !VOID.iter().any(|void| code(&error).starts_with(void)) {
            let failure = refused(&self.session, &self.call("ExecuteChangeSet"), &self.region, &error);
            return Err(match failure.kind {
                Kind::Denied | Kind::Credentials => failure,
                // Its answer may be what was lost.
                _ => failure.advise(
                    "It may be at work all the same. Deploy again: that shows what is still to be changed.",
                ),
            });
        }
        let why = error.message().unwrap_or("CloudFormation gives no reason");
        let what = format!("{} was not changed, for its change set cannot be executed: {why}.", self.title());
        Err(Failure::new(Kind::NotDone, what).advise(
            "If somebody changed the stack meanwhile, deploy again to see what is still to be changed.",
        ))
    }

    /// Waits for the end of a change set that was executed. Answers `created` or `updated`.
    ///
    /// # Errors
    /// The reasons of every resource that failed.
    pub async fn finish(&self, change_set: &ChangeSet, seen: &Seen) -> Result<&'static str, Failure> {
        match self.settled(seen).await?.as_deref() {
            Some("CREATE_COMPLETE" | "UPDATE_COMPLETE") => {
                Ok(if change_set.creates { "created" } else { "updated" })
            }
            status => Err(self.ended(status.unwrap_or("gone"), "ended", seen).await),
        }
    }

    /// Begins a stack with log groups that are there already, and waits.
    ///
    /// # Errors
    /// They were not taken over.
    pub async fn import(&self, body: String, resources: Vec<ResourceToImport>) -> Result<(), Failure> {
        let mut begun = self.begin().await?;
        begun.name = format!("{OURS}{FORMER}-{}", unique());
        let sent = self
            .client
            .create_change_set()
            .stack_name(&self.name)
            .change_set_name(&begun.name)
            .change_set_type(ChangeSetType::Import)
            .template_body(body)
            .set_resources_to_import(Some(resources))
            .send()
            .await;
        sent.map_err(|error| refused(&self.session, &self.call("CreateChangeSet"), &self.region, &error))?;
        let executed = async {
            self.described(&begun).await?;
            self.execute(&begun).await
        };
        let seen = match executed.await {
            Ok(seen) => seen,
            Err(failure) => {
                // What went wrong before is what the person must read.
                let _ = self.drop(&begun).await;
                return Err(failure);
            }
        };
        match self.settled(&seen).await?.as_deref() {
            Some("IMPORT_COMPLETE") => Ok(()),
            status => {
                let what = format!(
                    "the log groups of a former stack {} were not taken over: it is {}",
                    self.name,
                    status.unwrap_or("gone")
                );
                Err(Failure::new(Kind::NotDone, what))
            }
        }
    }

    /// Takes a change set back, with the empty stack that came into being with it alone.
    ///
    /// # Errors
    /// It is left, and does nothing.
    pub async fn drop(&self, change_set: &ChangeSet) -> Result<(), Failure> {
        let sent = self.client.delete_change_set().stack_name(&self.name).change_set_name(&change_set.name);
        match sent.send().await {
            Ok(_) => {}
            // It was never made, or is gone with its stack.
            Err(error) if code(&error).starts_with("ChangeSetNotFound") || is_gone(error.message()) => {}
            Err(error) => {
                return Err(refused(&self.session, &self.call("DeleteChangeSet"), &self.region, &error));
            }
        }
        let is_empty = change_set.placeholder && self.status().await?.as_deref() == Some(REVIEW);
        if is_empty && self.change_sets().await?.is_empty() {
            self.send_delete().await?;
        }
        Ok(())
    }

    /// Deletes the stack, and waits until it is gone. One that is under review is left alone.
    ///
    /// # Errors
    /// What could not be deleted, and why.
    pub async fn delete(&self) -> Result<(), Failure> {
        let Some(found) = self.describe().await? else { return Ok(()) };
        self.leave_to_its_reviewers(Some(&found)).await?;
        let seen = self.event_ids().await?;
        interrupt::something_begins(Begun::Stacks);
        self.send_delete().await?;
        match self.settled(&seen).await?.as_deref() {
            None | Some("DELETE_COMPLETE") => Ok(()),
            Some(status) => Err(self.ended(status, "was not deleted but is", &seen).await),
        }
    }

    /// Its status; `None` where there is no such stack.
    ///
    /// # Errors
    /// It cannot be seen.
    pub async fn status(&self) -> Result<Option<String>, Failure> {
        Ok(self.describe().await?.map(|found| status_of(&found).to_owned()))
    }

    /// Its status, where its first creation failed, so that it can only be deleted.
    ///
    /// # Errors
    /// It cannot be seen.
    pub async fn failed_to_be_made(&self) -> Result<Option<String>, Failure> {
        Ok(self.status().await?.filter(|status| NEVER_MADE.contains(&status.as_str())))
    }

    /// Whether it was made: one that is only under review, or could not be made, is not there.
    ///
    /// # Errors
    /// It cannot be seen.
    pub async fn is_there(&self) -> Result<bool, Failure> {
        let status = self.status().await?;
        Ok(status.is_some_and(|status| status != REVIEW && !NEVER_MADE.contains(&status.as_str())))
    }

    /// Fails where no Kiln is deployed.
    ///
    /// # Errors
    /// There is none, with what to do.
    pub async fn must_be_there(&self) -> Result<(), Failure> {
        if self.is_there().await? {
            return Ok(());
        }
        Err(Failure::new(Kind::NotDeployed, format!("{} is not there.", self.title())).advise(
            "Deploy it first (kiln deploy), or name another Region, account or stack (--region, --profile, --stack).",
        ))
    }

    /// Whether there is something of it to delete.
    ///
    /// # Errors
    /// It cannot be seen.
    pub async fn can_be_deleted(&self) -> Result<bool, Failure> {
        Ok(self.status().await?.is_some_and(|status| status != REVIEW))
    }

    /// Its outputs.
    ///
    /// # Errors
    /// It cannot be seen.
    pub async fn outputs(&self) -> Result<BTreeMap<String, String>, Failure> {
        let found = self.describe().await?;
        let outputs = found.iter().flat_map(|found| found.outputs());
        let pair = |(key, value): (Option<&str>, Option<&str>)| Some((key?.to_owned(), value?.to_owned()));
        Ok(outputs.filter_map(|one| pair((one.output_key(), one.output_value()))).collect())
    }

    /// Its parameters and their values.
    ///
    /// # Errors
    /// It cannot be seen.
    pub async fn parameters(&self) -> Result<Given, Failure> {
        Ok(self.describe().await?.as_ref().map(parameters_of).unwrap_or_default())
    }

    /// The type and the name or id of each resource that it has, by logical id.
    ///
    /// # Errors
    /// They cannot be seen.
    pub async fn resources(&self) -> Result<BTreeMap<String, (String, String)>, Failure> {
        if self.status().await?.is_none() {
            return Ok(BTreeMap::new());
        }
        let (mut found, mut next) = (BTreeMap::new(), None);
        loop {
            let sent = self.client.list_stack_resources().stack_name(&self.name).set_next_token(next);
            let page = sent.send().await.map_err(|error| {
                refused(&self.session, &self.call("ListStackResources"), &self.region, &error)
            })?;
            for one in page.stack_resource_summaries() {
                let status = one.resource_status().map(|status| status.as_str()).unwrap_or_default();
                if matches!(status, "DELETE_COMPLETE" | "DELETE_SKIPPED") {
                    continue;
                }
                let text = |one: Option<&str>| one.unwrap_or_default().to_owned();
                let what = (text(one.resource_type()), text(one.physical_resource_id()));
                found.insert(text(one.logical_resource_id()), what);
            }
            next = more(page.next_token);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// The template that is deployed, as CloudFormation made it.
    ///
    /// # Errors
    /// It cannot be seen.
    pub async fn template(&self) -> Result<String, Failure> {
        let sent = self.client.get_template().stack_name(&self.name).template_stage("Processed".into());
        let found = sent.send().await;
        let found =
            found.map_err(|error| refused(&self.session, &self.call("GetTemplate"), &self.region, &error))?;
        Ok(found.template_body.unwrap_or_default())
    }

    /// Lets nothing be done to a stack whose change set somebody reviews: any other change would void it.
    ///
    /// # Errors
    /// Somebody's change set waits.
    pub async fn leave_to_reviewers(&self) -> Result<(), Failure> {
        let found = self.describe().await?;
        self.leave_to_its_reviewers(found.as_ref()).await
    }
}

/// The status of a stack that is there.
pub(super) fn status_of(found: &Found) -> &str {
    found.stack_status().map(|status| status.as_str()).unwrap_or_default()
}

fn parameters_of(found: &Found) -> Given {
    let pair = |one: &Parameter| Some((one.parameter_key.clone()?, one.parameter_value.clone()?));
    found.parameters().iter().filter_map(pair).collect()
}

/// The parameters as the call takes them: those that are given, and of those of before the ones that are known still.
fn given(parameters: &Given, before: &Given, known: &[String]) -> Vec<Parameter> {
    let given = parameters
        .iter()
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build());
    let kept = before.keys().filter(|key| known.contains(key) && !parameters.contains_key(*key));
    let kept = kept.map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build());
    given.chain(kept).collect()
}

fn tagged(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}
