//! The topic through which people are told, on SNS.

use kiln_core::inventory::Result;
use kiln_core::news::Post;
use kiln_engine::ports::Topic;

use crate::aws::Aws;
use crate::aws::errors::Call;

impl Topic for Aws {
    fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// A topic in another Region than the home Region is not found.
    /// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>)
    async fn publish(&self, topic: &str, post: &Post) -> Result<()> {
        let call = Call::new("Publish", &self.home);
        self.sns()
            .await
            .publish()
            .topic_arn(topic)
            .subject(&post.subject)
            .message_structure("json")
            .message(post.by_protocol())
            .send()
            .await
            .map_err(call.on(topic))?;
        Ok(())
    }
}
