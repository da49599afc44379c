//! A deployment as it is shown, confirmed and carried out: all change sets first, then one question.

use serde_json::{Value, json};

use super::changes::{Change, ChangeSet, What, counted, listed};
use super::shares::Given;
use super::stack::{Body, Stack};
use crate::failure::Failure;
use crate::screen::Screen;

/// What is to be done to each stack, in the order in which it is carried out.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    steps: Vec<(Stack, Option<ChangeSet>)>,
    removals: Vec<Stack>,
    done: Vec<Value>,
}

impl Plan {
    /// Has a stack brought to its template.
    ///
    /// # Errors
    /// CloudFormation refuses it, or nobody agreed to delete what is left of it.
    pub async fn bring(
        &mut self,
        stack: &Stack,
        body: &Body,
        parameters: &Given,
        known: &[String],
        screen: &mut Screen<'_>,
    ) -> Result<(), Failure> {
        Self::clear(stack, screen).await?;
        let begun = stack.begin().await?;
        // It is noted first, so that it is taken back whatever happens while CloudFormation thinks.
        self.steps.push((stack.clone(), Some(begun.clone())));
        let changes = stack.propose(&begun, body, parameters, known).await?;
        if changes.is_none() {
            stack.drop(&begun).await?;
        }
        self.steps.pop();
        self.steps.push((stack.clone(), changes.map(|changes| begun.with(changes))));
        Ok(())
    }

    /// What would be done to the stacks, by change sets.
    pub fn proposed(&self) -> impl Iterator<Item = &ChangeSet> {
        self.steps.iter().filter_map(|(_, one)| one.as_ref())
    }

    /// Has a stack deleted.
    pub fn remove(&mut self, stack: Stack) {
        self.removals.push(stack);
    }

    /// Shows what would be done, and asks if that is wanted.
    ///
    /// # Errors
    /// Nobody said yes.
    pub async fn ask(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let proposed: Vec<&ChangeSet> = self.proposed().collect();
        let count = proposed.len() + self.removals.len();
        if count == 0 {
            return Ok(());
        }
        for change_set in &proposed {
            screen.say(change_set.lines());
        }
        let mut all: Vec<Change> = proposed.iter().flat_map(|one| one.changes.clone()).collect();
        for stack in &self.removals {
            let going: Vec<Change> = stack.resources().await?.iter().map(Change::removed).collect();
            let removed = counted(&going, |_| true);
            screen.say([format!("{} will be DELETED: {removed}", stack.title())]);
            screen.say(listed(&going));
            all.extend(going);
        }
        let lost = counted(&all, What::can_lose);
        let lost = if lost.is_empty() { "none is replaced or removed".to_owned() } else { lost };
        screen.say([format!("of all resources: {lost}")]);
        let stacks = if count == 1 { "1 stack".to_owned() } else { format!("{count} stacks") };
        let asked = screen.confirm(&format!("Change {stacks}?")).await;
        let all = self.steps.iter().filter_map(|(stack, one)| Some((stack, &one.as_ref()?.changes)));
        asked.map_err(|failure| {
            let shown: Vec<Value> = all.map(|(stack, changes)| told(stack, "proposed", changes)).collect();
            failure.after("stacks", json!(shown))
        })
    }

    /// Does it, stack by stack. [`Plan::drop_proposals`] takes back what is not reached because one failed.
    ///
    /// # Errors
    /// The first that failed.
    pub async fn carry_out(&mut self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        while !self.steps.is_empty() {
            let (stack, change_set) = self.steps[0].clone();
            screen.say([format!("deploying {}", stack.title())]);
            let seen = match &change_set {
                Some(change_set) => Some(stack.execute(change_set).await?),
                None => None,
            };
            // What was executed is not taken back.
            self.steps.remove(0);
            let outcome = match change_set.as_ref().zip(seen) {
                Some((change_set, seen)) => stack.finish(change_set, &seen).await?,
                None => "unchanged",
            };
            screen.say([format!("  {outcome}")]);
            let changes = change_set.map(|one| one.changes).unwrap_or_default();
            self.done.push(told(&stack, outcome, &changes));
        }
        while !self.removals.is_empty() {
            let stack = self.removals.remove(0);
            screen.say([format!("deleting {}", stack.title())]);
            stack.delete().await?;
            screen.say(["  deleted"]);
            self.done.push(told(&stack, "deleted", &[]));
        }
        Ok(())
    }

    /// What was done so far, as `--output json` tells it.
    pub fn done(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.done)
    }

    /// Takes back what was proposed and not carried out.
    pub async fn drop_proposals(&self, screen: &mut Screen<'_>) {
        for (stack, change_set) in &self.steps {
            let Some(change_set) = change_set else { continue };
            if let Err(failure) = stack.drop(change_set).await {
                // What went wrong before is what the person must read.
                let left = format!("a change set of {} is left and does nothing: {failure}", stack.title());
                screen.say([left]);
            }
        }
    }

    /// Deletes what is left of a stack whose first creation failed, once that is confirmed.
    ///
    /// # Errors
    /// Nobody agreed, or it cannot be deleted.
    pub async fn clear(stack: &Stack, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Some(status) = stack.failed_to_be_made().await? else { return Ok(()) };
        let title = stack.title();
        screen.say([format!("{title} is {status}: its first creation failed, and it can only be deleted")]);
        screen.confirm(&format!("Delete {title}, to create it anew?")).await?;
        stack.delete().await
    }
}

/// What `--output json` tells of a stack.
pub(super) fn told(stack: &Stack, outcome: &str, changes: &[Change]) -> Value {
    let changes: Vec<Value> = changes.iter().map(Change::document).collect();
    json!({ "stack": stack.name, "region": stack.region, "outcome": outcome, "changes": changes })
}
