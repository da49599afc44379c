//! `bake`: starts the next image of a recipe.
//!
//! Woken by EventBridge Scheduler every night for all recipes, by Kiln's own `Image Released` for the recipes that have
//! the release as their base, and by hand with `{"recipe": "web"}`. Answers with the decision for each recipe, and why.
//! It may launch builders with Kiln's tags, and tag and stop the long-lived builders that a person tagged
//! `kiln:recipe`. Its preflight tries to write the recipes' parameters with a value that SSM rejects. It touches
//! nothing else.

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
