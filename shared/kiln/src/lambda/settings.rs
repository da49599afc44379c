//! The settings of a function, from its environment.

use kiln_core::expire::forecast::Prices;
use kiln_core::model::Region;
use kiln_core::recipe::{Bounds, Patterns};
use kiln_engine::context::Context;
use thiserror::Error;

use crate::aws::{AccountRole, MAX_ATTEMPTS};

/// What stands for the keys of the seals where a function needs none.
const NO_SEALS: &str = "none";

/// What a function must know before it can do anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What every handler knows about this installation of Kiln.
    pub context: Context,
    /// The name of the stack, which the names of the functions begin with.
    pub stack: String,
    /// The bus that Kiln sends its events to.
    pub bus: String,
    /// The stack's bucket, for what is large: the folders of recipes, and logs.
    pub store: String,
    /// The ARNs of the KMS keys from which the keys of seals are derived, the current one first; none for a function that
    /// reads and writes no tags.
    pub seal_keys: Vec<String>,
    /// The role by which this function reaches parameters of other accounts; `None` if it has no need to.
    pub account_role: Option<AccountRole>,
    /// The URLs of the stack's queues, as [`kiln_core::failures::Queue::ALL`] names them; empty for a function that has no
    /// need of them.
    pub queues: Vec<String>,
    /// The topic through which people are told; `None` if the stack has none.
    pub topic: Option<String>,
    /// How often a call of AWS is tried at most, the first time included.
    pub max_attempts: u32,
    /// What is logged: a level, or a filter such as `kiln=debug`.
    pub log: String,
}

/// Settings that cannot be used, with everything that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the function's environment is invalid, so nothing was done:{}\nRedeploy the stack, which sets these variables.",
    .0.iter().map(|problem| format!("\n  - {problem}")).collect::<String>())]
pub struct BadSettings(pub Vec<String>);

impl Settings {
    /// Reads the settings through `get`, which returns the value of an environment variable.
    ///
    /// # Errors
    /// Every variable that is missing or wrong, at once.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, BadSettings> {
        let mut problems = Vec::new();
        let mut needed = |name: &str, what: &str| {
            let value = get(name).filter(|value| !value.trim().is_empty());
            if value.is_none() {
                problems.push(format!("{name} is not set; it names {what}"));
            }
            value.unwrap_or_default()
        };
        let home = needed("AWS_REGION", "the home Region; Lambda sets it");
        let stack = needed("KILN_STACK", "the stack, whose name those of the functions begin with");
        let bus = needed("KILN_BUS", "the EventBridge bus that Kiln sends its events to, such as kiln");
        let recipes = needed("KILN_RECIPES", "the SSM path of the recipes, such as /kiln/recipes");
        let store = needed("KILN_STORE", "the stack's bucket, where the folders of recipes and logs lie");
        let seal_keys =
            needed("KILN_SEAL_KEYS", "the ARN of the KMS key of the seals, then those of former keys");
        let region = match home.parse::<Region>() {
            Ok(region) => Some(region),
            Err(_) if home.is_empty() => None,
            Err(error) => {
                problems.push(format!("AWS_REGION: {error}"));
                None
            }
        };
        if !recipes.is_empty() && !recipes.starts_with('/') {
            problems.push(format!(
                "KILN_RECIPES is {recipes:?}; it must begin with a slash, such as /kiln/recipes"
            ));
        }
        let prices = match prices(&get("KILN_SNAPSHOT_PRICES").unwrap_or_default()) {
            Ok(prices) => prices,
            Err(part) => {
                problems.push(format!(
                    "KILN_SNAPSHOT_PRICES contains {part:?}, which cannot be read; expected US dollars per GB and month, then other prices by Region: \"0.05 sa-east-1=0.068\""
                ));
                Prices::default()
            }
        };
        // Without a value there is no bound. An empty one allows nothing.
        let patterns = |name: &str| Patterns::of(get(name).as_deref().unwrap_or("*"));
        let bounds = Bounds {
            share_targets: patterns("KILN_SHARE_TARGETS"),
            public_images: get("KILN_PUBLIC_IMAGES").is_none_or(|given| given == "allowed"),
            base_parameters: patterns("KILN_BASE_PARAMETERS"),
            instance_types: patterns("KILN_INSTANCE_TYPES"),
            fetch_from: patterns("KILN_FETCH_FROM"),
            profiles: patterns("KILN_INSTANCE_PROFILES"),
        };
        let account_role = get("KILN_ACCOUNT_ROLE").filter(|arn| !arn.is_empty());
        let external_id = get("KILN_EXTERNAL_ID").filter(|id| !id.is_empty());
        let account_role = account_role.map(|arn| AccountRole { arn, external_id });
        let topic = get("KILN_NOTIFY_TOPIC").filter(|arn| !arn.is_empty());
        let max_attempts = get("AWS_MAX_ATTEMPTS").filter(|attempts| !attempts.trim().is_empty());
        let max_attempts = match max_attempts.as_deref().map(|attempts| (attempts, attempts.trim().parse())) {
            None => MAX_ATTEMPTS,
            Some((_, Ok(attempts))) if attempts > 0 => attempts,
            Some((attempts, _)) => {
                problems.push(format!(
                    "AWS_MAX_ATTEMPTS is {attempts:?}; it must be a whole number of 1 or more, such as {MAX_ATTEMPTS}"
                ));
                MAX_ATTEMPTS
            }
        };
        let log = get("KILN_LOG").filter(|log| !log.is_empty()).unwrap_or_else(|| "info".into());
        match region {
            Some(home) if problems.is_empty() => {
                let recipes = recipes.trim_end_matches('/').to_owned();
                let seal_keys = seal_keys.split_whitespace().filter(|key| *key != NO_SEALS);
                let seal_keys = seal_keys.map(str::to_owned).collect();
                let queues = get("KILN_QUEUES").unwrap_or_default();
                let queues = queues.split_whitespace().map(str::to_owned).collect();
                Ok(Self {
                    context: Context { home, recipes, bounds, prices },
                    stack,
                    bus,
                    store,
                    seal_keys,
                    account_role,
                    queues,
                    topic,
                    max_attempts,
                    log,
                })
            }
            _ => Err(BadSettings(problems)),
        }
    }
}

/// Reads prices. The error is the part that cannot be read.
fn prices(text: &str) -> Result<Prices, String> {
    let mut prices = Prices::default();
    for part in text.split_whitespace() {
        let (region, price) =
            part.split_once('=').map_or((None, part), |(region, price)| (Some(region), price));
        let price = price.parse::<f64>().ok().filter(|price| price.is_finite() && *price >= 0.0);
        match (region.map(str::parse::<Region>), price) {
            (None, Some(price)) => prices.usd_per_gb_month = price,
            (Some(Ok(region)), Some(price)) => {
                prices.regions.insert(region, price);
            }
            _ => return Err(part.to_owned()),
        }
    }
    Ok(prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("KILN_SEAL_KEYS", "arn:aws:kms:us-east-1:123456789012:key/one");
    const STACK: (&str, &str) = ("KILN_STACK", "kiln");
    const STORE: (&str, &str) = ("KILN_STORE", "kiln-store-1");

    #[test]
    fn one_price_is_for_all_regions_and_single_regions_may_have_others() {
        let read = prices("0.06 sa-east-1=0.068").unwrap();
        assert_eq!((read.usd_per_gb_month, read.regions.len()), (0.06, 1));
        assert_eq!(prices("").unwrap(), Prices::default());
        for wrong in ["cheap", "-1", "nowhere=1", "sa-east-1=", "NaN"] {
            assert_eq!(prices(wrong), Err(wrong.to_owned()));
        }
    }

    fn read(given: &[(&str, &str)]) -> Result<Settings, BadSettings> {
        Settings::read(|name| {
            given.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_missing_variable_is_named_at_once_with_its_meaning() {
        let error = read(&[("AWS_REGION", "us-east-1"), ("KILN_BUS", " ")]).unwrap_err();
        assert_eq!(error.0.len(), 5);
        for (problem, name) in
            error.0.iter().zip(["KILN_STACK", "KILN_BUS", "KILN_RECIPES", "KILN_STORE", "KILN_SEAL_KEYS"])
        {
            assert!(problem.starts_with(&format!("{name} is not set")), "{problem}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_is_an_error() {
        let error = read(&[
            ("AWS_REGION", "home"),
            ("KILN_BUS", "kiln"),
            ("KILN_RECIPES", "recipes"),
            KEY,
            STACK,
            STORE,
        ])
        .unwrap_err();
        assert_eq!(error.0.len(), 2);
    }

    #[test]
    fn a_function_that_needs_no_seals_has_no_keys_of_them() {
        let given = [
            ("AWS_REGION", "us-east-1"),
            ("KILN_BUS", "kiln"),
            ("KILN_RECIPES", "/kiln/recipes"),
            ("KILN_SEAL_KEYS", "none"),
            ("KILN_NOTIFY_TOPIC", ""),
            STACK,
            STORE,
        ];
        let settings = read(&given).unwrap();
        assert_eq!((settings.seal_keys, settings.topic), (Vec::new(), None));
    }

    #[test]
    fn a_trailing_slash_of_the_recipes_path_is_removed() {
        let given = [
            ("AWS_REGION", "us-east-1"),
            ("KILN_BUS", "kiln"),
            ("KILN_RECIPES", "/kiln/recipes/"),
            KEY,
            STACK,
            STORE,
        ];
        assert_eq!(read(&given).unwrap().context.recipes, "/kiln/recipes");
    }

    #[test]
    fn a_call_is_tried_as_often_as_aws_max_attempts_says_and_six_times_where_it_says_nothing() {
        let with = |attempts| {
            let rest = [
                ("AWS_REGION", "us-east-1"),
                ("KILN_BUS", "kiln"),
                ("KILN_RECIPES", "/kiln/recipes"),
                KEY,
                STACK,
                STORE,
            ];
            read(&[&rest[..], &[("AWS_MAX_ATTEMPTS", attempts)]].concat())
                .map(|settings| settings.max_attempts)
        };
        assert_eq!((with(""), with("1"), with("12")), (Ok(6), Ok(1), Ok(12)));
        for wrong in ["0", "-1", "2.5", "many"] {
            let error = with(wrong).unwrap_err().to_string();
            assert!(
                error.contains(&format!("AWS_MAX_ATTEMPTS is {wrong:?}; it must be a whole number")),
                "{error}"
            );
        }
    }
}
