//! `notify`: tells people what happened, through a topic of SNS.

use kiln_core::events::inbound::NotifyCall;
use kiln_core::news::post;

use crate::apply::Report;
use crate::context::{Context, HandlerError};
use crate::ports::Topic;

/// Sends what an event says to the stack's topic. A copy of the event is sent once more: each bears the event's id, and
/// one too many does less harm than one too few.
///
/// # Errors
/// The stack has no topic, or the topic did not take the message.
pub async fn notify<C: Topic>(
    cloud: &C,
    context: &Context,
    call: &NotifyCall,
) -> Result<Report, HandlerError> {
    let topic = cloud.topic().ok_or_else(|| HandlerError::NoTopic(context.home.clone()))?;
    let post = post(call);
    cloud.publish(topic, &post).await?;
    tracing::info!(topic, event = call.kind, id = call.about.id, said = post.subject, "people were told");
    Ok(Report { read_only: true, ..Report::default() })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures::executor::block_on;
    use kiln_core::inventory::{CloudError, Result};
    use kiln_core::news::Post;
    use serde_json::json;

    use super::*;

    struct Sns {
        topic: Option<&'static str>,
        took: RefCell<Vec<(String, Post)>>,
        refuses: bool,
    }

    impl Topic for Sns {
        fn topic(&self) -> Option<&str> {
            self.topic
        }

        async fn publish(&self, topic: &str, post: &Post) -> Result<()> {
            if self.refuses {
                let home = "us-east-1".parse().unwrap();
                return Err(CloudError::new("Publish", topic, &home, "AuthorizationError", "not authorized"));
            }
            self.took.borrow_mut().push((topic.to_owned(), post.clone()));
            Ok(())
        }
    }

    fn told(topic: Option<&'static str>, refuses: bool) -> (Sns, std::result::Result<Report, HandlerError>) {
        let sns = Sns { topic, took: RefCell::default(), refuses };
        let event = json!({
            "detail-type": "Bake Refused", "source": "kiln", "account": "123456789012", "region": "us-east-1",
            "detail": { "id": "00ff", "recipe": "web", "version": "20261126T020000Z", "region": "us-east-1", "reason": "no base" },
        });
        let context = Context {
            home: "us-east-1".parse().unwrap(),
            recipes: "/kiln/recipes".into(),
            bounds: kiln_core::recipe::Bounds::none(),
            prices: kiln_core::expire::forecast::Prices::default(),
        };
        let answer = block_on(notify(&sns, &context, &NotifyCall::read(&event).unwrap()));
        (sns, answer)
    }

    const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:news";

    #[test]
    fn an_event_is_one_message_to_the_topic() {
        let (sns, answer) = told(Some(TOPIC), false);
        assert!(answer.is_ok());
        let took = sns.took.borrow();
        let [(topic, post)] = took.as_slice() else { panic!("{took:?}") };
        assert_eq!(
            (topic.as_str(), post.subject.as_str()),
            (TOPIC, "Kiln: web 20261126T020000Z: bake refused")
        );
    }

    #[test]
    fn a_topic_that_refuses_is_an_error_that_names_it_and_the_right() {
        let error = told(Some(TOPIC), true).1.unwrap_err().to_string();
        assert!(error.contains(TOPIC) && error.contains("sns:Publish"), "{error}");
    }

    #[test]
    fn without_a_topic_the_parameter_is_named_that_lacks() {
        let error = told(None, false).1.unwrap_err().to_string();
        assert!(error.contains("NotifyTopic"), "{error}");
    }
}
