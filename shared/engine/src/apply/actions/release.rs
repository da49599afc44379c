//! Points parameters and launch templates at a release.

use kiln_core::inventory::Result;
use kiln_core::model::Region;
use kiln_core::plan::Reason;
use kiln_core::plan::action::{Move, NewDefault, TemplateMove, WaitFor};
use kiln_core::plan::reason::ReleaseReason;

use crate::apply::effect::{ApplyError, Effect};
use crate::bounded::{CALLS, bounded};
use crate::ports::Cloud;

/// Moves parameters in one step. None is written unless all may be written; then all are written at the same time, and
/// each is read back if `until` says so. EC2 validates the image before the parameter shows it, which takes a while.
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>)
pub(crate) async fn move_parameters<C: Cloud>(
    cloud: &C,
    moves: &[Move],
    until: WaitFor,
) -> Result<Effect, ApplyError> {
    let tried = moves.iter().map(|one| cloud.try_parameter(&one.region, &one.parameter));
    all(bounded(CALLS, tried).await)?;
    let put = moves.iter().map(|one| cloud.put_image(&one.region, &one.parameter, &one.image));
    all(bounded(CALLS, put).await)?;
    if until == WaitFor::Accepted {
        return Ok(Effect::default());
    }
    let shown = moves.iter().map(async |one| {
        let names = [one.parameter.clone()];
        cloud.parameters(&one.region, &names).await.map(|mut shown| shown.remove(&one.parameter))
    });
    for (one, shown) in moves.iter().zip(all(bounded(CALLS, shown).await)?) {
        if shown.as_deref() != Some(one.image.as_str()) {
            return Err(ApplyError::NotYet(Reason::Release(ReleaseReason::NotShownYet {
                region: one.region.clone(),
                parameter: one.parameter.clone(),
                image: one.image.clone(),
            })));
        }
    }
    Ok(Effect::default())
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
