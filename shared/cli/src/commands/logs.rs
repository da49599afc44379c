//! What a function logged.

use std::time::Duration;

use chrono::Utc;
use serde_json::json;

use crate::Done;
use crate::aws::{Session, code, more, refused};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Prints what a function logged lately, oldest first; only lines with a text, if one is given.
pub(super) async fn logs(
    session: &Session,
    function: &str,
    (since, with): (Duration, Option<&str>),
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let group = format!("/aws/lambda/{function}");
    let logs = aws_sdk_cloudwatchlogs::Client::new(session.config());
    let from = Utc::now().timestamp_millis() - i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    // In quotes, a pattern is a text.
    let pattern = with.map(|text| format!("\"{}\"", text.replace('"', "\\\"")));
    let (mut lines, mut next) = (Vec::new(), None);
    loop {
        let sent = logs.filter_log_events().log_group_name(&group).start_time(from);
        let sent = sent.set_filter_pattern(pattern.clone()).set_next_token(next).send().await;
        let page = match sent {
            Ok(page) => page,
            Err(error) if code(&error) == "ResourceNotFoundException" => {
                let what = format!("There is no log group {group} in {}.", session.home);
                return Err(Failure::new(Kind::NotDeployed, what).advise(
                    "Deploy Kiln first (kiln deploy), or name another Region, account or stack (--region, --profile, --stack).",
                ));
            }
            Err(error) => {
                return Err(refused(session, &format!("FilterLogEvents of {group}"), &session.home, &error));
            }
        };
        let messages = page.events().iter().filter_map(|event| event.message());
        let messages: Vec<String> = messages.map(|text| text.trim_end().to_owned()).collect();
        screen.say(&messages);
        lines.extend(messages);
        next = more(page.next_token);
        if next.is_none() {
            return Ok(Done::well(json!({ "lines": lines })));
        }
    }
}
