//! Carries decisions out, each idempotent, and reports what became of each.

mod actions;
mod batch_tags;
mod effect;
mod notify;
pub mod report;

use chrono::{DateTime, Utc};
use futures::future::FutureExt;
use futures::stream::{self, StreamExt};
use kiln_core::events::inbound::Mode;
use kiln_core::events::outbound::{Announcement, together};
use kiln_core::plan::{Action, Chain, Decision};

use crate::ports::Cloud;

use actions::perform;
use batch_tags::Written;
use effect::Failure;
use notify::{news_of, news_of_failure, news_of_keeping, news_of_repair};

pub use report::{Line, Outcome, Report};

/// How many chains are carried out at the same time: enough that Regions do not wait for each other, few enough
/// that EC2's buckets (100 calls at once for most) are not emptied.
const AT_ONCE: usize = 8;

/// Carries chains out, and says on the bus what was done. A chain that fails holds no other one up.
pub async fn act<C: Cloud>(cloud: &C, chains: Vec<Chain>, mode: Mode, now: DateTime<Utc>) -> Report {
    let written = match mode {
        Mode::DryRun => Written::default(),
        Mode::Carry | Mode::Repair => Written::by(cloud, &chains).await,
    };
    let done: Vec<(Vec<Line>, Vec<Announcement>)> = stream::iter(chains)
        .map(|chain| carry_out(cloud, chain, &written, mode, now).boxed_local())
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (mut lines, mut news) = (Vec::new(), Vec::new());
    for (of_chain, said) in done {
        lines.extend(of_chain);
        news.extend(said);
    }
    let news = together(news);
    let unsaid = if news.is_empty() { None } else { cloud.send(&news, now).await.err() };
    let report = Report { lines, unsaid, ..Report::default() };
    report.log_unsaid();
    report
}

async fn carry_out<C: Cloud>(
    cloud: &C,
    chain: Chain,
    written: &Written,
    mode: Mode,
    now: DateTime<Utc>,
) -> (Vec<Line>, Vec<Announcement>) {
    let (mut lines, mut news) = (Vec::new(), Vec::new());
    let mut repaired: Vec<Decision> = Vec::new();
    let long_lived = chain.iter().any(|decision| matches!(decision.action, Action::StartAgain(_)));
    let (mut broken, mut for_good) = (false, false);
    for decision in chain {
        let outcome = match (&decision.action, mode) {
            (Action::Leave, _) => {
                news.extend(news_of_keeping(&decision).filter(|_| mode == Mode::Carry));
                Outcome::Left
            }
            // Whatever became of its image: a person's own instance goes back to its work.
            (Action::StartAgain(_), Mode::Carry | Mode::Repair) if broken && for_good => {
                match perform(cloud, &decision, written, mode, now).await {
                    Ok(_) => Outcome::Done { made: None },
                    Err(failure) => Outcome::Failed { error: failure.to_string() },
                }
            }
            (Action::Refuse | Action::LookAgain, _) => {
                broken = true;
                Outcome::Failed { error: decision.because.to_string() }
            }
            _ if broken => Outcome::NotBegun,
            (_, Mode::DryRun) => Outcome::Planned,
            (action, Mode::Carry | Mode::Repair) => {
                match perform(cloud, &decision, written, mode, now).await {
                    Ok(deed) => {
                        news.extend(news_of(&decision, &deed));
                        if mode == Mode::Repair && !deed.before && !matches!(action, Action::Say(_)) {
                            repaired.push(decision.clone());
                        }
                        match deed.stayed.as_slice() {
                            [] => Outcome::Done { made: deed.made },
                            // The image itself is gone, so the chain goes on.
                            stayed => Outcome::Failed { error: actions::snapshots_stayed(stayed) },
                        }
                    }
                    Err(Failure::NotYet(because)) => {
                        broken = true;
                        Outcome::Waits { waits_for: because.to_string() }
                    }
                    Err(failure) => {
                        broken = true;
                        for_good = failure.is_for_good();
                        news.extend(news_of_failure(&decision, &failure, long_lived));
                        Outcome::Failed { error: failure.to_string() }
                    }
                }
            }
        };
        let line = Line::of(decision, outcome);
        line.log();
        lines.push(line);
    }
    news.extend(news_of_repair(&repaired, now));
    (lines, news)
}
