//! Other accounts that use shared images, and what EC2's image usage reports say about it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{ReportState, UsageReport};
use kiln_core::model::ImageId;

/// A report misses use that began less than this before its request. EC2's lag is a day; a day of the simulation is
/// shorter.
pub const REPORT_LAG: TimeDelta = TimeDelta::minutes(20);
/// How long a report is pending.
const PENDING: TimeDelta = TimeDelta::minutes(10);

/// The use of an image by another account.
#[derive(Debug, Clone)]
pub struct ExternalUse {
    /// Which image.
    pub image: ImageId,
    /// Which account.
    pub account: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `None`: it does not end.
    pub until: Option<DateTime<Utc>>,
}

impl ExternalUse {
    fn is_active(&self, at: DateTime<Utc>) -> bool {
        self.since <= at && self.until.is_none_or(|until| until > at)
    }
}

/// A usage report that was requested.
#[derive(Debug, Clone)]
pub struct RequestedReport {
    /// On which image.
    pub image: ImageId,
    /// The client token: the same token requests one report.
    pub token: String,
    /// When it was requested.
    pub at: DateTime<Utc>,
}

/// All other accounts, in one Region.
#[derive(Debug, Clone, Default)]
pub struct OtherAccounts {
    /// Their use of images.
    pub uses: Vec<ExternalUse>,
    /// The images that somebody else was ever allowed to launch.
    pub ever_shared: BTreeSet<ImageId>,
    requested: Vec<RequestedReport>,
}

impl OtherAccounts {
    /// CreateImageUsageReport. Returns whether the report is new.
    pub fn request(&mut self, report: RequestedReport) -> bool {
        let new = self.requested.iter().all(|before| before.token != report.token);
        if new {
            self.requested.push(report);
        }
        new
    }

    /// DescribeImageUsageReports, with the contents of each report.
    pub fn reports(&self, images: &[ImageId], at: DateTime<Utc>) -> Vec<UsageReport> {
        let found = self.requested.iter().filter(|report| report.at <= at && images.contains(&report.image));
        found
            .map(|report| {
                let says = match report.at + PENDING <= at {
                    true => ReportState::Ready(self.counts(&report.image, report.at)),
                    false => ReportState::Pending,
                };
                UsageReport { image: report.image.clone(), asked: report.at, whole: true, says }
            })
            .collect()
    }

    /// How often each account uses an image, as a report that was requested then says.
    fn counts(&self, image: &ImageId, requested: DateTime<Utc>) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        let of_image = self.uses.iter().filter(|one| one.image == *image);
        for one in of_image.filter(|one| one.is_active(requested) && one.since + REPORT_LAG <= requested) {
            *counts.entry(one.account.clone()).or_default() += 1;
        }
        counts
    }

    /// A use of an image that began before a time and goes on now.
    pub fn use_since(
        &self,
        image: &ImageId,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<&ExternalUse> {
        self.uses.iter().find(|one| one.image == *image && one.since <= before && one.is_active(now))
    }
}
