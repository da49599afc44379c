//! Points parameters and launch templates at a release.

use kiln_core::inventory::{CloudError, ErrorKind, Result};
use kiln_core::model::{Region, Tags};
use kiln_core::plan::Reason;
use kiln_core::plan::action::{Move, Moves, NewDefault, NoteTry, TemplateMove, WaitFor};
use kiln_core::plan::reason::ReleaseReason;

use crate::apply::effect::{ApplyError, Effect};
use crate::bounded::{CALLS, bounded};
use crate::ports::Cloud;

/// Moves parameters in one step. None is written unless all may be written; then all are written at the same time, and
/// each is read back if the decision says so. EC2 validates the image before the parameter shows it, which takes a
/// while. If one is refused, those that moved are set back, and the try is noted. A disturbance before anything moved is
/// no try.
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>)
pub(crate) async fn move_parameters<C: Cloud>(cloud: &C, wanted: &Moves) -> Result<Effect, ApplyError> {
    let moves = &wanted.moves;
    let tried = moves.iter().map(|one| cloud.try_parameter(&one.region, &one.parameter));
    if let Err(why) = all(bounded(CALLS, tried).await) {
        // Nothing moved, and Lambda calls again within minutes, which is sooner than the next try would be.
        if why.kind.is_retryable() {
            return Err(ApplyError::Cloud(why));
        }
        return Err(set_back(cloud, wanted, &[], why).await);
    }
    let put = moves.iter().map(|one| cloud.put_image(&one.region, &one.parameter, &one.image));
    let put = bounded(CALLS, put).await;
    if let Some(why) = put.iter().find_map(|one| one.as_ref().err()) {
        // A call whose answer was lost may have taken effect.
        let may_be_written =
            |put: &Result<()>| put.as_ref().err().is_none_or(|error| error.kind == ErrorKind::Unavailable);
        let written = moves.iter().zip(&put).filter(|(_, put)| may_be_written(put)).map(|(one, _)| one);
        return Err(set_back(cloud, wanted, &written.collect::<Vec<_>>(), why.clone()).await);
    }
    if wanted.until == WaitFor::Accepted {
        return Ok(Effect::default());
    }
    let shown = moves.iter().map(async |one| {
        let names = [one.parameter.clone()];
        cloud.parameters(&one.region, &names).await.map(|mut shown| shown.remove(&one.parameter))
    });
    let shown = all(bounded(CALLS, shown).await)?;
    let hidden = moves.iter().zip(&shown).find(|(one, shown)| shown.as_deref() != Some(one.image.as_str()));
    let Some((hidden, _)) = hidden else { return Ok(Effect::default()) };
    note(cloud, wanted, |tries| &tries.accepted).await;
    Err(ApplyError::NotYet(Reason::Release(ReleaseReason::NotShownYet {
        region: hidden.region.clone(),
        parameter: hidden.parameter.clone(),
        image: hidden.image.clone(),
    })))
}

/// Notes the try, and sets back what moved. The error names the Regions that are back, those that are not, and those for
/// which there is nothing to go back to: a parameter that is new, or one that a rollback moved away from what is bad.
async fn set_back<C: Cloud>(cloud: &C, wanted: &Moves, written: &[&Move], why: CloudError) -> ApplyError {
    // First, because a parameter that is set back wakes the function again.
    note(cloud, wanted, |tries| &tries.refused).await;
    let (back, stays): (Vec<&Move>, Vec<&Move>) =
        written.iter().copied().chain(&wanted.moved).partition(|one| one.back.is_some());
    let writes = back.into_iter().filter_map(|one| Some((one, one.back.as_ref()?)));
    let writes = writes.map(async |(one, image)| {
        (one.region.clone(), cloud.put_image(&one.region, &one.parameter, image).await.is_ok())
    });
    let (back, left): (Vec<_>, Vec<_>) =
        bounded(CALLS, writes).await.into_iter().partition(|(_, done)| *done);
    let regions = |of: Vec<(Region, bool)>| of.into_iter().map(|(region, _)| region).collect();
    ApplyError::Rule(Reason::Release(ReleaseReason::NotAllMoved {
        why: Box::new(why),
        back: regions(back),
        left: regions(left),
        stays: stays.into_iter().map(|one| one.region.clone()).collect(),
    }))
}

/// A note that cannot be written only makes the next try come sooner.
async fn note<C: Cloud>(cloud: &C, wanted: &Moves, outcome: fn(&NoteTry) -> &Tags) {
    if let Some(tries) = &wanted.tries {
        let _ = cloud.tag_image(&tries.region, &tries.image, outcome(tries)).await;
    }
}

/// The results of all calls, or the first error. All calls were made in either case.
fn all<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    results.into_iter().collect()
}

/// Creates a template version that names the image, and makes it or another version the default: each only if the
/// decision says so.
pub(crate) async fn move_template<C: Cloud>(
    cloud: &C,
    region: &Region,
    moved: &TemplateMove,
) -> Result<Effect, ApplyError> {
    let made = match &moved.version {
        Some(version) => Some((&version.template, cloud.new_template_version(version).await?)),
        None => None,
    };
    let default = match (&moved.default, made) {
        (NewDefault::NewVersion, Some((template, number))) => Some((template, number)),
        (NewDefault::Number(template, number), _) => Some((template, *number)),
        _ => None,
    };
    if let Some((template, number)) = default {
        cloud.set_default_version(region, template, number).await?;
    }
    Ok(made.map_or_else(Effect::default, |(template, number)| Effect::of(format!("{template}:{number}"))))
}
