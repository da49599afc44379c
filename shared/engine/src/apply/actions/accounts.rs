//! Points parameters of other accounts at a release.

use std::collections::BTreeSet;

use kiln_core::plan::action::AccountMove;

use crate::apply::effect::Effect;
use crate::bounded::{CALLS, bounded};
use crate::ports::Cloud;

/// Moves the parameters of other accounts, all at the same time. What fails in one holds up no other, and nothing that
/// follows: it is told, and the next sweep tries again.
pub(crate) async fn move_in_accounts<C: Cloud>(cloud: &C, moves: &[AccountMove]) -> Effect {
    let puts = moves.iter().map(async |one| {
        let put = cloud.put_image_in(&one.account, &one.region, &one.parameter, &one.image).await;
        put.err().map(|error| format!("in account {}: {error}", one.account))
    });
    // A role that is missing fails in each Region with the same words.
    let failed: BTreeSet<String> = bounded(CALLS, puts).await.into_iter().flatten().collect();
    match failed.is_empty() {
        true => Effect::default(),
        false => Effect::forgone(failed.into_iter().collect::<Vec<_>>().join("; ")),
    }
}
