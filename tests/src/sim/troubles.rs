//! The long troubles of a run: a Region that does not answer for hours, a right that is denied for days, and a Region of
//! best effort that never answers.

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use kiln_core::model::Region;

/// The calls of which one may be denied.
const CALLS: [&str; 6] = [
    "DescribeImages",
    "CopyImage",
    "CreateTags",
    "ModifyImageAttribute",
    "PutParameter",
    "CreateLaunchTemplateVersion",
];

/// What goes wrong in one Region, for how long.
#[derive(Debug, Clone)]
struct Trouble {
    region: Region,
    /// The one call that is denied; `None`: the Region answers no call.
    denied: Option<&'static str>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// All troubles of a run.
#[derive(Debug, Clone, Default)]
pub struct Troubles {
    all: Vec<Trouble>,
    away: Option<Region>,
}

impl Troubles {
    /// The troubles of a random run. All but a Region that is away end when the faults do.
    pub fn random(
        dice: &mut Rng,
        further: &[Region],
        away: Option<Region>,
        faulty: (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        let (start, end) = faulty;
        let mut all = Vec::new();
        let minutes = (end - start).num_minutes();
        if dice.u8(0..4) == 0 {
            let from = start + TimeDelta::minutes(dice.i64(0..minutes));
            let until = end.min(from + TimeDelta::minutes(dice.i64(60..360)));
            all.push(Trouble { region: one_of(dice, further), denied: None, from, until });
        }
        if dice.u8(0..6) == 0 {
            let denied = Some(CALLS[dice.usize(0..CALLS.len())]);
            let from = start + TimeDelta::minutes(dice.i64(0..minutes / 2));
            all.push(Trouble { region: one_of(dice, further), denied, from, until: end });
        }
        Self { all, away }
    }

    /// The Region of best effort that never answers.
    pub fn away(&self) -> Option<&Region> {
        self.away.as_ref()
    }

    /// The error code with which a call fails at that time.
    pub fn error(&self, operation: &str, region: &Region, now: DateTime<Utc>) -> Option<&'static str> {
        let meets = |one: &&Trouble| {
            one.region == *region
                && (one.from..one.until).contains(&now)
                && one.denied.is_none_or(|denied| denied == operation)
        };
        if self.away.as_ref() == Some(region) {
            return Some("ServiceUnavailable");
        }
        let trouble = self.all.iter().find(meets)?;
        Some(if trouble.denied.is_some() { "UnauthorizedOperation" } else { "ServiceUnavailable" })
    }
}

fn one_of(dice: &mut Rng, regions: &[Region]) -> Region {
    regions[dice.usize(0..regions.len())].clone()
}
