//! The commands: what each asks of the functions, in which order, and what it says.

mod ask;
mod bake;
mod catalog;
mod completions;
mod expire;
mod failures;
mod invoke;
mod logs;
mod recipes;
mod release;
mod stacks;
mod status;
mod validate;
mod watch;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::arguments::{Arguments, Command};
use crate::aws::{Lambda, Session};
use crate::deploy;
use crate::failure::Failure;
use crate::functions::{Effect, Functions};
use crate::screen::Screen;
use crate::{Done, exit};

/// Carries out a command.
///
/// # Errors
/// What failed, and what to do.
pub async fn run(arguments: &Arguments, screen: &mut Screen<'_>) -> Result<Done, Failure> {
    let name = arguments.command.name();
    let done = match &arguments.command {
        Command::Validate { paths, format } => Ok(validate::validate(paths, *format, screen)),
        Command::Completions { shell } => Ok(completions::completions(*shell, screen)),
        command => match Session::connect(&arguments.global).await {
            Ok(session) => ask_aws(&session, &arguments.global.stack, command, screen).await,
            Err(failure) => Err(failure),
        },
    };
    let done = done.map_err(|failure| failure.after("command", json!(name)))?;
    let mut document = done.document;
    if let Value::Object(fields) = &mut document {
        fields.insert("command".into(), json!(name));
    }
    Ok(Done { document, code: done.code })
}

/// Carries out a command that needs an account.
async fn ask_aws(
    session: &Session,
    stack: &str,
    command: &Command,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    match command {
        Command::Recipes(asked) => recipes::recipes(session, stack, asked, screen).await,
        Command::Logs { function, since, with } => {
            logs::logs(session, &format!("{stack}-{function}"), (*since, with.as_deref()), screen).await
        }
        Command::Catalog { open, to } => catalog::catalog(session, stack, (to, *open), screen).await,
        Command::Deploy(asked) => stacks::deploy(session, stack, asked, screen).await,
        Command::Upgrade { release, regions } => {
            stacks::upgrade(session, stack, (release, regions.as_deref()), screen).await
        }
        Command::Uninstall { remove_bucket } => {
            deploy::uninstall(session, stack, *remove_bucket, screen).await
        }
        command => ask_functions(&Lambda::of(session, stack), command, screen).await,
    }
}

/// Carries out a command that the functions answer.
async fn ask_functions<F: Functions>(
    functions: &F,
    command: &Command,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    match command {
        Command::Status { recipe } => status::status(functions, recipe.as_ref(), screen).await,
        Command::Preflight { recipe } => ask::preflight(functions, recipe, screen).await,
        Command::Bake { recipe, watch, patience } => {
            bake::bake(functions, recipe, watch.then_some(*patience), screen).await
        }
        Command::Plan { recipe } => expire::plan(functions, recipe.as_ref(), screen).await,
        Command::Apply { recipe, allow } => expire::apply(functions, recipe.as_ref(), *allow, screen).await,
        Command::Explain { image } => ask::explain(functions, image, screen).await,
        Command::Rollback { recipe, channel: None, to } => {
            release::rollback(functions, recipe, *to, screen).await
        }
        Command::Rollback { recipe, channel: Some(channel), to } => {
            release::roll_channel_back(functions, (recipe, channel), *to, screen).await
        }
        Command::Recall { recipe, version, why, layers } => {
            release::recall(functions, (recipe, *version), (why, *layers), screen).await
        }
        Command::Approve { recipe, channel, version } => {
            release::approve(functions, (recipe, channel), *version, screen).await
        }
        Command::Reinstate { recipe, version } => {
            release::reinstate(functions, (recipe, *version), screen).await
        }
        Command::Hold { image, why } => ask::hold(functions, image, why, screen).await,
        Command::Restore { image } => ask::restore(functions, image, screen).await,
        Command::Retest { image, in_region } => {
            ask::retest(functions, image, in_region.as_ref(), screen).await
        }
        Command::Adopt { image, recipe } => ask::adopt(functions, image, recipe, screen).await,
        Command::Copy { image } => ask::copy(functions, image, screen).await,
        Command::Failures(wanted) => failures::failures(functions, wanted, screen).await,
        Command::Retire { recipe, dry_run } => expire::retire(functions, recipe, *dry_run, screen).await,
        Command::Invoke { function, event } => invoke::invoke(functions, function, event, screen).await,
        // They need no function.
        Command::Validate { .. }
        | Command::Completions { .. }
        | Command::Recipes(_)
        | Command::Logs { .. }
        | Command::Catalog { .. }
        | Command::Deploy(_)
        | Command::Upgrade { .. }
        | Command::Uninstall { .. } => Ok(Done { document: json!({}), code: exit::USAGE }),
    }
}

/// Calls a function: its answer as it came, and as it is shown.
async fn call<F: Functions>(
    functions: &F,
    function: &str,
    payload: &Value,
    effect: Effect,
) -> Result<(Value, Answer), Failure> {
    let answer = functions.call(function, payload, effect).await?;
    let read = Answer::read(&answer).map_err(|failure| failure.after("answer", answer.clone()))?;
    Ok((answer, read))
}

#[cfg(test)]
mod tests_of_commands {
    //! What the tests of the commands have in common.

    use std::cell::RefCell;
    use std::io::{self, Write};
    use std::rc::Rc;

    use crate::arguments::{Global, Output};
    use crate::screen::Screen;

    /// What was said.
    #[derive(Clone, Default)]
    pub struct Said(Rc<RefCell<Vec<u8>>>);

    impl Said {
        /// As text.
        pub fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }

        /// A screen without a person; `yes` agrees beforehand.
        pub fn screen(&self, yes: bool) -> Screen<'static> {
            let global =
                Global { profile: None, region: None, stack: "kiln".into(), output: Output::Table, yes };
            Screen::of(&global, Box::new(self.clone())).with_person(false, || Ok(String::new()))
        }
    }

    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Runs a future on a clock that is moved on as soon as everything waits.
    pub fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    }
}
