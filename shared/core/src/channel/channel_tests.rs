use chrono::TimeDelta;

use super::rollback::{Back, roll_back};
use super::*;
use crate::fixtures::*;
use crate::inventory::Grantee;
use crate::plan::Decision;

/// Two channels: `stage` follows after a day, `prod` once somebody approves.
fn channelled() -> Recipe {
    let channel = |name: &str, follows: Option<&str>, gate| Channel {
        name: name.into(),
        parameter: format!("/golden/web/{name}"),
        share: crate::recipe::Share { accounts: vec!["111122223333".into()], ..Default::default() },
        follows: follows.map(str::to_owned),
        gate,
    };
    let stage = channel("stage", None, Gate::After(TimeDelta::days(1)));
    Recipe { channels: vec![stage, channel("prod", Some("stage"), Gate::Approval)], ..with_parameter() }
}

/// What a recipe has and its channels name; decisions change it as they would change AWS.
pub(super) struct Account {
    pub(super) recipe: Recipe,
    pub(super) images: BTreeMap<Region, Result<Vec<Image>>>,
    pointers: ChannelPointers,
}

impl Account {
    pub(super) fn with(releases: impl IntoIterator<Item = i64>) -> Self {
        let recipe = channelled();
        let mut images: BTreeMap<Region, Result<Vec<Image>>> =
            REGIONS.map(|code| (region(code), Ok(vec![]))).into();
        for n in releases {
            for code in REGIONS {
                let released =
                    image("web", n).released().at(code).tagged(tags::RELEASED_AT, &day(n).to_rfc3339());
                images.get_mut(&region(code)).unwrap().as_mut().unwrap().push(released.build());
            }
        }
        let empty = || Pointers { parameter: Some(Ok(None)), ..Pointers::default() };
        let everywhere: BTreeMap<Region, Pointers> = REGIONS.map(|code| (region(code), empty())).into();
        let pointers = recipe.channels.iter().map(|one| (one.name.clone(), everywhere.clone())).collect();
        Self { recipe, images, pointers }
    }

    fn observed<'a>(
        &'a self,
        home: &'a Region,
        permissions: &'a BTreeMap<(Region, ImageId), Result<Permissions>>,
        now: DateTime<Utc>,
    ) -> Observed<'a> {
        let Self { recipe, images, pointers } = self;
        Observed { recipe, home, images, pointers, permissions, now }
    }

    /// Decides, and carries out at most `most` decisions of each sequence. Gives the words of all decided.
    pub(super) fn act(
        &mut self,
        now: DateTime<Utc>,
        approved: Option<&Approval>,
        most: usize,
    ) -> Vec<&'static str> {
        let (home, none) = (region(REGIONS[0]), BTreeMap::new());
        let observed = self.observed(&home, &none, now);
        let wanted = wants_permissions(&observed, approved);
        let permissions =
            wanted.iter().map(|image| ((image.region.clone(), image.id.clone()), Ok(Permissions::default())));
        let permissions = permissions.collect();
        let sequences = decide(&self.observed(&home, &permissions, now), Drift::Repair, approved);
        for decision in sequences.iter().flat_map(|sequence| sequence.iter().take(most)) {
            self.carry_out(decision);
        }
        sequences.concat().iter().map(|decision| decision.action.word()).collect()
    }

    fn carry_out(&mut self, decision: &Decision) {
        match &decision.action {
            Action::Tag(id, new) => {
                let all = self.images.values_mut().filter_map(|found| found.as_mut().ok()).flatten();
                for image in all.filter(|image| image.id == *id) {
                    image.tags = std::mem::take(&mut image.tags).and(new);
                }
            }
            Action::MoveParameters(moves) => {
                for one in &moves.moves {
                    let channel =
                        self.recipe.channels.iter().find(|it| it.parameter == one.parameter).unwrap();
                    let at = self.pointers.get_mut(&channel.name).unwrap().get_mut(&one.region).unwrap();
                    at.parameter = Some(Ok(Some(one.image.to_string())));
                }
            }
            _ => {}
        }
    }

    pub(super) fn day(&mut self, n: i64) -> Vec<&'static str> {
        self.act(day(n), None, usize::MAX)
    }

    pub(super) fn approve(&mut self, n: i64, version: Option<i64>) -> Vec<&'static str> {
        self.approve_in("prod", n, version)
    }

    pub(super) fn approve_in(&mut self, channel: &str, n: i64, version: Option<i64>) -> Vec<&'static str> {
        let version = version.map(|n| name("web", n).version);
        self.act(day(n), Some(&Approval { channel: channel.into(), version }), usize::MAX)
    }

    /// Rolls a channel back, and carries out at most `most` decisions. Gives the words of all decided.
    pub(super) fn roll_back(&mut self, n: i64, back: &Back, most: usize) -> Vec<&'static str> {
        let (home, none) = (region(REGIONS[0]), BTreeMap::new());
        let sequence = roll_back(&self.observed(&home, &none, day(n)), back);
        for decision in sequence.iter().take(most) {
            self.carry_out(decision);
        }
        sequence.iter().map(|decision| decision.action.word()).collect()
    }

    pub(super) fn why_not_back(&self, back: &Back) -> String {
        let (home, none) = (region(REGIONS[0]), BTreeMap::new());
        roll_back(&self.observed(&home, &none, day(30)), back)[0].reason.to_string()
    }

    /// Gives each image the tags of the same release in another account.
    pub(super) fn keep_tags_of(&mut self, other: &Self) {
        for (code, found) in &other.images {
            for one in found.as_ref().unwrap() {
                let own = self.images.get_mut(code).unwrap().as_mut().unwrap();
                own.iter_mut()
                    .filter(|image| image.id == one.id)
                    .for_each(|image| image.tags = one.tags.clone());
            }
        }
    }

    pub(super) fn take_away(&mut self, n: i64, code: &str) {
        let version = name("web", n).version.to_string();
        let found = self.images.get_mut(&region(code)).unwrap().as_mut().unwrap();
        found.retain(|image| image.tags.get(tags::VERSION) != Some(&version));
    }

    pub(super) fn checked(&self, channel: &str, version: Option<i64>) -> std::result::Result<(), String> {
        let (home, none) = (region(REGIONS[0]), BTreeMap::new());
        let version = version.map(|n| name("web", n).version);
        let approved = Approval { channel: channel.into(), version };
        check(&self.observed(&home, &none, day(30)), &approved).map_err(|no| no[0].reason.to_string())
    }

    /// The day of the release that a channel names in each Region; 0 for none.
    pub(super) fn names(&self, channel: &str) -> [i64; 3] {
        REGIONS.map(|code| {
            let named = self.pointers[channel][&region(code)].parameter.clone().unwrap().unwrap();
            (1..40).find(|n| Some(id_of(code, *n).to_string()) == named).unwrap_or(0)
        })
    }

    pub(super) fn change(&mut self, n: i64, change: impl Fn(Image) -> Image) {
        let version = name("web", n).version.to_string();
        for image in self.images.values_mut().filter_map(|found| found.as_mut().ok()).flatten() {
            if image.tags.get(tags::VERSION) == Some(&version) {
                *image = change(image.clone());
            }
        }
    }
}

#[test]
fn a_release_comes_to_a_channel_once_its_time_is_over_and_to_the_next_when_somebody_approves() {
    let mut account = Account::with([8]);
    assert!(account.act(day(8) + TimeDelta::hours(23), None, usize::MAX).is_empty());
    let words = account.day(9);
    assert_eq!(words[..3], ["tag"; 3], "the home image last");
    assert!(words.contains(&"move-parameters") && words.contains(&"emit"));
    assert_eq!((account.names("stage"), account.names("prod")), ([8; 3], [0; 3]));
    assert!(account.day(29).is_empty(), "nobody approved it");
    assert_eq!(account.checked("prod", None), Ok(()));
    account.approve(29, None);
    assert_eq!(account.names("prod"), [8; 3]);
    assert!(account.day(30).is_empty() && account.approve(30, None).is_empty());
}

#[test]
fn those_whom_a_channel_shares_with_may_launch_an_image_before_a_parameter_names_it() {
    let mut account = Account::with([8]);
    let words = account.day(9);
    let first = |word: &str| words.iter().position(|one| *one == word).unwrap();
    assert!(first("share") < first("move-parameters"), "{words:?}");
    assert_eq!(words.iter().filter(|word| **word == "share").count(), 3);
}

#[test]
fn what_was_recalled_before_it_was_told_is_not_told() {
    let mut account = Account::with([8]);
    account.act(day(9), None, 4);
    account.change(8, |image| image.anchored(image.anchor().ended(crate::model::AnchoredEnd::Recalled)));
    assert!(!account.day(10).contains(&"emit"));
}

#[test]
fn no_parameter_moves_before_the_marks_in_a_region_of_best_effort_either() {
    let mut account = Account::with([8]);
    account.recipe.replicate.best_effort = vec![region(REGIONS[2])];
    let (home, none) = (region(REGIONS[0]), BTreeMap::new());
    let sequences = decide(&account.observed(&home, &none, day(9)), Drift::Repair, None);
    let words: Vec<Vec<_>> =
        sequences.iter().map(|one| one.iter().map(|one| one.action.word()).collect()).collect();
    assert_eq!(words.concat().iter().filter(|word| **word == "move-parameters").count(), 2, "{words:?}");
    for sequence in words.iter().filter(|sequence| sequence.contains(&"move-parameters")) {
        assert_eq!(sequence[..3], ["tag"; 3], "{words:?}");
    }
    account.day(9);
    assert_eq!(account.names("stage"), [8; 3]);
}

#[test]
fn what_comes_to_a_channel_by_this_very_call_is_not_approved_for_the_next() {
    let mut account = Account::with([7]);
    account.day(8);
    let stage_alone = account.images.clone();
    account = Account::with([7, 9]);
    for (code, found) in stage_alone {
        let tags = found.unwrap()[0].tags.clone();
        account.images.get_mut(&code).unwrap().as_mut().unwrap()[0].tags = tags;
    }
    account.approve(10, None);
    assert_eq!((account.names("stage"), account.names("prod")), ([9; 3], [7; 3]));
    account.approve(11, None);
    assert_eq!(account.names("prod"), [9; 3]);
}

#[test]
fn a_release_comes_to_one_channel_after_the_other_and_no_mark_is_written_over() {
    let mut account = Account::with([8]);
    account.recipe.channels[1].gate = Gate::After(TimeDelta::zero());
    account.day(9);
    assert_eq!((account.names("stage"), account.names("prod")), ([8; 3], [0; 3]));
    account.day(9);
    assert_eq!(account.names("prod"), [8; 3]);
    assert!(account.day(9).is_empty());
    // The note that it came to stage was lost.
    let mut account = Account::with([8]);
    account.act(day(9), None, 4);
    let (home, none) = (region(REGIONS[0]), BTreeMap::new());
    let approval = Approval { channel: "prod".into(), version: None };
    let sequences = decide(&account.observed(&home, &none, day(9)), Drift::Repair, Some(&approval));
    let marks = |sequence: &&Sequence| sequence.iter().any(|one| one.action.word() == "tag");
    assert_eq!(sequences.iter().filter(marks).count(), 1, "{sequences:?}");
    account.approve(9, None);
    assert!(account.day(10).is_empty());
    assert_eq!((account.names("stage"), account.names("prod")), ([8; 3], [8; 3]));
}

#[test]
fn an_image_is_shared_with_those_of_the_channels_that_it_has_come_to() {
    let recipe = channelled();
    let converged = |image: &Image| {
        let (record, none) = (image.record().unwrap(), Ok(Permissions::default()));
        let sequence = sharing::converge(&recipe, image, &record, &none, day(9)).unwrap_or_default();
        let shared = sequence.iter().find_map(|one| match &one.action {
            Action::Share(_, change) => Some(change.add.clone()),
            _ => None,
        });
        shared.unwrap_or_default()
    };
    let at = |channels: &str| image("web", 8).released().tagged(tags::CHANNELS, channels).build();
    let friend = Grantee::Account("111122223333".into());
    assert!(converged(&image("web", 8).released().build()).is_empty());
    assert_eq!(converged(&at("stage=20260110T020000Z")), [friend].into());
    assert!(converged(&at("other=20260110T020000Z")).is_empty(), "a channel that the recipe no longer has");
}

#[test]
fn what_died_at_any_point_is_finished_by_the_next_call() {
    for most in 0..12 {
        let mut account = Account::with([8]);
        account.act(day(9), None, most);
        for _ in 0..3 {
            account.act(day(9) + TimeDelta::minutes(15), None, usize::MAX);
        }
        assert_eq!(account.names("stage"), [8; 3], "after {most}");
        assert!(account.day(10).is_empty(), "after {most}: {:?}", account.day(10));
    }
}

#[test]
fn nothing_comes_to_a_channel_behind_a_newer_release_or_past_the_channel_before() {
    let mut account = Account::with([7, 8]);
    account.day(9);
    assert_eq!(account.names("stage"), [8; 3], "the newest alone");
    assert!(account.checked("prod", Some(7)).unwrap_err().contains("cannot come to channel prod"));
    account.approve(9, Some(7));
    assert_eq!(account.names("prod"), [0; 3]);
    account.approve(9, Some(8));
    assert_eq!(account.names("prod"), [8; 3]);
    assert!(account.checked("prod", Some(8)).unwrap_err().contains("came to channel prod"));
    assert!(account.checked("prod", None).unwrap_err().contains("no release waits"));
    assert!(account.checked("test", None).unwrap_err().contains("it has stage, prod"));
}

#[test]
fn a_rollback_takes_every_channel_from_what_was_rolled_back_from() {
    let mut account = Account::with([7]);
    account.day(8);
    account.approve(8, None);
    account.images.values_mut().for_each(|found| {
        let of_day_9 = |code: &Region| {
            let released = image("web", 9).released().at(code.as_str());
            released.tagged(tags::RELEASED_AT, &day(9).to_rfc3339()).build()
        };
        let first = found.as_ref().unwrap()[0].region.clone();
        found.as_mut().unwrap().push(of_day_9(&first));
    });
    account.day(10);
    account.approve(10, None);
    assert_eq!((account.names("stage"), account.names("prod")), ([9; 3], [9; 3]));
    account.change(9, |image| {
        let left = image.anchor().rolled_back_from(day(11));
        if image.region.as_str() == REGIONS[0] { image.anchored(left) } else { image }
    });
    account.day(11);
    assert_eq!((account.names("stage"), account.names("prod")), ([7; 3], [7; 3]));
    assert!(account.day(12).is_empty());
}

#[test]
fn what_is_recalled_is_named_by_no_channel() {
    let mut account = Account::with([7]);
    account.day(8);
    let mut both = Account::with([7, 9]);
    both.images.get_mut(&region(REGIONS[0])).unwrap().as_mut().unwrap()[0].tags =
        account.images[&region(REGIONS[0])].as_ref().unwrap()[0].tags.clone();
    both.day(10);
    assert_eq!(both.names("stage"), [9; 3]);
    both.change(9, |image| image.anchored(image.anchor().ended(crate::model::AnchoredEnd::Recalled)));
    both.day(11);
    assert_eq!(both.names("stage"), [7; 3]);
    assert!(both.checked("prod", Some(9)).is_err());
}

#[test]
fn what_a_recall_lets_a_channel_name_can_be_told_before_it_is_done() {
    let mut account = Account::with([7]);
    account.day(8);
    let before = std::mem::replace(&mut account, Account::with([7, 9]));
    for code in REGIONS {
        let tags = before.images[&region(code)].as_ref().unwrap()[0].tags.clone();
        account.images.get_mut(&region(code)).unwrap().as_mut().unwrap()[0].tags = tags;
    }
    account.day(10);
    assert_eq!(account.names("stage"), [9; 3]);
    let recall = |image: &Image| {
        let anchor = Action::anchor(image, image.anchor().ended(crate::model::AnchoredEnd::Recalled));
        Subject::image(image).decide(anchor, ChannelReason::NothingWaits("stage".into()))
    };
    let of_day_9 = |image: &&Image| image.tags.get(tags::VERSION) == Some("20260110T020000Z");
    let all = account.images.values().filter_map(|found| found.as_ref().ok()).flatten();
    let decided = vec![all.filter(of_day_9).map(recall).collect::<Sequence>()];
    let after = crate::plan::anchored::after(&account.images, &decided);
    assert_eq!(decided[0].len(), 3);
    assert!(account.day(11).is_empty(), "nothing is done yet");
    account.images = after;
    account.day(11);
    assert_eq!(account.names("stage"), [7; 3]);
}

#[test]
fn a_parameter_that_somebody_moved_past_its_gate_is_set_back() {
    let mut account = Account::with([7]);
    account.day(8);
    let mut later = Account::with([7, 9]);
    for code in REGIONS {
        let before = account.images[&region(code)].as_ref().unwrap()[0].tags.clone();
        later.images.get_mut(&region(code)).unwrap().as_mut().unwrap()[0].tags = before;
        let forged = Some(Ok(Some(id_of(code, 9).to_string())));
        later.pointers.get_mut("stage").unwrap().get_mut(&region(code)).unwrap().parameter = forged;
    }
    later.act(day(9) + TimeDelta::hours(1), None, usize::MAX);
    assert_eq!(later.names("stage"), [7; 3]);
}

#[test]
fn right_after_a_parameter_was_written_only_what_has_just_come_is_moved_to() {
    let mut account = Account::with([8]);
    let (home, none) = (region(REGIONS[0]), BTreeMap::new());
    let moves = |account: &Account| {
        let sequences = decide(&account.observed(&home, &none, day(9)), Drift::Ignore, None).concat();
        sequences.iter().any(|one| matches!(one.action, Action::MoveParameters(_)))
    };
    assert!(moves(&account));
    account.day(9);
    let of_stage = account.pointers.get_mut("stage").unwrap();
    of_stage.get_mut(&home).unwrap().parameter = Some(Ok(Some("ami-0123456789abcdef0".into())));
    assert!(!moves(&account), "a rollback may have written it, of which EC2 shows nothing yet");
}

#[test]
fn a_replica_that_came_later_gets_the_mark_of_its_release() {
    let mut account = Account::with([8]);
    let replica = account.images.get_mut(&region(REGIONS[1])).unwrap().as_mut().unwrap().remove(0);
    account.recipe.replicate.best_effort = vec![region(REGIONS[1])];
    account.day(9);
    assert_eq!(account.names("stage"), [8, 0, 8]);
    account.images.get_mut(&region(REGIONS[1])).unwrap().as_mut().unwrap().push(replica);
    account.day(10);
    account.day(10);
    assert_eq!(account.names("stage"), [8; 3]);
    assert!(account.day(11).is_empty());
}

#[test]
fn a_replica_in_a_region_that_left_the_recipe_is_left_alone() {
    let mut account = Account::with([8]);
    account.recipe.replicate.regions.retain(|region| region.as_str() != REGIONS[2]);
    account.day(9);
    assert_eq!(account.names("stage"), [8, 8, 0]);
    let away = account.images[&region(REGIONS[2])].as_ref().unwrap();
    assert!(!away[0].tags.has(tags::CHANNELS));
    assert!(account.day(10).is_empty());
}

#[test]
fn what_a_channel_names_is_told_for_expiry() {
    let mut account = Account::with([8]);
    account.day(9);
    let all = account.images[&region(REGIONS[0])].as_ref().unwrap();
    let members = all.iter().map(|image| (image, image.record().unwrap()));
    assert_eq!(named(&account.recipe, members), [("stage".to_owned(), name("web", 8).version)].into());
    let prod = account.recipe.channel("prod").unwrap();
    let waits = waiting(&account.recipe, prod, &region(REGIONS[0]), all).unwrap();
    assert_eq!(waits, (name("web", 8).version, day(9)));
}
