//! How likely each fault is, and who is at work beside Kiln.

use chrono::TimeDelta;
use fastrand::Rng;

/// The probabilities of one run, each from 0 to 1; for a call, for an event, or for a thing that is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// An event is never delivered.
    pub lost: f64,
    /// An event is delivered twice.
    pub doubled: f64,
    /// An event comes minutes late.
    pub late: f64,
    /// A call is throttled until the SDK gives up.
    pub throttled: f64,
    /// A call fails before its effect.
    pub fails_before: f64,
    /// A call takes effect and then reports a failure.
    pub fails_after: f64,
    /// A function dies before, or after, one of its calls.
    pub killed: f64,
    /// A read sees the cloud as it was some seconds ago.
    pub stale: f64,
    /// The making of an image fails.
    pub image_fails: f64,
    /// A copy fails late.
    pub copy_fails: f64,
    /// A snapshot stays when its image is deregistered.
    pub snapshot_stays: f64,
    /// A zone has no room for an instance.
    pub no_room: f64,
    /// A script fails, hangs, or ends without a verdict.
    pub script_ends_badly: f64,
    /// A person does something, every quarter of an hour.
    pub person: f64,
    /// Calls take time.
    pub slow: bool,
}

/// How far a stale read lags behind at most.
pub const MOST_LAG: TimeDelta = TimeDelta::seconds(8);
/// How far a function's clock is off at most.
pub const MOST_SKEW: TimeDelta = TimeDelta::seconds(2);

impl Faults {
    /// No faults; the world goes its way at its own pace.
    pub fn calm() -> Self {
        Self { slow: true, ..Self::default() }
    }

    /// No faults, and calls take no time at all: for looking whether anything is still to be done.
    pub fn still() -> Self {
        Self::default()
    }

    /// The odds of a run: some faults are absent, some rare, some so frequent that little goes well.
    pub fn any(dice: &mut Rng) -> Self {
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
            person: up_to(0.3),
            slow: true,
        }
    }
}
