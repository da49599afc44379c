//! Answers as text. Pure: the same answer always gives the same lines, none of them longer than [`WIDTH`].

pub mod decisions;
pub mod explain;
pub mod failures;
pub mod moves;
pub mod plan;
pub mod status;
mod table;
mod time;

pub use table::{WIDTH, columns, rows_below, table, wrapped};
pub use time::{ago, moment, version_moment};
