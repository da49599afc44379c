//! Lambda and EventBridge: events come lost, late, doubled and in any order; a function that fails or dies is
//! tried twice more, and then its event is a dead letter.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::{AbortHandle, Abortable};
use kiln_core::events::inbound::{
    BakeCall, CaptureCall, ExpireCall, PublishCall, ReconcileCall, ReplicateCall, VerifyCall,
};
use kiln_core::events::outbound::Envelope;
use kiln_core::model::{ImageId, InstanceId, Region};
use kiln_engine::apply::Report;
use kiln_engine::handlers;
use serde_json::{Value, json};

use super::bugs::{Bug, BuggyCloud};
use super::cloud::Wire;
use super::faults::MOST_SKEW;
use super::world::World;

/// One of Kiln's functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are Kiln's own names")]
pub enum Function {
    Bake,
    Capture,
    Verify,
    Publish,
    Replicate,
    Expire,
    Reconcile,
}

/// Where a function is killed, apart from chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillPoint {
    /// Which function.
    pub function: Function,
    /// In which of its invocations, counted from 0.
    pub invocation: u32,
    /// At which of its calls, counted from 0.
    pub call: u32,
    /// After the call took effect, or before.
    pub after: bool,
}

/// One run of a function.
pub struct Invocation {
    /// Which function.
    pub function: Function,
    /// Which invocation of this function it is, counted from 0.
    pub number: u32,
    /// When it began.
    pub began: DateTime<Utc>,
    /// The home Region.
    pub home: Region,
    /// How many calls it has made.
    pub calls: Cell<u32>,
    /// Ends it.
    pub abort: AbortHandle,
    /// For each Region, how the look-ups of use went.
    pub looked: RefCell<BTreeMap<Region, Looked>>,
}

impl Invocation {
    /// One that begins now and has made no call.
    pub fn new(function: Function, number: u32, world: &World, abort: AbortHandle) -> Self {
        Self {
            function,
            number,
            began: world.now(),
            home: world.context.home.clone(),
            calls: Cell::new(0),
            abort,
            looked: RefCell::default(),
        }
    }
}

/// How the look-ups of use went in one Region.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked {
    /// The instances were told.
    pub instances: bool,
    /// The launch templates were told.
    pub templates: bool,
    /// A look-up failed.
    pub failed: bool,
}

/// `EC2 Instance State-change Notification`, stopped.
pub fn stop_event(world: &Rc<World>, region: &Region, id: &InstanceId) {
    let detail = json!({ "instance-id": id, "state": "stopped" });
    let event = of_ec2("EC2 Instance State-change Notification", region, detail);
    if *region == world.context.home {
        send(world, Function::Capture, event.clone());
    }
    send(world, Function::Verify, event);
}

/// `EC2 AMI State PermissionChange`. In a further Region it is forwarded to the home Region, and can be lost on that way too.
pub fn image_event(world: &Rc<World>, region: &Region, id: &ImageId, state: &str) {
    let detail = json!({ "ImageId": id, "State": state, "ErrorMessage": "", "RequestId": "r" });
    let event = of_ec2("EC2 AMI State Change", region, detail);
    if state == "deregistered" {
        return send(world, Function::Expire, event);
    }
    let other = if *region == world.context.home { Function::Capture } else { Function::Replicate };
    send(world, other, event.clone());
    send(world, Function::Verify, event);
}

/// `Parameter Store PermissionChange`, of a parameter that names an image.
pub fn parameter_event(world: &Rc<World>, region: &Region, name: &str, shown: bool) {
    let mut detail =
        json!({ "name": name, "type": "String", "operation": "Update", "dataType": "aws:ec2:image" });
    if !shown {
        detail["exception"] = json!("Unable to Resolve Resource");
    }
    send(world, Function::Replicate, of_ec2("Parameter Store Change", region, detail));
}

/// What Kiln says wakes some of its own.
pub fn say(world: &Rc<World>, envelope: &Envelope) {
    let at_home = envelope.region == world.context.home;
    let woken: &[Function] = match envelope.detail_type() {
        "Image Verified" if at_home => &[Function::Publish],
        "Image Verified" | "Image Published" => &[Function::Replicate],
        "Image Released" => &[Function::Expire, Function::Bake],
        _ => &[],
    };
    for function in woken {
        let detail: Value = serde_json::from_str(&envelope.detail()).unwrap_or_default();
        let mut event = of_ec2(envelope.detail_type(), &world.context.home, detail);
        event["source"] = json!("kiln");
        send(world, *function, event);
    }
}

fn of_ec2(detail_type: &str, region: &Region, detail: Value) -> Value {
    json!({ "version": "0", "id": "0", "detail-type": detail_type, "source": "aws.ec2", "account": "123456789012",
            "time": "2026-11-23T02:00:00Z", "region": region, "resources": [], "detail": detail })
}

/// An event on its way to a function.
fn send(world: &Rc<World>, function: Function, event: Value) {
    let faults = world.faults.get();
    if world.chance(faults.lost) {
        world.note(|| format!("       an event for {function:?} is lost: {}", event["detail"]));
        return;
    }
    let times = if world.chance(faults.doubled) { 2 } else { 1 };
    for _ in 0..times {
        let most = if world.chance(faults.late) { 30 * 60_000 } else { 2_000 };
        let way = if faults.slow { world.between(100, most) } else { TimeDelta::zero() };
        let (sender, event) = (Rc::clone(world), event.clone());
        world.begin(async move {
            sender.clock.sleep(way).await;
            sender.invariants.borrow_mut().delivered.push((function, event.clone()));
            invoke(&sender, function, event).await;
        });
    }
}

/// An asynchronous invocation with its retries.
pub async fn invoke(world: &Rc<World>, function: Function, payload: Value) {
    // The next sweep is the retry of a sweep.
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
            None => world.invariants.borrow_mut().dead_letters += 1,
        }
    }
}

/// One run of a function, to its end or its death.
///
/// # Errors
/// What the function answered as its error, or that it was killed.
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
    let now = world.now() + skew;
    let cloud = BuggyCloud::new(Wire::new(Rc::clone(world), Rc::clone(&invocation)), world.bug);
    let context = world.context.clone();
    let payload = payload.clone();
    let work = async move {
        let answered = |error: &dyn ToString| error.to_string();
        match function {
            Function::Bake => {
                let call = BakeCall::read(&payload).map_err(|error| answered(&error))?;
                handlers::bake::bake(&cloud, &context, &call, now).await
            }
            Function::Capture => {
                let call = CaptureCall::read(&payload).map_err(|error| answered(&error))?;
                handlers::capture::capture(&cloud, &context, &call, now).await
            }
            Function::Verify => {
                let call = VerifyCall::read(&payload).map_err(|error| answered(&error))?;
                handlers::verify::verify(&cloud, &context, &call, now).await
            }
            Function::Publish => {
                let call = PublishCall::read(&payload).map_err(|error| answered(&error))?;
                handlers::publish::publish(&cloud, &context, &call, now).await
            }
            Function::Replicate => {
                let call = ReplicateCall::read(&payload).map_err(|error| answered(&error))?;
                handlers::replicate::replicate(&cloud, &context, &call, now).await
            }
            Function::Expire => {
                let call = ExpireCall::read(&payload).map_err(|error| answered(&error))?;
                handlers::expire::expire(&cloud, &context, &call, &handlers::Debounce::default(), now).await
            }
            Function::Reconcile => {
                ReconcileCall::read(&payload).map_err(|error| answered(&error))?;
                handlers::reconcile::reconcile(&cloud, &context, now).await
            }
        }
        .map_err(|error| answered(&error))
    };
    let ended = Abortable::new(work, registration).await;
    world.invariants.borrow_mut().made_calls(function, number, invocation.calls.get());
    match ended {
        Ok(Ok(report)) if report.failed() => Err(report.to_string()),
        Ok(answered) => answered,
        Err(_) => Err("killed".into()),
    }
}
