//! What CloudFormation tells of a stack while it works, how long that is waited for, and why something failed.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::types::{ChangeSetStatus, ChangeSetSummary, ExecutionStatus, StackEvent};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::changes::{Change, ChangeSet, read_all};
use super::stack::{FORMER, Found, OURS, Stack, status_of};
use crate::aws::{code, more, refused};
use crate::failure::{Failure, Kind};

/// How CloudFormation says that a change set would change nothing.
const NOTHING: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];
/// How long a stack may take. Lambda gives the network interfaces of functions in a VPC back in up to 40 minutes.
const PATIENCE: Duration = Duration::from_secs(2_700);
/// How long CloudFormation may answer what was before.
const STALE: Duration = Duration::from_secs(30);

/// What happened to a stack before something was begun, by the ids of its events.
pub(super) type Seen = BTreeSet<String>;

/// How CloudFormation says that there is no such stack, or no such change set.
pub(super) fn is_gone(said: Option<&str>) -> bool {
    said.is_some_and(|said| said.contains("does not exist"))
}

/// A name that nothing else has, of 16 hexadecimal digits that nobody can guess.
pub(crate) fn unique() -> String {
    // Its keys are the system's random numbers.
    format!("{:016x}", RandomState::new().hash_one(Instant::now()))
}

impl Stack {
    /// What is there of the stack; `None` where there is no such stack.
    pub(super) async fn describe(&self) -> Result<Option<Found>, Failure> {
        match self.client.describe_stacks().stack_name(&self.name).send().await {
            Ok(found) => {
                let alive = |stack: &Found| status_of(stack) != "DELETE_COMPLETE";
                Ok(found.stacks.unwrap_or_default().into_iter().find(alive))
            }
            Err(error) if is_gone(error.message()) => Ok(None),
            Err(error) => Err(refused(&self.session, &self.call("DescribeStacks"), &self.region, &error)),
        }
    }

    /// A call of this stack, for a failure.
    pub(super) fn call(&self, name: &str) -> String {
        format!("{name} of stack {}", self.name)
    }

    pub(super) async fn send_delete(&self) -> Result<(), Failure> {
        let sent = self.client.delete_stack().stack_name(&self.name).send().await;
        sent.map_err(|error| refused(&self.session, &self.call("DeleteStack"), &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn change_sets(&self) -> Result<Vec<ChangeSetSummary>, Failure> {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let sent =
                self.client.list_change_sets().stack_name(&self.name).set_next_token(next).send().await;
            let page = sent.map_err(|error| {
                refused(&self.session, &self.call("ListChangeSets"), &self.region, &error)
            })?;
            found.extend(page.summaries.unwrap_or_default());
            next = more(page.next_token);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Fails if somebody's change set waits for the stack: any other change would void it.
    pub(super) async fn leave_to_its_reviewers(&self, found: Option<&Found>) -> Result<(), Failure> {
        if found.is_none() {
            return Ok(());
        }
        let waiting = self.change_sets().await?;
        let names: Vec<&str> = waiting
            .iter()
            .filter(|one| waits_for_somebody(one))
            .filter_map(|one| one.change_set_name())
            .collect();
        let Some(first) = names.first() else { return Ok(()) };
        let place = format!("--region {} --stack-name {} --change-set-name {first}", self.region, self.name);
        let what = format!(
            "{} is under review: change set {} waits to be executed, and would be void. Nothing was changed.",
            self.title(),
            names.join(", ")
        );
        Err(Failure::new(Kind::NotDone, what).advise(format!(
            "Execute or delete it, then go on:\n  aws cloudformation describe-change-set {place}\n  aws cloudformation delete-change-set {place}"
        )))
    }

    /// What a change set would do, once CloudFormation has found out; `None` if nothing.
    pub(super) async fn described(&self, change_set: &ChangeSet) -> Result<Option<Vec<Change>>, Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            let (mut found, mut next, mut status, mut reason) = (Vec::new(), None, None, None);
            loop {
                let sent = self.client.describe_change_set().stack_name(&self.name);
                let sent = sent.change_set_name(&change_set.name);
                let page = sent.set_next_token(next).send().await.map_err(|error| {
                    refused(&self.session, &self.call("DescribeChangeSet"), &self.region, &error)
                })?;
                let changes = page.changes.unwrap_or_default().into_iter();
                found.extend(changes.filter_map(|change| change.resource_change));
                (status, reason, next) =
                    (page.status.or(status), page.status_reason.or(reason), more(page.next_token));
                if next.is_none() {
                    break;
                }
            }
            let reason = reason.unwrap_or_default();
            match status {
                Some(ChangeSetStatus::CreateComplete) => return Ok(Some(read_all(&found))),
                Some(ChangeSetStatus::Failed) if NOTHING.iter().any(|words| reason.contains(words)) => {
                    return Ok(None);
                }
                Some(ChangeSetStatus::Failed) => {
                    let why = if reason.is_empty() { "CloudFormation gives no reason" } else { &reason };
                    let what = format!("{} was refused: {why}", self.title());
                    return Err(Failure::new(Kind::NotDone, what));
                }
                other if Instant::now() > end => {
                    let status = other.map(|one| one.as_str().to_owned()).unwrap_or_default();
                    return Err(self.still(&format!("the change set of {}", self.title()), &status));
                }
                _ => tokio::time::sleep(self.pace()).await,
            }
        }
    }

    /// The status once CloudFormation has done what it was asked for after these events; `None` if the stack is gone.
    ///
    /// What it answers at first may be of before: a status counts once something new has happened to the stack, or after a
    /// while.
    pub(super) async fn settled(&self, seen: &Seen) -> Result<Option<String>, Failure> {
        let (begun, mut is_new) = (Instant::now(), false);
        loop {
            let status = self.status().await?;
            let is_over = status.as_deref().is_none_or(|status| !status.ends_with("_IN_PROGRESS"));
            is_new = is_new || is_over && self.event_ids().await?.iter().any(|event| !seen.contains(event));
            if is_over && (is_new || status.is_none() || begun.elapsed() > STALE) {
                return Ok(status);
            }
            if begun.elapsed() > PATIENCE {
                return Err(self.still(&self.title(), &status.unwrap_or_default()));
            }
            tokio::time::sleep(self.pace()).await;
        }
    }

    fn still(&self, what: &str, status: &str) -> Failure {
        let minutes = PATIENCE.as_secs() / 60;
        let what = format!("{what} is still {status} after {minutes} minutes");
        Failure::new(Kind::NotDone, what)
            .advise(format!("Its events tell what it waits for: aws cloudformation describe-stack-events --region {} --stack-name {}", self.region, self.name))
    }

    /// The time between two looks.
    fn pace(&self) -> Duration {
        if self.session.is_elsewhere() { Duration::from_millis(100) } else { Duration::from_secs(3) }
    }

    /// What has happened to the stack so far, by the ids of the events.
    pub(super) async fn event_ids(&self) -> Result<Seen, Failure> {
        Ok(self.events().await?.into_iter().filter_map(|event| event.event_id).collect())
    }

    async fn events(&self) -> Result<Vec<StackEvent>, Failure> {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let sent = self.client.describe_stack_events().stack_name(&self.name).set_next_token(next);
            let page = match sent.send().await {
                Ok(page) => page,
                Err(error) if is_gone(error.message()) => {
                    return Ok(found);
                }
                Err(error) => {
                    return Err(refused(
                        &self.session,
                        &self.call("DescribeStackEvents"),
                        &self.region,
                        &error,
                    ));
                }
            };
            found.extend(page.stack_events.unwrap_or_default());
            next = more(page.next_token);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Why CloudFormation ended otherwise: what failed, oldest first, for the first is the cause, and the others are mostly
    /// cancelled for it.
    pub(super) async fn ended(&self, status: &str, verb: &str, seen: &Seen) -> Failure {
        let events = self.events().await.unwrap_or_default();
        let is_new = |event: &&StackEvent| event.event_id().is_none_or(|id| !seen.contains(id));
        let failed = |event: &&StackEvent| {
            event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED"))
        };
        let reason = |event: &StackEvent| {
            let why = event.resource_status_reason().unwrap_or("no reason given");
            let text = |one: Option<&str>| one.unwrap_or_default().to_owned();
            let (resource, kind) = (text(event.logical_resource_id()), text(event.resource_type()));
            format!("\n  - {resource} ({kind}): {why}")
        };
        let reasons: String = events.iter().rev().filter(is_new).filter(failed).map(reason).collect();
        let reasons = if reasons.is_empty() { " CloudFormation gives no reason".to_owned() } else { reasons };
        let what = format!("{} {verb} {status}:{reasons}", self.title());
        self.with_way_out(Failure::new(Kind::NotDone, what)).await
    }

    /// Why CloudFormation made no change set.
    pub(super) async fn was_refused<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if code(error) != "ValidationError" {
            return refused(&self.session, &self.call("CreateChangeSet"), &self.region, error);
        }
        let said = error.as_service_error().and_then(ProvideErrorMetadata::message);
        let why = said.unwrap_or("CloudFormation gives no reason");
        let failure = Failure::new(Kind::NotDone, format!("{} was refused: {why}", self.title()));
        self.with_way_out(failure).await
    }

    /// With what to do about a status in which CloudFormation takes no update.
    async fn with_way_out(&self, failure: Failure) -> Failure {
        let status = self.status().await.ok().flatten().unwrap_or_default();
        let command = match status.as_str() {
            "UPDATE_ROLLBACK_FAILED" => "continue-update-rollback",
            "DELETE_FAILED" => "delete-stack",
            _ => return failure,
        };
        failure.advise(format!(
            "It is {status}. Once the cause is gone: aws cloudformation {command} --region {} --stack-name {}",
            self.region, self.name
        ))
    }
}

fn waits_for_somebody(change_set: &ChangeSetSummary) -> bool {
    let name = change_set.change_set_name().unwrap_or_default();
    !name.starts_with(OURS)
        && !name.starts_with(FORMER)
        && change_set.status() != Some(&ChangeSetStatus::Failed)
        && matches!(
            change_set.execution_status(),
            Some(ExecutionStatus::Available | ExecutionStatus::Unavailable)
        )
}
