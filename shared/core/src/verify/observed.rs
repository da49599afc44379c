//! What is observed of one image and its testers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::inventory::{CloudError, Image, Instance};
use crate::model::contents::Listing;
use crate::model::{ImageRecord, InstanceId, ScriptOutcome};
use crate::recipe::FoundNetwork;

/// What was observed of one image and its testers.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The image or replica under test.
    pub image: Image,
    /// Its record.
    pub record: ImageRecord,
    /// Its testers, in any state.
    pub testers: Vec<Instance>,
    /// The consoles of the testers for which [`super::wants_console`] is true.
    pub consoles: BTreeMap<InstanceId, Result<Console, CloudError>>,
    /// Where a tester can be launched; read only if [`super::wants_network`] is true.
    pub network: Result<FoundNetwork, CloudError>,
    /// Its builder, if that is still there; read only if [`super::wants_releases`] is true.
    pub builder: Option<InstanceId>,
    /// The home images of the recipe; read only if [`super::wants_releases`] is true.
    pub releases: Vec<Image>,
    /// When somebody asked for this test, if somebody did: then another tester is launched, whatever was launched before.
    pub asked: Option<DateTime<Utc>>,
}

/// What a tester's console shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// How the tester's script ended.
    pub verdict: ScriptOutcome,
    /// Its last lines.
    pub tail: String,
    /// What is in the image; `None` if the tester did not list it.
    pub listing: Option<Listing>,
}
