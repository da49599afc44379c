//! `bake`: begins the next image of a recipe.
//!
//! Woken by EventBridge Scheduler every night for all recipes, and by hand with `{"recipe": "web"}`. Answers with
//! what was decided for each recipe, and why. It may launch instances that bear Kiln's tags, and stop the ones that
//! a person tagged `kiln:recipe`; nothing else.

use kiln::events::inbound::BakeCall;
use kiln::handlers::bake::bake;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("bake", async |kiln, payload, now| {
        Ok(bake(&kiln.cloud, &kiln.context, &BakeCall::read(payload)?, now).await?)
    })
    .await
}
