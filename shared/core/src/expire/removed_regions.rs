//! Replicas in Regions that their recipe names no longer: nothing keeps them but that somebody uses them. They go in the
//! same steps as a release does, each by itself.

use chrono::{DateTime, Utc};

use crate::expire::fleet_size::Census;
use crate::expire::in_use::Uses;
use crate::expire::lineage::{Release, Rules, releases};
use crate::expire::stages::Fate;
use crate::inventory::Image;
use crate::model::Region;
use crate::plan::{Chain, Reason};
use crate::recipe::Recipe;

/// Those that may go: whose use must be found out.
pub fn candidates<'a>(home: &Region, strays: &'a [Image]) -> Vec<&'a Image> {
    let all = releases(strays, home).into_iter().flat_map(|release| release.members);
    all.map(|(image, _)| image).collect()
}

/// Those of them that nothing but their use by other accounts could keep.
pub fn open<'a>(
    recipe: &Recipe,
    home: &Region,
    strays: &'a [Image],
    uses: &Uses<'_>,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    let rules = Rules::of(recipe, None);
    let open = alone(home, strays).filter(|one| one.depends_on_sharing(rules, uses, now));
    open.flat_map(|one| one.members.into_iter().map(|(image, _)| image)).collect()
}

/// Each by itself.
fn alone<'a>(home: &Region, strays: &'a [Image]) -> impl Iterator<Item = Release<'a>> {
    releases(strays, home).into_iter().flat_map(|release| {
        let version = release.version;
        release.members.into_iter().map(move |member| Release { version, members: vec![member] })
    })
}

/// What becomes of each.
pub fn decide(
    recipe: &Recipe,
    home: &Region,
    strays: &[Image],
    uses: &Uses<'_>,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let (rules, census) = (Rules::of(recipe, None), Census::of(strays));
    alone(home, strays)
        .map(|one| match one.under_way() {
            Some(image) => one.keep(rules, now, |_| Reason::InProgress(image.state.clone())),
            None => one.by_use(rules, uses, &Fate { because: Reason::RegionLeft, census: &census, now }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::expire::in_use::UsageByRegion;
    use crate::fixtures::*;
    use crate::inventory::usage::{Names, User};
    use crate::inventory::{Usage, Use};
    use crate::plan::Action;

    const LEFT: &str = "eu-central-1";

    fn decided(stray: &Image, usage: Usage) -> Vec<(&'static str, String)> {
        let mut rules = recipe("web");
        rules.expire.confirm_after = TimeDelta::days(2);
        let found = UsageByRegion::from([(region(LEFT), Ok(usage))]);
        let chains =
            decide(&rules, &region("us-east-1"), std::slice::from_ref(stray), &Uses::of(&found), day(40));
        chains.concat().iter().map(|one| (one.action.word(), one.because.to_string())).collect()
    }

    fn quiet(stray: &Image) -> Usage {
        nobody_else(&[stray])
    }

    #[test]
    fn a_replica_in_a_region_that_left_the_recipe_goes_step_by_step_however_new_it_is() {
        let stray = image("web", 39).released().in_region(LEFT).build();
        let why = "its recipe names its Region no longer".to_owned();
        assert_eq!(decided(&stray, quiet(&stray)), [("mark-unused", why.clone())]);
        let mut confirmed = image("web", 39).released().in_region(LEFT);
        confirmed = confirmed.tagged("kiln:unused", &day(37).to_rfc3339());
        let mut confirmed = confirmed.build();
        confirmed.deprecated = Some(day(37));
        assert_eq!(decided(&confirmed, quiet(&confirmed)), [("retire", why)]);
        let over = image("web", 39).in_region(LEFT).retired_on(30).build();
        assert_eq!(decided(&over, quiet(&over))[0].0, "deregister");
    }

    #[test]
    fn it_stays_while_somebody_uses_it_and_is_not_brought_back_to_its_recipe() {
        let stray = image("web", 39).in_region(LEFT).staged(crate::model::Stage::Retired).build();
        let by = User::Instance("i-0fee".parse().unwrap());
        let uses = vec![Use { names: Names::Image(stray.id.clone()), by }];
        let told = decided(&stray, Usage { uses, ..quiet(&stray) });
        assert_eq!(told[0].0, Action::Leave.word());
        assert!(told[0].1.starts_with("it is used by instance"), "{told:?}");
    }
}
