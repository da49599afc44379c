//! The anchor of an image: how far it has come, where no tag can take that back.
//!
//! A seal shows that Kiln wrote a tag; it does not show that the tag is the latest one. Whoever may call
//! `ec2:CreateTags` can keep the tags of an image and set them back later, seals and all. What would have power then
//! stands in the image's description, which only `ec2:ModifyImageAttribute` changes: that it was rejected or released,
//! that somebody asked for it anew, and that somebody rolled back to it.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html>)

use chrono::{DateTime, SecondsFormat, Utc};

use crate::model::record::Stage;
use crate::model::version::Version;

/// The most characters of a description.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html>)
const MOST_CHARACTERS: usize = 255;
const BEGIN: &str = "[kiln: ";
const END: &str = "]";
const ASKED_AGAIN: &str = "asked again ";
const AFTER: &str = " after ";
const PINNED: &str = "rolled back to ";
const LEFT: &str = "rolled back from ";
const OVER: &str = " over ";
const SEAL: &str = "; seal ";

/// What no tag can take back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchor {
    /// When somebody last asked for it anew: to test it again, or to bring it back. What was before does not count any
    /// more.
    pub asked_again: Option<DateTime<Utc>>,
    /// When somebody had asked for it the time before.
    pub asked_before: Option<DateTime<Utc>>,
    /// How its bake ended.
    pub end: Option<AnchoredEnd>,
    /// The last rollback to it.
    pub pin: Option<Pin>,
    /// When somebody last rolled back from it.
    pub left: Option<DateTime<Utc>>,
}

/// How the bake of an image ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchoredEnd {
    /// It was rejected.
    Rejected,
    /// It was released.
    Released,
    /// It has nothing that the newest release has not.
    Unchanged,
    /// Somebody recalled it, whether it had been released or not.
    Recalled,
}

/// A rollback to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// When somebody asked for it; the latest rollback of a recipe counts.
    pub at: DateTime<Utc>,
    /// The newest version that existed then. The rollback ends when a newer version is released.
    pub over: Version,
}

impl Anchor {
    /// The stage of an image whose tag says `stage`.
    pub fn stage(&self, stage: Stage) -> Stage {
        match (self.end, stage) {
            (None, _) | (_, Stage::Disabled) => stage,
            (Some(AnchoredEnd::Rejected), _) => Stage::Rejected,
            (Some(AnchoredEnd::Released), _) => Stage::Released,
            (Some(AnchoredEnd::Unchanged), _) => Stage::Unchanged,
            (Some(AnchoredEnd::Recalled), _) => Stage::Recalled,
        }
    }

    /// The same image once its bake has ended so.
    #[must_use]
    pub fn ended(&self, end: AnchoredEnd) -> Self {
        Self { end: Some(end), ..self.clone() }
    }

    /// The same image once somebody has asked for it anew.
    #[must_use]
    pub fn asked_anew(&self, now: DateTime<Utc>) -> Self {
        Self { asked_again: Some(now), asked_before: self.asked_again, ..Self::default() }
    }

    /// Whether somebody rolled back from it, and not to it since: it is not named again by itself, whatever becomes of the
    /// image that was rolled back to.
    pub fn is_rolled_back_from(&self) -> bool {
        self.left.is_some_and(|left| self.pin.is_none_or(|pin| pin.at < left))
    }

    /// The same image once somebody has rolled back from it.
    #[must_use]
    pub fn rolled_back_from(&self, now: DateTime<Utc>) -> Self {
        Self { left: Some(now), ..self.clone() }
    }

    /// The same image once somebody has rolled back to it.
    #[must_use]
    pub fn pinned(&self, pin: Pin) -> Self {
        Self { pin: Some(pin), ..self.clone() }
    }

    /// What its seal is made of; empty if there is nothing to say.
    pub fn text(&self) -> String {
        let end = self.end.map(|end| match end {
            AnchoredEnd::Rejected => "rejected".to_owned(),
            AnchoredEnd::Released => "released".to_owned(),
            AnchoredEnd::Unchanged => "unchanged".to_owned(),
            AnchoredEnd::Recalled => "recalled".to_owned(),
        });
        let before = self.asked_before.map_or(String::new(), |at| format!("{AFTER}{}", time_text(at)));
        let asked = self.asked_again.map(|at| format!("{ASKED_AGAIN}{}{before}", time_text(at)));
        let pin = self.pin.map(|pin| format!("{PINNED}{}{OVER}{}", time_text(pin.at), pin.over));
        let left = self.left.map(|at| format!("{LEFT}{}", time_text(at)));
        [asked, end, pin, left].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut anchor = Self::default();
        for part in text.split("; ") {
            if let Some(asked) = part.strip_prefix(ASKED_AGAIN) {
                let (at, before) = asked.split_once(AFTER).unzip();
                anchor.asked_again = Some(time(at.unwrap_or(asked))?);
                anchor.asked_before = before.map_or(Some(None), |before| time(before).map(Some))?;
            } else if let Some(left) = part.strip_prefix(LEFT) {
                anchor.left = Some(time(left)?);
            } else if let Some(pin) = part.strip_prefix(PINNED) {
                let (at, over) = pin.split_once(OVER)?;
                anchor.pin = Some(Pin { at: time(at)?, over: over.parse().ok()? });
            } else {
                anchor.end = Some(match part {
                    "rejected" => AnchoredEnd::Rejected,
                    "released" => AnchoredEnd::Released,
                    "unchanged" => AnchoredEnd::Unchanged,
                    "recalled" => AnchoredEnd::Recalled,
                    _ => return None,
                });
            }
        }
        Some(anchor)
    }

    /// The description of an image: its own, as far as there is room, and the anchor with its seal.
    pub fn describe(&self, own: &str, seal: &str) -> String {
        let anchor = format!("{BEGIN}{}{SEAL}{seal}{END}", self.text());
        let room = MOST_CHARACTERS.saturating_sub(anchor.chars().count() + 1);
        let own: String = own.chars().take(room).collect();
        format!("{own} {anchor}").trim_start().to_owned()
    }
}

/// A description as EC2 shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described<'a> {
    /// What Kiln did not add to it.
    pub own: &'a str,
    /// The anchor, if its seal is right: see [`SealKeys::open_image`](crate::model::SealKeys::open_image).
    pub anchor: Option<Anchor>,
    /// The seal.
    pub seal: &'a str,
}

impl<'a> Described<'a> {
    /// The parts of a description. What is no anchor is the image's own.
    pub fn of(description: &'a str) -> Self {
        let none = Self { own: description, anchor: None, seal: "" };
        let Some((own, rest)) = description.rsplit_once(BEGIN) else { return none };
        let Some((text, seal)) = rest.strip_suffix(END).and_then(|rest| rest.rsplit_once(SEAL)) else {
            return none;
        };
        match Anchor::parse(text) {
            Some(anchor) => Self { own: own.trim_end(), anchor: Some(anchor), seal },
            None => none,
        }
    }
}

/// A time in an anchor, and in what is sealed with it: in milliseconds, because the later of two rollbacks counts.
pub(crate) fn time_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends() -> impl Strategy<Value = Option<AnchoredEnd>> {
        prop::sample::select(vec![
            None,
            Some(AnchoredEnd::Rejected),
            Some(AnchoredEnd::Released),
            Some(AnchoredEnd::Unchanged),
            Some(AnchoredEnd::Recalled),
        ])
    }

    fn moment(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn what_was_rejected_or_released_stays_so_whatever_its_tag_says_and_can_only_be_disabled() {
        let rejected = Anchor::default().ended(AnchoredEnd::Rejected);
        let released = Anchor::default().ended(AnchoredEnd::Released);
        for stage in [Stage::Captured, Stage::Verified, Stage::Published, Stage::Released, Stage::Rejected] {
            assert_eq!(rejected.stage(stage), Stage::Rejected);
            assert_eq!(released.stage(stage), Stage::Released);
            assert_eq!(Anchor::default().stage(stage), stage);
        }
        assert_eq!(released.stage(Stage::Disabled), Stage::Disabled);
    }

    #[test]
    fn a_person_can_read_it_and_it_fits_into_a_description() {
        let pin = Pin { at: moment(1_767_319_200_123), over: "20260102T020000Z".parse().unwrap() };
        let anchor = Anchor { asked_again: Some(moment(1_767_319_200_000)), ..Anchor::default() };
        let anchor = anchor.ended(AnchoredEnd::Released).pinned(pin);
        assert_eq!(
            anchor.describe("web-20260101T020000Z", "ef94-00"),
            "web-20260101T020000Z [kiln: asked again 2026-01-02T02:00:00.000Z; released; rolled back to \
             2026-01-02T02:00:00.123Z over 20260102T020000Z; seal ef94-00]"
        );
        assert_eq!(anchor.describe(&"ü".repeat(300), &"0".repeat(37)).chars().count(), 255);
    }

    proptest! {
        #[test]
        fn an_anchor_is_read_back_from_any_description(
            own in "[ -~ü]{0,20}", asked in proptest::collection::vec(0i64..4_000_000_000_000, 0..3), end in ends(), left in proptest::option::of(0i64..4_000_000_000_000),
            pin in proptest::option::of((0i64..4_000_000_000_000, 0i64..4_000_000_000)),
        ) {
            let pin = pin.map(|(at, over)| Pin {
                at: moment(at),
                over: Version::at(DateTime::from_timestamp(over, 0).unwrap()).unwrap(),
            });
            let mut times = asked.into_iter().map(moment);
            let anchor = Anchor { asked_again: times.next(), asked_before: times.next(), end, pin, left: left.map(moment) };
            prop_assume!(anchor != Anchor::default());
            let described = anchor.describe(&own, "ef94-0123");
            let read = Described::of(&described);
            prop_assert_eq!((read.own, read.seal), (own.trim(), "ef94-0123"));
            prop_assert_eq!(read.anchor, Some(anchor));
        }

        #[test]
        fn no_description_makes_the_reader_panic(text in ".{0,99}", inner in ".{0,40}") {
            let _ = Described::of(&text);
            let _ = Described::of(&format!("{text}[kiln: {inner}; seal x]"));
        }
    }
}
