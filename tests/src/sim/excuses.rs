//! Why a promise is not asked for something. Each use is counted: an excuse that is used too often would hide mistakes.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// Why a promise is not asked for an image or a bake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excuse {
    /// Somebody held the image after Kiln had looked.
    HeldJustBefore,
    /// Somebody launched the image after Kiln had looked.
    LaunchedJustBefore,
    /// A launch template came to name the image after Kiln had looked.
    NamedJustBefore,
    /// A parameter came to name the image after Kiln had looked.
    ParameterJustBefore,
    /// The use of the image by another account began too late for the report.
    OtherAccountJustBefore,
    /// Somebody changed the builder or the home image of the bake.
    BakeChanged,
    /// Somebody changed a replica of the bake.
    ReplicaChanged,
    /// Two invocations at once launched a builder each, in two zones; one failed, and the other became the image.
    TwoBuilders,
    /// A replica was shared as its recipe says; before its tags could say so, its release was disabled.
    SharedThenRetired,
    /// Nothing could be named in place of what somebody took.
    NothingToName,
    /// Somebody wrote tags onto what is named, which can be launched all the same.
    NamedIsRetagged,
    /// Somebody changed the Regions of a recipe after Kiln had read it.
    RegionsJustChanged,
    /// An older release is not copied to a Region that came to its recipe later.
    CameTooLate,
    /// In a Region that left its recipe, an image stays shared as it was then.
    SharedBeforeItLeft,
    /// The event of a tester was lost, and then no recipe named its Region any more, so that no sweep looks there.
    TesterInALeftRegion,
    /// Two recipes named one parameter, so that no sweep set right what had moved half.
    RefusedMeanwhile,
    /// Two invocations at once wrote into a launch template, and the later one had not seen what the other wrote.
    TwoVersionsAtOnce,
    /// Too much of the recipe would have gone at once, so nothing went, and a person was told.
    ExpiryBlocked,
    /// Two invocations at once: one launched the builder, and the other refused the bake.
    RefusedByOneOfTwo,
    /// Somebody took both home images that knew of a rollback: the one it went back to, and the one it came from.
    RollbackForgotten,
}

impl Excuse {
    /// Every excuse.
    pub const ALL: [Self; 20] = [
        Self::HeldJustBefore,
        Self::LaunchedJustBefore,
        Self::NamedJustBefore,
        Self::ParameterJustBefore,
        Self::OtherAccountJustBefore,
        Self::BakeChanged,
        Self::ReplicaChanged,
        Self::TwoBuilders,
        Self::SharedThenRetired,
        Self::NothingToName,
        Self::NamedIsRetagged,
        Self::RegionsJustChanged,
        Self::CameTooLate,
        Self::SharedBeforeItLeft,
        Self::TesterInALeftRegion,
        Self::RefusedMeanwhile,
        Self::TwoVersionsAtOnce,
        Self::ExpiryBlocked,
        Self::RefusedByOneOfTwo,
        Self::RollbackForgotten,
    ];

    /// How often it may be used in 10,000 pipelines.
    fn most(self) -> u64 {
        match self {
            Self::HeldJustBefore | Self::ParameterJustBefore | Self::SharedThenRetired => 10,
            Self::TesterInALeftRegion | Self::RefusedMeanwhile | Self::RefusedByOneOfTwo => 10,
            Self::RollbackForgotten => 10,
            Self::LaunchedJustBefore | Self::NamedJustBefore | Self::TwoBuilders => 20,
            Self::TwoVersionsAtOnce | Self::ExpiryBlocked => 20,
            Self::OtherAccountJustBefore | Self::NamedIsRetagged | Self::SharedBeforeItLeft => 50,
            Self::RegionsJustChanged => 10,
            Self::NothingToName | Self::CameTooLate => 300,
            Self::BakeChanged | Self::ReplicaChanged => 1_000,
        }
    }
}

/// How often each excuse was used.
#[derive(Debug, Clone, Default)]
pub struct Excuses(RefCell<BTreeMap<Excuse, u64>>);

impl Excuses {
    /// Counts one use.
    pub fn count(&self, excuse: Excuse) {
        *self.0.borrow_mut().entry(excuse).or_default() += 1;
    }

    /// Adds those of another run.
    pub fn add(&self, other: &Self) {
        for (excuse, times) in other.0.borrow().iter() {
            *self.0.borrow_mut().entry(*excuse).or_default() += times;
        }
    }

    /// Each with how often it was used.
    pub fn all(&self) -> impl Iterator<Item = (Excuse, u64)> {
        let counted = self.0.borrow().clone();
        Excuse::ALL.into_iter().map(move |excuse| (excuse, counted.get(&excuse).copied().unwrap_or_default()))
    }

    /// Those that were used too often in so many pipelines.
    pub fn too_often(&self, pipelines: u64) -> Vec<(Excuse, u64)> {
        self.all().filter(|(excuse, times)| *times > excuse.most() * pipelines / 10_000 + 3).collect()
    }
}
