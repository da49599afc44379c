//! The simulation: Kiln's own observe → decide → act code over an in-memory cloud, in virtual time, with every fault
//! that AWS documents.
//!
//! One seed is one run. `make simulate SEED=…` replays it with what happened.
//!
//! | module | is |
//! |---|---|
//! | [`clock`] | virtual time |
//! | [`history`] | a resource with its past states, for stale reads |
//! | [`account`], [`ec2`] | what the account and each Region hold, and how a call changes it |
//! | [`world`] | the account, clock and random numbers of one run; what instances and images do by themselves |
//! | [`faults`] | how likely each fault is |
//! | [`cloud`], [`instances`] | the ports of images, snapshots, parameters and instances, over the account |
//! | [`publishing`] | the ports of sharing and account settings, over the account |
//! | [`templates`] | launch templates, and their port |
//! | [`tagging`] | what is written onto images: tags and descriptions |
//! | [`bus`] | the ports that send events and wake functions |
//! | [`lambda`] | delivery of events, retries, dead letters, killed functions |
//! | [`troubles`] | Regions that are away for hours or for ever, rights that are denied for days |
//! | [`operators`] | people who change things in the account while Kiln runs |
//! | [`further_operators`] | more of such people |
//! | [`bugs`], [`bugs_in_names`], [`bad_answers`] | planted bugs |
//! | [`invariants`] | the promises that hold at every moment |
//! | `members` | which images make up a release |
//! | [`contents`] | what is in images, and the promise that nothing new is thrown away |
//! | [`releases`] | the promises on parameters, permissions and tests |
//! | [`together`] | the promise that Regions that go together name one release |
//! | [`recalls`] | people who recall releases, and the promises on it |
//! | [`rollbacks`] | the promises on rollbacks |
//! | [`promised_templates`] | the promises on launch templates that follow releases |
//! | [`regions_leave`] | Regions that leave a recipe and come to it |
//! | [`conflicts_come`] | two recipes that name one parameter for a while |
//! | [`removal`] | the promise that no image goes that is used, held or kept |
//! | [`account_parameters`] | parameters in other accounts, and the promises on them |
//! | `watermarks` | watermarks of images |
//! | [`permissions`] | the promises on who may launch images and copy their snapshots |
//! | [`excuses`] | why a promise is not asked for something, counted |
//! | `catalogued` | what is promised of the catalogue |
//! | [`final_state`] | the promises that hold at the end of a run |
//! | [`beginning`] | how a run begins |
//! | [`run`] | one run from a seed |
//! | [`contract_adapter`] | runs the contract with AWS against the in-memory cloud |

pub mod account;
pub mod account_parameters;
pub mod bad_answers;
pub mod beginning;
pub mod bugs;
pub mod bugs_in_names;
pub mod bus;
mod catalogued;
pub mod channels;
pub mod clock;
pub mod cloud;
pub mod conflicts_come;
pub mod contents;
pub mod contract_adapter;
pub mod ec2;
pub mod excuses;
pub mod faults;
pub mod final_state;
pub mod further_operators;
pub mod history;
pub mod instances;
pub mod invariants;
pub mod lambda;
mod members;
pub mod operators;
pub mod other_accounts;
pub mod permissions;
pub mod promised_templates;
pub mod publishing;
pub mod recalls;
pub mod regions_leave;
pub mod releases;
pub mod removal;
pub mod rollbacks;
pub mod run;
pub mod tagging;
pub mod templates;
pub mod together;
pub mod troubles;
pub mod usage;
mod waiting;
mod watermarks;
pub mod world;

pub use bugs::Bug;
pub use run::{Options, Outcome, run};
