//! What a read sees that lags behind: the simulation's reads stand on it.

use chrono::{DateTime, TimeDelta};
use kiln_tests::sim::history::History;

#[test]
fn a_read_that_lags_sees_what_was() {
    let start = DateTime::UNIX_EPOCH;
    let after = |seconds| start + TimeDelta::seconds(seconds);
    let mut history = History::new(start, 1);
    history.change(after(10), |value| *value = 2);
    history.remove(after(20));
    assert_eq!(history.at(after(-1)), None);
    assert_eq!(
        (history.at(after(9)), history.at(after(10)), history.at(after(20))),
        (Some(&1), Some(&2), None)
    );
    assert_eq!(history.now(), None);
}
