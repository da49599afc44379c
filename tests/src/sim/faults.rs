//! How likely each fault of a run is.

use chrono::TimeDelta;
use fastrand::Rng;

/// The probabilities of one run, from 0 to 1. Each applies to one call, one event or one new resource.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// An event is never delivered.
    pub lost: f64,
    /// An event is delivered twice.
    pub doubled: f64,
    /// An event is delivered up to 30 minutes late.
    pub late: f64,
    /// A call is throttled until the SDK gives up.
    pub throttled: f64,
    /// A call fails before its effect.
    pub fails_before: f64,
    /// A call takes effect and then reports a failure.
    pub fails_after: f64,
    /// A function is killed before or after one of its calls.
    pub killed: f64,
    /// A read returns the state of some seconds ago.
    pub stale: f64,
    /// CreateImage is accepted, and the image fails later.
    pub image_fails: f64,
    /// CopyImage is accepted, and the replica fails later.
    pub copy_fails: f64,
    /// DeregisterImage does not delete one of the snapshots.
    pub snapshot_stays: f64,
    /// RunInstances answers that the zone has no capacity.
    pub no_room: f64,
    /// A script fails, hangs, or ends without a verdict.
    pub script_ends_badly: f64,
    /// A person changes something in the account, every quarter of an hour.
    pub operator: f64,
    /// Calls take time.
    pub slow: bool,
}

/// The greatest age of a stale read.
pub const MOST_LAG: TimeDelta = TimeDelta::seconds(8);
/// The greatest error of a function's clock.
pub const MOST_SKEW: TimeDelta = TimeDelta::seconds(2);

impl Faults {
    /// No faults; calls and AWS take time as usual.
    pub fn calm() -> Self {
        Self { slow: true, ..Self::default() }
    }

    /// No faults, and calls take no time: for the checks at the end, whether anything is left to do.
    pub fn none() -> Self {
        Self::default()
    }

    /// The faults of a random run: some never happen, some are rare, some so frequent that little succeeds.
    pub fn random(dice: &mut Rng) -> Self {
        let mut up_to = |most: f64| match dice.u8(0..4) {
            0 | 1 => 0.0,
            2 => most * 0.1,
            _ => most * dice.f64(),
        };
        Self {
            lost: up_to(0.7),
            doubled: up_to(0.5),
            late: up_to(0.4),
            throttled: up_to(0.08),
            fails_before: up_to(0.08),
            fails_after: up_to(0.08),
            killed: up_to(0.05),
            stale: up_to(0.5),
            image_fails: up_to(0.2),
            copy_fails: up_to(0.5),
            snapshot_stays: up_to(0.3),
            no_room: up_to(0.3),
            script_ends_badly: up_to(0.4),
            operator: up_to(0.3),
            slow: true,
        }
    }
}
