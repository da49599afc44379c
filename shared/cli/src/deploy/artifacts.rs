//! The bucket that Kiln is deployed from: a stack of its own, found by that stack and never by its name.

use super::bucket::Bucket;
use super::look::unique;
use super::plan::Plan;
use super::shares::Given;
use super::stack::{Body, Stack};
use crate::aws::Session;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// The resource that is the bucket.
const BUCKET: &str = "Bucket";

/// The name of its stack, after the home stack's.
pub(crate) fn stack_name(home_stack: &str) -> String {
    format!("{home_stack}-artifacts")
}

/// The bucket of this account. It must be there before CloudFormation can say what the home stack needs.
///
/// What comes into it is encrypted with `key`; an empty one is S3's own, `None` leaves it as it is. Where anything is to be
/// changed, that is shown and asked first.
///
/// # Errors
/// Nobody agreed, or the bucket is gone or another account's.
pub(crate) async fn ensure(
    stack: &Stack,
    body: &str,
    key: Option<&str>,
    account: &str,
    plan: &mut Plan,
    screen: &mut Screen<'_>,
) -> Result<Bucket, Failure> {
    let mut given = Given::new();
    if !stack.is_there().await? {
        given.insert("Suffix".into(), unique());
    }
    given.extend(key.map(|key| ("KmsKey".to_owned(), key.to_owned())));
    let known = ["Suffix".to_owned(), "KmsKey".to_owned()];
    plan.bring(stack, &Body::Text(body.into()), &given, &known, screen).await?;
    if let Some(change_set) = plan.proposed().next() {
        screen.say(change_set.lines());
        if change_set.creates {
            screen.say([
                "the functions are put there; what they need is shown after that, before it is created",
            ]);
        }
        screen.confirm(&format!("Change {}?", stack.title())).await?;
    }
    plan.carry_out(screen).await?;
    let Some(bucket) = find(stack, account).await? else {
        let what = format!("{} has no bucket.", stack.title());
        return Err(Failure::new(Kind::NotDone, what).advise("Delete that stack, and deploy again."));
    };
    bucket.check().await?;
    Ok(bucket)
}

/// The bucket, where there is one.
///
/// # Errors
/// Its stack cannot be seen.
pub(crate) async fn find(stack: &Stack, account: &str) -> Result<Option<Bucket>, Failure> {
    Bucket::of_stack(stack, account, BUCKET).await
}

/// The bucket of Kiln's versions before this one, whose name could be guessed; `None` if it is gone, or is another
/// account's. Nothing is read from it.
pub(crate) async fn former(session: &Session, account: &str) -> Option<Bucket> {
    let bucket = Bucket::of(session, &format!("kiln-artifacts-{account}-{}", session.home), account);
    bucket.check().await.ok().map(|()| bucket)
}
