//! The stack's queues, on SQS.

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, MessageSystemAttributeName, QueueAttributeName,
};
use chrono::{DateTime, Utc};
use kiln_core::failures::{Message, Queue};
use kiln_core::inventory::{CloudError, Result};
use kiln_engine::ports::{Letters, QueueLengths};

use crate::aws::Aws;
use crate::aws::errors::Call;

/// How long nobody else reads what was read, in seconds: longer than all of it is dealt with.
const TAKEN: i32 = 60;
/// The most messages that are read of one queue.
const MOST: usize = 500;
/// The most messages of one call.
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>)
const PAGE: i32 = 10;
/// How long SQS looks for messages, in seconds. Without a wait it asks only some of its servers, and an empty answer would
/// not tell that the queue is.
const LOOKS: i32 = 1;

impl Letters for Aws {
    async fn messages(&self, queue: Queue) -> Result<Vec<Message>> {
        let (url, call) = (self.queue(queue)?, Call::new("ReceiveMessage", &self.home));
        let mut found: Vec<Message> = Vec::new();
        while found.len() < MOST {
            let page = self.sqs().await.receive_message().queue_url(url).max_number_of_messages(PAGE);
            let page = page.visibility_timeout(TAKEN).wait_time_seconds(LOOKS);
            let page = page.message_attribute_names("All");
            let page = page.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
            let page = page.send().await.map_err(call.on(url))?;
            if page.messages().is_empty() {
                break;
            }
            found.extend(page.messages.unwrap_or_default().into_iter().map(|one| message(queue, one)));
        }
        Ok(found)
    }

    async fn put_back(&self, messages: &[&Message]) -> Result<()> {
        for queue in Queue::ALL {
            let of_queue = messages.iter().filter(|one| one.queue == queue).enumerate();
            let entry = |(at, one): (usize, &&Message)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
                entry.receipt_handle(&one.receipt).visibility_timeout(0).build().ok()
            };
            let entries: Vec<_> = of_queue.filter_map(entry).collect();
            if entries.is_empty() {
                continue;
            }
            let (url, call) = (self.queue(queue)?, Call::new("ChangeMessageVisibilityBatch", &self.home));
            let change = self.sqs().await.change_message_visibility_batch().queue_url(url);
            change.set_entries(Some(entries)).send().await.map_err(call.on(url))?;
        }
        Ok(())
    }

    async fn remove(&self, message: &Message) -> Result<()> {
        let (url, call) = (self.queue(message.queue)?, Call::new("DeleteMessage", &self.home));
        let delete = self.sqs().await.delete_message().queue_url(url).receipt_handle(&message.receipt);
        delete.send().await.map_err(call.on(url))?;
        Ok(())
    }
}

impl QueueLengths for Aws {
    async fn waiting_in(&self, queue: Queue) -> Result<usize> {
        // What somebody looks at right now waits as well.
        let counted = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let (url, call) = (self.queue(queue)?, Call::new("GetQueueAttributes", &self.home));
        let asked = self.sqs().await.get_queue_attributes().queue_url(url);
        let found =
            asked.set_attribute_names(Some(counted.clone().into())).send().await.map_err(call.on(url))?;
        let count = |name: &QueueAttributeName| found.attributes()?.get(name)?.parse::<usize>().ok();
        Ok(counted.iter().filter_map(count).sum())
    }
}

impl Aws {
    fn queue(&self, queue: Queue) -> Result<&str> {
        let mut urls = self.queues.iter().zip(Queue::ALL);
        let found = urls.find(|(_, known)| *known == queue).map(|(url, _)| url.as_str());
        found.ok_or_else(|| {
            let why = "KILN_QUEUES does not name it; redeploy the stack, which sets that variable";
            CloudError::new("ReceiveMessage", queue.name(), &self.home, "NoQueue", why)
        })
    }
}

fn message(queue: Queue, one: aws_sdk_sqs::types::Message) -> Message {
    let sent = one.attributes().and_then(|known| known.get(&MessageSystemAttributeName::SentTimestamp));
    let sent = sent.and_then(|millis| DateTime::from_timestamp_millis(millis.parse().ok()?));
    let attributes = one.message_attributes().into_iter().flatten();
    let attributes = attributes
        .filter_map(|(name, value)| Some((name.clone(), value.string_value()?.to_owned())))
        .collect();
    Message {
        queue,
        sent: sent.unwrap_or(DateTime::<Utc>::UNIX_EPOCH),
        attributes,
        id: one.message_id.unwrap_or_default(),
        receipt: one.receipt_handle.unwrap_or_default(),
        body: one.body.unwrap_or_default(),
    }
}
