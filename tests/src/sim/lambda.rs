//! Lambda and EventBridge. Events are lost, late, delivered twice and in any order. A function that fails or is killed
//! is retried twice; then its event is a dead letter.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::{AbortHandle, Abortable};
use kiln_core::events::inbound::{
    BakeCall, CaptureCall, CatalogCall, ExpireCall, Mode, PublishCall, ReconcileCall, ReplicateCall,
    VerifyCall,
};
use kiln_core::events::outbound::Envelope;
use kiln_core::events::wake;
use kiln_core::model::{ImageId, InstanceId, Region};
use kiln_engine::apply::Report;
use kiln_engine::context::HandlerError;
use kiln_engine::handlers::{
    Debounce, bake, capture, catalog, expire, publish, reconcile, replicate, verify,
};
use serde_json::{Value, json};

use super::bugs::{Bug, BuggyCloud};
use super::cloud::InMemoryCloud;
use super::faults::MOST_SKEW;
use super::world::World;

/// One of Kiln's functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are the names of the functions")]
pub enum Function {
    Bake,
    Capture,
    Verify,
    Publish,
    Replicate,
    Expire,
    Reconcile,
    Catalog,
}

impl From<wake::Function> for Function {
    fn from(woken: wake::Function) -> Self {
        match woken {
            wake::Function::Bake => Self::Bake,
            wake::Function::Capture => Self::Capture,
            wake::Function::Verify => Self::Verify,
            wake::Function::Publish => Self::Publish,
            wake::Function::Replicate => Self::Replicate,
            wake::Function::Expire => Self::Expire,
        }
    }
}

/// The call at which a function is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillPoint {
    /// Which function.
    pub function: Function,
    /// In which of its invocations, counted from 0.
    pub invocation: u32,
    /// At which of its calls, counted from 0.
    pub call: u32,
    /// Whether it is killed after the call took effect, or before.
    pub after: bool,
}

/// One invocation of a function.
pub struct Invocation {
    /// Which function.
    pub function: Function,
    /// Which invocation of this function it is, counted from 0.
    pub number: u32,
    /// When it started.
    pub began: DateTime<Utc>,
    /// The home Region.
    pub home: Region,
    /// The calls that it has made.
    pub calls: RefCell<Vec<&'static str>>,
    /// Kills it.
    pub abort: AbortHandle,
    /// For each Region, which reads of usage succeeded.
    pub usage_reads: RefCell<BTreeMap<Region, UsageReads>>,
}

impl Invocation {
    /// An invocation that starts now.
    pub fn new(function: Function, number: u32, world: &World, abort: AbortHandle) -> Self {
        Self {
            function,
            number,
            began: world.now(),
            home: world.context.home.clone(),
            calls: RefCell::default(),
            abort,
            usage_reads: RefCell::default(),
        }
    }
}

/// Which reads of usage succeeded in one Region.
#[derive(Debug, Clone, Copy, Default)]
pub struct UsageReads {
    /// When instances were last read.
    pub instances: Option<DateTime<Utc>>,
    /// When launch templates were last read.
    pub templates: Option<DateTime<Utc>>,
    /// When Auto Scaling groups were last read.
    pub launchers: Option<DateTime<Utc>>,
    /// A read failed.
    pub failed: bool,
}

/// Sends `EC2 Instance State-change Notification` with state `stopped`.
pub fn stop_event(world: &Rc<World>, region: &Region, id: &InstanceId) {
    let detail = json!({ "instance-id": id, "state": "stopped" });
    let event = event_of("EC2 Instance State-change Notification", region, detail);
    if *region == world.context.home {
        send(world, Function::Capture, event.clone());
    }
    send(world, Function::Verify, event);
}

/// Sends `EC2 AMI State Change`. Other Regions forward it to the home Region.
pub fn image_event(world: &Rc<World>, region: &Region, id: &ImageId, state: &str) {
    let detail = json!({ "ImageId": id, "State": state, "ErrorMessage": "", "RequestId": "r" });
    let event = event_of("EC2 AMI State Change", region, detail);
    if state == "deregistered" {
        return send(world, Function::Expire, event);
    }
    let other = if *region == world.context.home { Function::Capture } else { Function::Replicate };
    send(world, other, event.clone());
    send(world, Function::Verify, event);
}

/// Sends `Parameter Store Change` for a parameter that names an image.
pub fn parameter_event(world: &Rc<World>, region: &Region, name: &str, shown: bool) {
    let mut detail =
        json!({ "name": name, "type": "String", "operation": "Update", "dataType": "aws:ec2:image" });
    if !shown {
        detail["exception"] = json!("Unable to Resolve Resource");
    }
    send(world, Function::Replicate, event_of("Parameter Store Change", region, detail));
}

/// Delivers an event of Kiln's own to the functions that its rules name.
pub fn deliver(world: &Rc<World>, envelope: &Envelope) {
    let at_home = envelope.region == world.context.home;
    let woken: &[Function] = match envelope.detail_type() {
        "Image Verified" if at_home => &[Function::Publish],
        "Image Verified" | "Image Published" => &[Function::Replicate],
        "Image Released" => &[Function::Expire, Function::Bake],
        "Image Unchanged" | "Image Recalled" => &[Function::Expire],
        _ => &[],
    };
    for function in woken {
        let detail: Value = serde_json::from_str(&envelope.detail(world.now())).unwrap_or_default();
        let mut event = event_of(envelope.detail_type(), &world.context.home, detail);
        event["source"] = json!("kiln");
        send(world, *function, event);
    }
}

fn event_of(detail_type: &str, region: &Region, detail: Value) -> Value {
    json!({ "version": "0", "id": "0", "detail-type": detail_type, "source": "aws.ec2", "account": "123456789012",
            "time": "2026-11-23T02:00:00Z", "region": region, "resources": [], "detail": detail })
}

/// Delivers an event to a function: late, twice or never, by chance.
fn send(world: &Rc<World>, function: Function, event: Value) {
    if world.chance(world.faults.get().lost) {
        world.note(|| format!("       an event for {function:?} is lost: {}", event["detail"]));
        return;
    }
    queue(world, function, event);
}

/// Invokes a function as `reconcile` does. Lambda delivers what it accepted: late or twice, but not never.
pub fn wake(world: &Rc<World>, function: Function, payload: &Value) {
    world.note(|| format!("       woken: {function:?} with {payload}"));
    world.invariants.borrow_mut().wakes.push(payload.clone());
    queue(world, function, payload.clone());
}

fn queue(world: &Rc<World>, function: Function, event: Value) {
    let faults = world.faults.get();
    let times = if world.chance(faults.doubled) { 2 } else { 1 };
    for _ in 0..times {
        let most = if world.chance(faults.late) { 30 * 60_000 } else { 2_000 };
        if most > 2_000 {
            world.disturb();
        }
        let way = if faults.slow { world.between(100, most) } else { TimeDelta::zero() };
        let (sender, event) = (Rc::clone(world), event.clone());
        world.spawn(async move {
            sender.clock.sleep(way).await;
            sender.invariants.borrow_mut().delivered.push((function, event.clone()));
            invoke(&sender, function, event).await;
        });
    }
}

/// Invokes a function asynchronously, with Lambda's retries.
pub async fn invoke(world: &Rc<World>, function: Function, payload: Value) {
    // A sweep is not retried, because the next one does the same.
    let retries: &[i64] = if function == Function::Reconcile { &[] } else { &[60_000, 120_000] };
    for pause in retries.iter().map(Some).chain([None]) {
        match run(world, function, &payload).await {
            Ok(_) => return,
            Err(why) => world.note(|| format!("{function:?} failed: {why}")),
        }
        match pause {
            Some(pause) if world.faults.get().slow => {
                world.clock.sleep(TimeDelta::milliseconds(*pause)).await
            }
            Some(_) => {}
            None => {
                let mut invariants = world.invariants.borrow_mut();
                invariants.dead_letters += 1;
                invariants.dead_bakes += u32::from(function == Function::Bake);
            }
        }
    }
}

/// Runs a function until it ends or is killed.
///
/// # Errors
/// The error of the function, or that it was killed.
pub async fn run(world: &Rc<World>, function: Function, payload: &Value) -> Result<Report, String> {
    if world.bug == Bug::NoSweep && function == Function::Reconcile {
        return Ok(Report::default());
    }
    let (abort, registration) = AbortHandle::new_pair();
    let number = world.invariants.borrow_mut().invocation(function);
    let invocation = Rc::new(Invocation::new(function, number, world, abort));
    world.note(|| format!("{function:?} #{number} is woken"));
    let skew = match world.faults.get().slow {
        true => world.between(-MOST_SKEW.num_milliseconds(), MOST_SKEW.num_milliseconds()),
        false => TimeDelta::zero(),
    };
    // Whoever's clock is a century ahead finds no version in the future.
    let ahead = world.bug == Bug::FutureTakenIn && function == Function::Verify;
    let now = world.now() + skew + if ahead { TimeDelta::days(36_525) } else { TimeDelta::zero() };
    let cloud = BuggyCloud::new(InMemoryCloud::new(Rc::clone(world), Rc::clone(&invocation)), world.bug);
    let context = world.context.clone();
    let (payload, mode) = (payload.clone(), Mode::of(payload));
    let work = async move {
        let answer: Result<Report, HandlerError> = async {
            match function {
                Function::Bake => bake::bake(&cloud, &context, &BakeCall::read(&payload)?, now).await,
                Function::Capture => {
                    capture::capture(&cloud, &context, &CaptureCall::read(&payload)?, mode, now).await
                }
                Function::Verify => {
                    verify::verify(&cloud, &context, &VerifyCall::read(&payload)?, mode, now).await
                }
                Function::Publish => {
                    publish::publish(&cloud, &context, &PublishCall::read(&payload)?, mode, now).await
                }
                Function::Replicate => {
                    replicate::replicate(&cloud, &context, &ReplicateCall::read(&payload)?, mode, now).await
                }
                Function::Expire => {
                    let (call, debounce) = (ExpireCall::read(&payload)?, Debounce::default());
                    expire::expire(&cloud, &context, &call, &debounce, mode, now).await
                }
                Function::Reconcile => {
                    // No simulated queue is looked after: nothing waits there that a sweep does not do.
                    ReconcileCall::read(&payload)?;
                    reconcile::reconcile(&cloud, &context, now).await
                }
                Function::Catalog => {
                    catalog::catalog(&cloud, &context, &CatalogCall::read(&payload)?, now).await
                }
            }
        }
        .await;
        answer.map_err(|error| error.to_string())
    };
    let ended = Abortable::new(work, registration).await;
    world.invariants.borrow_mut().record_calls(function, number, invocation.calls.take());
    if function == Function::Reconcile && matches!(&ended, Ok(Ok(_))) {
        let (account, home) = (world.account.borrow(), &world.context.home);
        let mut invariants = world.invariants.borrow_mut();
        invariants.swept(&account, home, invocation.began, world.disturbed.get());
    }
    match ended {
        Ok(Ok(report)) if report.failed() => Err(report.to_string()),
        Ok(result) => result,
        Err(_) => Err("killed".into()),
    }
}
