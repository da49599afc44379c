//! The bakes that wait for room, as parameters in SSM's Parameter Store.

use aws_sdk_ssm::types::ParameterType;
use kiln_core::inventory::{ErrorKind, Result, Waiting};
use kiln_core::model::{ImageName, Region};
use kiln_engine::ports::{Parameters, WaitingBakes};

use crate::aws::Aws;
use crate::aws::errors::Call;

impl WaitingBakes for Aws {
    async fn waiting(&self, home: &Region) -> Result<Vec<Waiting>> {
        let given = self.parameters_below(home, &self.waiting_path()).await?;
        Ok(given.iter().filter_map(|(name, value)| Waiting::read(name, value)).collect())
    }

    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>)
    async fn note_waiting(&self, home: &Region, bake: &Waiting) -> Result<()> {
        let name = format!("{}/{}", self.waiting_path(), bake.name);
        let call = self.ssm(home).await.put_parameter().name(&name).value(bake.value());
        let call = call.r#type(ParameterType::String).overwrite(true);
        let call = call.description("Kiln: a bake that found no room for its builder");
        call.send().await.map_err(Call::new("PutParameter", home).on(&name)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html>)
    async fn forget_waiting(&self, home: &Region, bake: &ImageName) -> Result<()> {
        let name = format!("{}/{bake}", self.waiting_path());
        let call = self.ssm(home).await.delete_parameter().name(&name);
        match call.send().await.map_err(Call::new("DeleteParameter", home).on(&name)) {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Aws {
    fn waiting_path(&self) -> String {
        format!("/{}/waiting", self.stack)
    }
}
