//! Parameters, on SSM's Parameter Store.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{Parameter, ParameterType};
use kiln_core::inventory::{ErrorKind, ParameterKind, Result};
use kiln_core::model::{ImageId, Region};
use kiln_engine::ports::Parameters;

use crate::aws::errors::Call;
use crate::aws::{Aws, pages};

/// The most names that one GetParameters call takes.
const NAMES: usize = 10;
/// The data type that makes SSM have an image validated before a parameter names it.
const IMAGE: &str = "aws:ec2:image";

impl Parameters for Aws {
    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>)
    async fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>> {
        let call = self.ssm(region).await.get_parameter().name(name);
        match call.send().await.map_err(Call::new("GetParameter", region).on(name)) {
            Ok(given) => Ok(given.parameter.and_then(|parameter| parameter.value)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>)
    async fn parameters_below(&self, region: &Region, path: &str) -> Result<Vec<(String, String)>> {
        let request = self.ssm(region).await.get_parameters_by_path().path(path);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(Call::new("GetParametersByPath", region), path, fetch).await?;
        let named = given.into_iter().filter_map(|parameter| {
            let name = parameter.name?.rsplit('/').next()?.to_owned();
            Some((name, parameter.value?))
        });
        Ok(named.collect())
    }

    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>)
    async fn parameters(&self, region: &Region, names: &[String]) -> Result<BTreeMap<String, String>> {
        let given = given(&self.ssm(region).await, region, names).await?;
        Ok(given.into_iter().filter_map(|parameter| Some((parameter.name?, parameter.value?))).collect())
    }

    async fn parameter_kinds(
        &self,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, ParameterKind>> {
        let given = given(&self.ssm(region).await, region, names).await?;
        let kind = |given: Parameter| {
            let kind = given.r#type?.as_str().to_owned();
            Some((given.name?, ParameterKind { kind, data_type: given.data_type? }))
        };
        Ok(given.into_iter().filter_map(kind).collect())
    }

    /// The previous value stays in the parameter's history.
    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>)
    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        put_image(&self.ssm(region).await, region, name, image).await
    }

    /// Tries to write a value that the call's own pattern forbids, and does not overwrite. So nothing is ever written,
    /// whether the parameter exists or not: the error says whether the call was permitted.
    async fn try_parameter(&self, region: &Region, name: &str) -> Result<()> {
        let call =
            self.ssm(region).await.put_parameter().name(name).value("kiln checks whether it may write");
        let call = call.r#type(ParameterType::String).allowed_pattern("^ami-[0-9a-f]+$").overwrite(false);
        match call.send().await.map_err(Call::new("PutParameter", region).on(name)) {
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::Denied | ErrorKind::Throttled | ErrorKind::Unavailable
                ) =>
            {
                Err(error)
            }
            _ => Ok(()),
        }
    }
}

/// Points a parameter at an image, through the client of whichever account.
pub(super) async fn put_image(ssm: &Client, region: &Region, name: &str, image: &ImageId) -> Result<()> {
    let call = ssm.put_parameter().name(name).value(image.as_str());
    let call = call.r#type(ParameterType::String).data_type(IMAGE).overwrite(true);
    let call = call.description("The newest release of a Kiln recipe");
    call.send().await.map_err(Call::new("PutParameter", region).on(name)).map(|_| ())
}

/// The parameters with these names, through the client of whichever account.
pub(super) async fn given(ssm: &Client, region: &Region, names: &[String]) -> Result<Vec<Parameter>> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = names.iter().collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    for some in names.chunks(NAMES) {
        let request = ssm.get_parameters().set_names(Some(some.to_vec()));
        let call = Call::new("GetParameters", region);
        let given = request.send().await.map_err(call.on(some.join(", ")))?;
        // SSM lists the names that it does not know. What is in neither list was cut off, and may name an image.
        if given.parameters().len() + given.invalid_parameters().len() < some.len() {
            return Err(call.lacks("word about each parameter", some.join(", ")));
        }
        found.extend(given.parameters.unwrap_or_default());
    }
    Ok(found)
}
