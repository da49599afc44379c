//! The bus, on EventBridge.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use chrono::{DateTime, Utc};
use kiln_core::events::outbound::{Envelope, SOURCE, batches};
use kiln_core::inventory::{CloudError, Result};
use kiln_engine::bounded::bounded;
use kiln_engine::ports::Bus;

use crate::aws::Aws;
use crate::aws::errors::Call;

/// How many calls are made at the same time.
const AT_ONCE: usize = 4;
/// How many times in all an entry is sent that EventBridge does not accept.
const TRIES: usize = 3;

impl Bus for Aws {
    /// A call succeeds even if some of its entries failed. Those are sent again.
    /// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>)
    async fn send(&self, envelopes: &[Envelope], now: DateTime<Utc>) -> Result<()> {
        let batches = batches(envelopes).into_iter().map(|batch| self.send_batch(batch, now));
        let sent: Vec<Result<()>> = bounded(AT_ONCE, batches).await;
        sent.into_iter().collect()
    }
}

impl Aws {
    async fn send_batch(&self, batch: &[Envelope], now: DateTime<Utc>) -> Result<()> {
        let call = Call::new("PutEvents", &self.home);
        let mut entries: Vec<PutEventsRequestEntry> =
            batch.iter().map(|envelope| self.entry(envelope, now)).collect();
        let mut last = String::new();
        for _ in 0..TRIES {
            let sent = self.events().await.put_events().set_entries(Some(entries.clone())).send().await;
            let sent = sent.map_err(call.on(&self.bus))?;
            if sent.failed_entry_count() == 0 {
                return Ok(());
            }
            let results = sent.entries().iter();
            let mut rejected = Vec::new();
            for (entry, result) in entries.into_iter().zip(results) {
                if let Some(code) = result.error_code() {
                    last = format!("{code}: {}", result.error_message().unwrap_or_default());
                    rejected.push(entry);
                }
            }
            entries = rejected;
        }
        let rejected =
            format!("EventBridge did not accept {} events; the last error was {last}", entries.len());
        Err(CloudError::new("PutEvents", &self.bus, &self.home, "FailedEntries", rejected))
    }

    fn entry(&self, envelope: &Envelope, now: DateTime<Utc>) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(envelope.detail_type())
            .detail(envelope.detail(now))
            .time(aws_sdk_eventbridge::primitives::DateTime::from_secs(now.timestamp()))
            .build()
    }
}
