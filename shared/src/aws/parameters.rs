//! Parameters, on SSM.

use super::Aws;
use super::errors::Call;
use crate::cloud::{Cloudly, Kind, Parameters};
use crate::domain::Region;

impl Parameters for Aws {
    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>)
    async fn parameter(&self, region: &Region, name: &str) -> Cloudly<Option<String>> {
        let call = self.ssm(region).await.get_parameter().name(name);
        match call.send().await.map_err(Call::new("GetParameter", region).on(name)) {
            Ok(given) => Ok(given.parameter.and_then(|parameter| parameter.value)),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>)
    async fn parameters_below(&self, region: &Region, path: &str) -> Cloudly<Vec<(String, String)>> {
        let pages = self.ssm(region).await.get_parameters_by_path().path(path).into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await;
        let pages = pages.map_err(Call::new("GetParametersByPath", region).on(path))?;
        let given = pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
        let named = given.filter_map(|parameter| {
            let name = parameter.name?.rsplit('/').next()?.to_owned();
            Some((name, parameter.value?))
        });
        Ok(named.collect())
    }
}
