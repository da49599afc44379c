//! Other accounts, and what EC2 reports of their use of images that are shared with them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{ReportState, UsageReport};
use kiln_core::model::ImageId;

/// What a report does not tell yet: use that began so short a time before it was asked for. EC2's is a day; the days of the
/// simulation are short.
pub const REPORT_LAG: TimeDelta = TimeDelta::minutes(20);
/// How long a report is being made.
const MAKING: TimeDelta = TimeDelta::minutes(10);

/// Another account uses an image.
#[derive(Debug, Clone)]
pub struct Stay {
    /// Which image.
    pub image: ImageId,
    /// Which account.
    pub account: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `None`: it goes on.
    pub until: Option<DateTime<Utc>>,
}

impl Stay {
    fn at(&self, time: DateTime<Utc>) -> bool {
        self.since <= time && self.until.is_none_or(|until| until > time)
    }
}

/// A report that was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// On which image.
    pub image: ImageId,
    /// What makes asking twice ask once.
    pub token: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// All other accounts, in one Region.
#[derive(Debug, Clone, Default)]
pub struct Others {
    /// Their use.
    pub stays: Vec<Stay>,
    asked: Vec<Asked>,
}

impl Others {
    /// CreateImageUsageReport; tells whether it is a new one.
    pub fn ask(&mut self, asked: Asked) -> bool {
        let new = self.asked.iter().all(|before| before.token != asked.token);
        if new {
            self.asked.push(asked);
        }
        new
    }

    /// DescribeImageUsageReports, with what each tells.
    pub fn reports(&self, images: &[ImageId], at: DateTime<Utc>) -> Vec<UsageReport> {
        let seen = self.asked.iter().filter(|asked| asked.at <= at && images.contains(&asked.image));
        seen.map(|asked| {
            let says = match asked.at + MAKING <= at {
                true => ReportState::Ready(self.used(&asked.image, asked.at)),
                false => ReportState::Pending,
            };
            UsageReport { image: asked.image.clone(), asked: asked.at, whole: true, says }
        })
        .collect()
    }

    fn used(&self, image: &ImageId, asked: DateTime<Utc>) -> BTreeMap<String, u64> {
        let mut used = BTreeMap::new();
        let answered =
            |stay: &&Stay| stay.image == *image && stay.at(asked) && stay.since + REPORT_LAG <= asked;
        for stay in self.stays.iter().filter(answered) {
            *used.entry(stay.account.clone()).or_default() += 1;
        }
        used
    }

    /// Whoever has used an image since before a time, and does so still.
    pub fn user_since(&self, image: &ImageId, before: DateTime<Utc>, now: DateTime<Utc>) -> Option<&Stay> {
        self.stays.iter().find(|stay| stay.image == *image && stay.since <= before && stay.at(now))
    }
}
