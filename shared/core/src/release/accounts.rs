//! Decides what the recipe's parameter names in other accounts (`publish.parameter_accounts`): what it names in the same
//! Region of Kiln's own account, right behind it.
//!
//! Nothing waits for another account. One that cannot be read is told; one that cannot be written is told by the one who
//! tries; and a later sweep sees to both.

use std::collections::BTreeMap;

use crate::inventory::CloudError;
use crate::model::{ImageId, Region, Version};
use crate::plan::action::AccountMove;
use crate::plan::reason::ReleaseReason;
use crate::plan::{Action, Decision, Sequence, Subject};
use crate::release::state::{Drift, ReadyRelease, ReleaseState};

/// What the parameters of Kiln's own account are about to name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Own<'m> {
    /// They move like this first, and all of them name what they should after that.
    Move(&'m [Decision]),
    /// They wait, and some of them may name what is no release yet.
    Wait,
}

impl<'a> ReleaseState<'a> {
    /// The moves in other accounts for these Regions, behind those of Kiln's own account.
    pub(super) fn in_accounts(&self, regions: &[&'a Region], own: Own<'_>, drift: Drift) -> Sequence {
        let Some(parameter) = &self.recipe.publish.parameter else { return Sequence::new() };
        let decisions = if let Own::Move(moves) = own { moves } else { &[] };
        // Then what is moved is only set back.
        if decisions.iter().any(|one| matches!(one.action, Action::Reject | Action::Retry)) {
            return Sequence::new();
        }
        let moving = moving(decisions);
        let (mut moves, mut unread, mut version) = (Vec::new(), BTreeMap::new(), None);
        for region in regions.iter().copied() {
            let accounts = self.pointers.get(region).map(|pointers| &pointers.accounts);
            let Some(accounts) = accounts.filter(|accounts| !accounts.is_empty()) else { continue };
            let moved = moving
                .get(region)
                .and_then(|image| Some(((*image).clone(), self.release_of(region, image)?.version())));
            let Some((image, of)) = moved.or_else(|| self.settled(region, own, drift)) else { continue };
            for (account, value) in accounts {
                match value {
                    Ok(value) if value.as_deref() == Some(image.as_str()) => {}
                    Ok(_) => {
                        version.get_or_insert(of);
                        moves.push(AccountMove {
                            account: account.clone(),
                            region: region.clone(),
                            parameter: parameter.clone(),
                            image: image.clone(),
                        });
                    }
                    Err(error) => {
                        unread.entry(account).or_insert(error);
                    }
                }
            }
        }
        let mut sequence: Sequence =
            unread.into_iter().map(|(account, why)| self.unread(account, why)).collect();
        sequence.extend(version.map(|version| {
            let subject = Subject { version: Some(version), ..Subject::recipe(&self.recipe.name, self.home) };
            subject.decide(Action::MoveInAccounts(moves), ReleaseReason::InAccounts(version))
        }));
        sequence
    }

    fn unread(&self, account: &str, why: &CloudError) -> Decision {
        let subject =
            Subject { resource: Some(account.to_owned()), ..Subject::recipe(&self.recipe.name, self.home) };
        let reason = ReleaseReason::AccountUnread { account: account.to_owned(), why: Box::new(why.clone()) };
        subject.decide(Action::Keep, reason)
    }

    /// What a Region names that does not move. One that only waits for others names no release yet. What an event has just
    /// told may be older than a rollback, so then only a release that is being made is followed.
    fn settled(&self, region: &Region, own: Own<'_>, drift: Drift) -> Option<(ImageId, Version)> {
        let release: &ReadyRelease<'_> = self.named(region)?;
        let is_release = match self.names_unfinished(region) {
            Some(unfinished) => matches!(own, Own::Move(_)) && self.is_complete(unfinished),
            None => true,
        };
        let is_followed = drift == Drift::Repair || !release.is_released();
        let image = release.ready.get(region)?;
        (is_release && is_followed).then(|| (image.id.clone(), release.version()))
    }
}

/// What the parameters of Regions are moved to.
fn moving(decisions: &[Decision]) -> BTreeMap<&Region, &ImageId> {
    let moves = decisions.iter().filter_map(|one| match &one.action {
        Action::MoveParameters(moves) => Some(&moves.moves),
        _ => None,
    });
    moves.flatten().map(|one| (&one.region, &one.image)).collect()
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
