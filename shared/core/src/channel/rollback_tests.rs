use super::*;
use crate::channel::Approval;
use crate::channel::tests::Account;
use crate::fixtures::*;
use crate::inventory::{CloudError, Image};

fn version(n: i64) -> Version {
    name("web", n).version
}

/// Two releases that came to both channels; 9 is named by both.
fn both_in_both() -> Account {
    let mut account = Account::with([7, 9]);
    for n in [7, 9] {
        account.approve_in("stage", n + 1, Some(n));
        account.approve_in("prod", n + 2, Some(n));
    }
    account.day(12);
    assert_eq!((account.names("stage"), account.names("prod")), ([9; 3], [9; 3]));
    account
}

fn back(channel: &str, to: Option<i64>) -> Back {
    Back { channel: channel.into(), to: to.map(version) }
}

#[test]
fn one_channel_goes_back_in_every_region_and_the_others_stay() {
    let mut account = both_in_both();
    let words = account.roll_back(13, &back("prod", None), usize::MAX);
    assert_eq!(words[..3], ["tag"; 3], "the marks come before the moves: {words:?}");
    assert_eq!(words.last(), Some(&"emit"));
    assert_eq!((account.names("stage"), account.names("prod")), ([9; 3], [7; 3]));
    for n in 14..30 {
        assert!(account.day(n).is_empty(), "it holds");
    }
}

#[test]
fn what_a_channel_was_rolled_back_from_comes_to_no_further_channel() {
    let mut account = Account::with([7]);
    account.day(8);
    account.approve(9, None);
    let mut later = Account::with([7, 9]);
    later.keep_tags_of(&account);
    later.day(10);
    assert_eq!((later.names("stage"), later.names("prod")), ([9; 3], [7; 3]));
    later.roll_back(11, &back("stage", None), usize::MAX);
    assert_eq!(later.names("stage"), [7; 3]);
    assert!(later.checked("prod", None).unwrap_err().starts_with("no release waits"));
    assert!(later.checked("prod", Some(9)).is_err());
}

#[test]
fn it_comes_again_only_if_somebody_approves_that_version() {
    let mut account = both_in_both();
    account.roll_back(13, &back("prod", None), usize::MAX);
    assert!(account.checked("prod", None).is_err());
    assert_eq!(account.checked("prod", Some(9)), Ok(()));
    let words = account.approve_in("prod", 14, Some(9));
    assert!(words.contains(&"emit"), "it is told anew: {words:?}");
    assert_eq!(account.names("prod"), [9; 3]);
    assert!(account.day(15).is_empty());
}

#[test]
fn a_rollback_of_a_channel_that_died_anywhere_holds_and_a_sweep_finishes_it() {
    let whole = both_in_both().roll_back(13, &back("prod", None), usize::MAX).len();
    for most in 1..whole {
        let mut account = both_in_both();
        account.roll_back(13, &back("prod", None), most);
        account.day(14);
        assert_eq!((account.names("stage"), account.names("prod")), ([9; 3], [7; 3]), "after {most}");
        assert!(account.day(15).is_empty(), "after {most}");
    }
}

#[test]
fn a_version_can_be_named_and_brought_back_to() {
    let mut account = both_in_both();
    account.roll_back(13, &back("prod", Some(7)), usize::MAX);
    assert_eq!(account.names("prod"), [7; 3]);
    account.roll_back(14, &back("prod", Some(9)), usize::MAX);
    assert_eq!(account.names("prod"), [9; 3]);
    assert!(account.day(15).is_empty());
}

#[test]
fn it_is_rejected_with_the_reason_and_nothing_moves() {
    let mut account = both_in_both();
    let refused = |account: &mut Account, back: &Back| {
        assert_eq!(account.roll_back(13, back, usize::MAX), ["reject"]);
        account.why_not_back(back)
    };
    assert!(refused(&mut account, &back("test", None)).contains("the recipe has no channel test"));
    let unknown = refused(&mut account, &back("prod", Some(8)));
    assert!(unknown.contains("no release 20260109T020000Z in channel prod"), "{unknown}");
    account.change(7, |image| Image { state: ImageState::Disabled, ..image });
    let none = refused(&mut account, &back("prod", None));
    assert!(none.contains("no earlier release in channel prod"), "{none}");
    assert_eq!(account.names("prod"), [9; 3]);
}

#[test]
fn a_release_that_lacks_a_required_region_is_passed_over_and_named() {
    let mut account = both_in_both();
    account.take_away(7, REGIONS[1]);
    let why = account.why_not_back(&back("prod", None));
    assert!(why.contains(&format!("{} cannot be launched in {}", version(7), REGIONS[1])), "{why}");
}

#[test]
fn nothing_moves_if_a_required_region_cannot_be_read() {
    let mut account = both_in_both();
    account.images.insert(
        region(REGIONS[1]),
        Err(CloudError::new("DescribeImages", "-", &region(REGIONS[1]), "RequestLimitExceeded", "slow down")),
    );
    let words = account.roll_back(13, &back("prod", None), usize::MAX);
    assert!(!words.is_empty() && !words.contains(&"move-parameters") && !words.contains(&"tag"), "{words:?}");
}

#[test]
fn approving_anything_else_does_not_bring_it_again() {
    let mut account = both_in_both();
    account.roll_back(13, &back("prod", None), usize::MAX);
    let approval = Approval { channel: "stage".into(), version: Some(version(9)) };
    account.act(day(14), Some(&approval), usize::MAX);
    assert_eq!(account.names("prod"), [7; 3]);
}
