//! What every function's binary shares: settings, logs, and the way from a payload to an answer.

pub mod settings;

use std::fmt;
use std::io::Write;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use futures::future::FutureExt;
use kiln_engine::apply::Report;
use kiln_engine::context::{Context, HandlerError};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tracing_subscriber::filter::LevelFilter;

use crate::aws::Aws;

use settings::{BadSettings, Settings};

/// What a function has at hand while it handles an event.
#[derive(Debug)]
pub struct Kiln {
    /// The ports on AWS.
    pub cloud: Aws,
    /// What every handler knows about this installation of Kiln.
    pub context: Context,
    /// The name of the stack, which the names of the functions and queues begin with.
    pub stack: String,
}

/// Why an invocation ends as a function error. Lambda tries the event again, and then sends it to the failure queue.
pub enum InvocationError {
    /// A setting is missing or wrong.
    Settings(BadSettings),
    /// Nothing was done.
    HandlerError(HandlerError),
    /// Some decisions failed. The report says how each one ended.
    Partly(Box<Report>),
}

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(bad) => bad.fmt(f),
            Self::HandlerError(error) => error.fmt(f),
            Self::Partly(report) => report.fmt(f),
        }
    }
}

/// As the one line of the log that says so: the Lambda runtime writes it in this form. Each decision that failed has a line
/// of its own before.
impl fmt::Debug for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partly(report) => write!(f, "the invocation failed: {}", report.summary()),
            other => write!(f, "the invocation failed: {other}"),
        }
    }
}

impl From<HandlerError> for InvocationError {
    fn from(error: HandlerError) -> Self {
        Self::HandlerError(error)
    }
}

impl From<kiln_core::events::inbound::BadEvent> for InvocationError {
    fn from(bad: kiln_core::events::inbound::BadEvent) -> Self {
        Self::HandlerError(bad.into())
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(failure: InvocationError) -> Self {
        let error_type = match &failure {
            InvocationError::Settings(_) => "Kiln.BadSettings",
            InvocationError::HandlerError(error) => error.kind(),
            InvocationError::Partly(_) => "Kiln.ActionFailed",
        };
        Diagnostic { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Runs a function until Lambda ends it. `handle` gets the ports and the context, the payload and the current time.
///
/// Settings are checked at the start. If one is missing or wrong, every invocation fails and says which, so that the
/// caller reads it.
///
/// # Errors
/// Lambda's Runtime API cannot be reached.
pub async fn serve<H>(function: &'static str, handle: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&Kiln, &Value, DateTime<Utc>) -> Result<Report, InvocationError>,
{
    let settings = Settings::read(|name| std::env::var(name).ok());
    log_as_json(settings.as_ref().map_or("info", |settings| &settings.log));
    tracing::info!(function, kiln = env!("CARGO_PKG_VERSION"), "started");
    let kiln = settings.map(|settings| {
        let Settings {
            context, stack, bus, store, seal_keys, account_role, topic, queues, max_attempts, ..
        } = settings;
        let cloud = Aws::new(context.home.clone(), stack.clone(), bus, store, seal_keys);
        let cloud = cloud.with_account_role(account_role).with_topic(topic).with_queues(queues);
        Kiln { cloud: cloud.with_max_attempts(max_attempts), context, stack }
    });
    if let Ok(Kiln { cloud, .. }) = &kiln {
        cloud.make_ready().await;
    }
    let (kiln, handle) = (&kiln, &handle);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let now = DateTime::from(SystemTime::now());
        let kiln = kiln.as_ref().map_err(|bad| InvocationError::Settings(bad.clone()))?;
        let report = handle(kiln, &event.payload, now).boxed_local().await?;
        count(&report, &kiln.stack, now);
        if report.failed() {
            return Err(InvocationError::Partly(Box::new(report)));
        }
        if report.entries.is_empty() {
            tracing::info!(function, "nothing to decide");
        }
        Ok(report)
    }))
    .await
}

/// Writes what is counted into the log, from which CloudWatch makes metrics.
fn count(report: &Report, stack: &str, now: DateTime<Utc>) {
    let lines: Vec<String> = report.numbers.iter().flat_map(|numbers| numbers.lines(stack, now)).collect();
    // What cannot be written to the log cannot be told of either.
    let _ = lines.iter().try_for_each(|line| writeln!(std::io::stdout(), "{line}"));
}

/// Logs one JSON object per line to standard output, which Lambda sends to CloudWatch Logs. The span is the runtime's, with
/// the id of the request.
fn log_as_json(level: &str) {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level)
        .init();
}
