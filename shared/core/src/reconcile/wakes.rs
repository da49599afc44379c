//! Which functions a sweep wakes: each for what it would change, once, and no more of them than it can do at once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Utc};

use crate::events::wake::{SWEEP_EVERY, Wake};
use crate::plan::reason::{ReconcileReason, ReleaseReason, ScriptReason};
use crate::plan::{Action, Decision, Reason, Sequence, Subject};

/// How many functions one sweep wakes. The next sweep goes on with the others.
pub const MOST_WAKES: usize = 200;

/// What a function would decide if it were woken.
#[derive(Debug, Clone)]
pub struct Due {
    /// The function, and what wakes it.
    pub wake: Wake,
    /// What it would decide.
    pub sequence: Sequence,
    /// Since when that may have been due.
    pub since: Option<DateTime<Utc>>,
}

/// One wake for each piece of work that would change something, with the reason of the first change. What stands in the
/// way of others is reported as it is.
pub(super) fn of(due: Vec<Due>, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut in_the_way: Vec<Sequence> = Vec::new();
    let mut wakes: BTreeMap<Wake, Decision> = BTreeMap::new();
    for Due { wake, sequence, since } in due {
        let change = sequence.iter().find(|one| changes(&one.action));
        let Some(change) = change else {
            let told: Sequence = sequence.into_iter().filter(|one| fails(one) || is_told(one)).collect();
            in_the_way.extend((!told.is_empty()).then_some(told));
            continue;
        };
        let decision = Decision {
            since,
            ..change.subject.clone().decide(Action::Wake(wake.clone()), change.reason.clone())
        };
        match wakes.entry(wake) {
            Entry::Vacant(entry) => {
                entry.insert(decision);
            }
            Entry::Occupied(mut entry)
                if since.is_some_and(|since| entry.get().since.is_none_or(|first| since < first)) =>
            {
                entry.insert(decision);
            }
            Entry::Occupied(_) => {}
        }
    }
    in_the_way.extend(bounded(wakes.into_values().collect(), now).into_iter().map(|one| vec![one]));
    in_the_way
}

/// At most [`MOST_WAKES`], and a word about the others. Each sweep begins where the one before ended, so that work which
/// always fails keeps no other from being done.
fn bounded(mut wakes: Vec<Decision>, now: DateTime<Utc>) -> Vec<Decision> {
    let all = wakes.len();
    if all <= MOST_WAKES {
        return wakes;
    }
    let sweep = usize::try_from(now.timestamp() / SWEEP_EVERY.num_seconds()).unwrap_or(0);
    wakes.rotate_left(sweep.wrapping_mul(MOST_WAKES) % all);
    wakes.truncate(MOST_WAKES);
    let later = wakes.last().map(|last| {
        let subject = Subject::region(&last.subject.region);
        subject.decide(Action::Keep, ReconcileReason::Later(all - MOST_WAKES))
    });
    wakes.extend(later);
    wakes
}

fn changes(action: &Action) -> bool {
    !matches!(action, Action::Keep | Action::Retry | Action::Reject)
}

/// Whether a decision that changes nothing is a failure that nobody reported yet. Each list that could not be read is
/// reported once for the whole sweep, and a verdict that is not there yet is read again anyway.
fn fails(decision: &Decision) -> bool {
    match (&decision.action, &decision.reason) {
        (Action::Retry, Reason::LookUpFailed(error)) => {
            !["DescribeImages", "DescribeInstances"].contains(&error.operation)
        }
        (Action::Retry, reason) => *reason != Reason::Script(ScriptReason::NoVerdictYet),
        (Action::Reject, _) => true,
        _ => false,
    }
}

/// Whether a decision that leaves everything as it is needs a person.
fn is_told(decision: &Decision) -> bool {
    matches!(
        decision.reason,
        Reason::Release(ReleaseReason::NamesUnknown { .. } | ReleaseReason::AccountUnread { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::model::RecipeName;
    use crate::plan::reason::BakeReason;

    fn web() -> RecipeName {
        "web".parse().unwrap()
    }

    fn due(recipe: &str, action: Action, since: Option<DateTime<Utc>>) -> Due {
        let recipe: RecipeName = recipe.parse().unwrap();
        let subject = Subject::recipe(&recipe, &region("us-east-1"));
        let sequence = vec![subject.decide(action, BakeReason::BaseReleased(web()))];
        Due { wake: Wake::Release(recipe), sequence, since }
    }

    fn change() -> Action {
        Action::Terminate("i-0123456789abcdef0".parse().unwrap())
    }

    #[test]
    fn one_function_is_woken_once_for_the_same_work_since_it_was_first_due() {
        let woken = of(
            vec![
                due("web", change(), None),
                due("web", change(), Some(day(2))),
                due("web", change(), Some(day(1))),
            ],
            day(3),
        );
        assert_eq!(woken.len(), 1);
        assert_eq!(
            (&woken[0][0].action, woken[0][0].since),
            (&Action::Wake(Wake::Release(web())), Some(day(1)))
        );
    }

    #[test]
    fn nobody_is_woken_for_what_would_change_nothing_and_what_fails_is_reported() {
        assert!(of(vec![due("web", Action::Keep, None)], day(3)).is_empty());
        let rejected = of(vec![due("web", Action::Reject, None)], day(3));
        assert_eq!(rejected[0][0].action, Action::Reject);
    }

    #[test]
    fn each_sweep_wakes_a_bounded_number_and_the_next_one_goes_on_with_the_others() {
        let all = || (0..MOST_WAKES * 3).map(|n| due(&format!("web-{n}"), change(), None)).collect();
        let mut woken = std::collections::BTreeSet::new();
        for sweep in 0..3 {
            let sequences = of(all(), day(1) + SWEEP_EVERY * sweep);
            assert_eq!(sequences.len(), MOST_WAKES + 1);
            assert_eq!(
                sequences.last().unwrap()[0].reason.to_string(),
                "400 more pieces of work are due; the next sweeps go on with them"
            );
            woken.extend(sequences.into_iter().flatten().filter_map(|one| match one.action {
                Action::Wake(wake) => Some(wake),
                _ => None,
            }));
        }
        assert_eq!(woken.len(), MOST_WAKES * 3);
    }
}
