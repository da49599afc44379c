//! Two recipes that name one parameter: how a person makes that mistake and takes it back, and what is promised
//! meanwhile.

use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::model::RecipeName;

use super::channels;
use super::invariants::Invariants;
use super::lambda::Invocation;
use super::world::World;

/// A time in which two recipes named one parameter.
#[derive(Debug, Clone)]
pub struct Conflict {
    recipes: [RecipeName; 2],
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl Conflict {
    fn is_of(&self, recipe: &RecipeName) -> bool {
        self.recipes.contains(recipe)
    }

    /// Whether a recipe is refused, or was after a moment: then what is half moved stays so.
    pub(super) fn goes_on(&self, recipe: &RecipeName, moment: DateTime<Utc>) -> bool {
        self.is_of(recipe) && self.until.is_none_or(|until| until > moment)
    }
}

/// Lets one recipe name the parameter of another, for a while that ends before the faults do.
pub fn two_name_one_parameter(world: &Rc<World>) {
    let recipes: Vec<(RecipeName, Option<String>)> = {
        let invariants = world.invariants.borrow();
        invariants.recipes.iter().map(|(name, promised)| (name.clone(), promised.parameter.clone())).collect()
    };
    let with_parameter = recipes.iter().filter_map(|(name, parameter)| Some((name, parameter.clone()?)));
    let of = world.whims.borrow_mut().choice(with_parameter.collect::<Vec<_>>());
    let Some((of, parameter)) = of else { return };
    let others = recipes.iter().filter(|(name, _)| name != of);
    let Some((by, own)) = world.whims.borrow_mut().choice(others.collect::<Vec<_>>()) else { return };
    let until = world.now() + TimeDelta::minutes(world.whims.borrow_mut().i64(5..150));
    if world.invariants.borrow().conflicts.iter().any(|one| one.until.is_none())
        || until > world.end_of_faults.get()
    {
        return;
    }
    world.note(|| format!("somebody lets {by} name {parameter}, which {of} names, until {until}"));
    let (own, now) = (own.clone(), world.now());
    name_parameter(world, by, Some(&parameter));
    let conflict = Conflict { recipes: [of.clone(), by.clone()], since: now, until: None };
    world.invariants.borrow_mut().conflicts.push(conflict);
    let (world, by) = (Rc::clone(world), by.clone());
    world.clone().spawn(async move {
        world.clock.sleep(until - now).await;
        world.note(|| format!("somebody lets {by} name {own:?} again"));
        name_parameter(&world, &by, own.as_deref());
        if let Some(conflict) = world.invariants.borrow_mut().conflicts.last_mut() {
            conflict.until = Some(until);
        }
    });
}

/// Changes which parameter a recipe names.
fn name_parameter(world: &World, recipe: &RecipeName, parameter: Option<&str>) {
    let named = parameter.map_or_else(String::new, |name| format!("parameter = {name:?}\n"));
    world.edit_recipe(recipe, |document| {
        let is_own = |line: &&str| {
            let named = line.strip_prefix("parameter = ").map(|named| named.trim_matches('"'));
            named.is_some_and(|named| !channels::is_of_channel(named))
        };
        let others = document.lines().filter(|line| !is_own(line));
        let lines = others.map(|line| match line {
            "[publish]" => format!("{line}\n{named}"),
            line => format!("{line}\n"),
        });
        lines.collect()
    });
}

impl Invariants {
    /// Whether something may happen for a recipe. It may not if another named the same parameter when the function began,
    /// and still does: both are refused.
    pub(super) fn is_not_refused(&self, by: &Invocation, recipe: &RecipeName) -> Result<(), String> {
        let began = by.began;
        let mut conflicts = self.conflicts.iter().filter(|one| one.is_of(recipe) && one.until.is_none());
        match conflicts.find(|one| one.since < began) {
            Some(conflict) => {
                let [one, other] = &conflict.recipes;
                Err(format!("{one} and {other} name one parameter since {}", conflict.since))
            }
            None => Ok(()),
        }
    }
}
