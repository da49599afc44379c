//! The further Regions: which of them still have a stack, and who else hears a Region's events.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::stack::Stack;
use crate::aws::{Session, more, refused};
use crate::failure::{Failure, Kind};

/// How many Regions are asked at once.
const AT_ONCE: usize = 8;
/// Every Kiln has one of these rules on the default bus of each of its Regions.
const RULES: [&str; 2] = ["-region-forward-instances", "-instance-stopped"];

/// The further Regions' stacks of one home Region.
#[derive(Debug, Default)]
pub(crate) struct Further {
    /// The stacks, by their Regions' names.
    pub stacks: Vec<Stack>,
    /// Regions that did not let themselves be asked, and why.
    unseen: Vec<(String, Failure)>,
}

impl Further {
    /// Why the first Region that was not seen was not.
    pub fn kind(&self) -> Kind {
        self.unseen.first().map_or(Kind::Other, |(_, why)| why.kind)
    }

    /// What could not be seen, as text.
    pub fn unseen(&self) -> Option<String> {
        let (_, why) = self.unseen.first()?;
        let regions: Vec<&str> = self.unseen.iter().map(|(region, _)| region.as_str()).collect();
        Some(format!("Whether a stack is left in {} cannot be seen: {}", regions.join(", "), why.what))
    }
}

/// The name of the further Regions' stacks of a home stack.
pub(crate) fn stack_name(home_stack: &str) -> String {
    format!("{home_stack}-region")
}

/// The further stacks of a home stack in all Regions of the account, but for some.
///
/// AWS itself is asked, not a record of former deployments: a record can be lost, or be of another machine.
pub(crate) async fn with_a_stack(session: &Session, home_stack: &str, but: &[String]) -> Further {
    let mut enabled = match enabled(session).await {
        Ok(enabled) => enabled,
        Err(failure) => {
            return Further { unseen: vec![("any other Region".into(), failure)], ..Further::default() };
        }
    };
    enabled.retain(|region| *region != session.home && !but.contains(region));
    let (mut waiting, mut asked, mut found) = (enabled.into_iter(), JoinSet::new(), Further::default());
    loop {
        while asked.len() < AT_ONCE {
            let Some(region) = waiting.next() else { break };
            let stack = Stack::of(session, &stack_name(home_stack), &region, &Default::default());
            asked.spawn(async move {
                let parameters = stack.parameters().await;
                (stack, parameters)
            });
        }
        let Some(answer) = asked.join_next().await else { break };
        match answer {
            Ok((stack, Ok(parameters))) => {
                let is = |key: &str, value: &str| parameters.get(key).is_some_and(|found| found == value);
                if is("HomeRegion", &session.home) && is("BusName", home_stack) {
                    found.stacks.push(stack);
                }
            }
            Ok((stack, Err(failure))) => found.unseen.push((stack.region, failure)),
            // It cannot happen, and is no answer.
            Err(_) => {
                let what = "not every Region could be asked";
                found.unseen.push(("some Region".into(), Failure::new(Kind::Other, what)));
            }
        }
    }
    found.stacks.sort_by(|a, b| a.region.cmp(&b.region));
    found.unseen.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

async fn enabled(session: &Session) -> Result<Vec<String>, Failure> {
    let ec2 = aws_sdk_ec2::Client::new(session.config());
    let found = ec2.describe_regions().send().await;
    let found = found.map_err(|error| refused(session, "DescribeRegions", &session.home, &error))?;
    Ok(found.regions().iter().filter_map(|one| one.region_name().map(str::to_owned)).collect())
}

/// The other home stacks of Kiln that hear a Region's events; none where nobody may list rules.
pub(crate) async fn neighbours(session: &Session, region: &str, home_stack: &str) -> BTreeSet<String> {
    let events = aws_sdk_eventbridge::Client::new(&session.config_in(region));
    let (mut found, mut next) = (BTreeSet::new(), None);
    loop {
        let Ok(page) = events.list_rules().set_next_token(next).send().await else { return BTreeSet::new() };
        for name in page.rules().iter().filter_map(|rule| rule.name()) {
            let stack = RULES.iter().find_map(|end| name.strip_suffix(end));
            found.extend(stack.filter(|stack| *stack != home_stack).map(str::to_owned));
        }
        next = more(page.next_token);
        if next.is_none() {
            return found;
        }
    }
}
