//! The ports that send events and wake functions, over the in-memory account.

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::Envelope;
use kiln_core::events::wake;
use kiln_core::failures::Queue;
use kiln_core::inventory::Result;
use kiln_engine::ports::{Bus, Functions, QueueLengths, Store};
use serde_json::Value;

use super::account::Account;
use super::cloud::{CallKind, InMemoryCloud};
use super::lambda;

impl Bus for InMemoryCloud {
    async fn send(&self, envelopes: &[Envelope], now: DateTime<Utc>) -> Result<()> {
        let effect = |_: &mut Account, _| {
            for envelope in envelopes {
                self.world.note(|| format!("       said: {} {}", envelope.detail_type(), envelope.name));
                self.world.invariants.borrow_mut().event_sent(envelope, &self.world.context.home, now);
                lambda::deliver(&self.world, envelope);
            }
            Ok(())
        };
        self.call(CallKind::Change, "PutEvents", &self.world.context.home, "kiln", effect).await
    }
}

impl Store for InMemoryCloud {
    fn place(&self, key: &str) -> String {
        format!("s3://kiln-store/{key}")
    }

    async fn put_object(&self, key: &str, content: &[u8]) -> Result<()> {
        let effect = |account: &mut Account, _| {
            account.objects.insert(key.to_owned(), content.to_vec());
            Ok(())
        };
        self.call(CallKind::Change, "PutObject", &self.world.context.home, key, effect).await
    }

    async fn put_page(&self, key: &str, _: &str, content: &[u8]) -> Result<()> {
        self.put_object(key, content).await
    }

    async fn keys_below(&self, prefix: &str) -> Result<Vec<String>> {
        let look = |account: &mut Account, _| {
            account.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
        };
        self.read("ListObjectsV2", &self.world.context.home, prefix, look).await
    }

    async fn object(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let look = |account: &mut Account, _| account.objects.get(key).cloned();
        self.read("GetObject", &self.world.context.home, key, look).await
    }
}

impl QueueLengths for InMemoryCloud {
    /// No simulated queue is looked after.
    async fn waiting_in(&self, _: Queue) -> Result<usize> {
        Ok(0)
    }
}

impl Functions for InMemoryCloud {
    async fn wake(&self, function: wake::Function, payload: &Value) -> Result<()> {
        let home = self.world.context.home.clone();
        let effect = |_: &mut Account, _| {
            lambda::wake(&self.world, function.into(), payload);
            Ok(())
        };
        self.call(CallKind::Change, "Invoke", &home, function.name(), effect).await
    }
}
