//! The recipes' parameters in other accounts, by the roles of `infra/account.yaml`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use kiln_core::inventory::{CloudError, Result};
use kiln_core::model::{ImageId, Region};
use kiln_engine::ports::AccountParameters;

use crate::aws::errors::Call;
use crate::aws::sessions::Session;
use crate::aws::{Aws, parameters};

/// How long before its end a session is no longer used.
const SPARE: Duration = Duration::from_secs(300);
/// How long an account that could not be reached is not asked again: all Regions of a run get one answer.
const REFUSED_FOR: Duration = Duration::from_secs(30);
/// In the ARN of the role, what stands for the account.
const ANY_ACCOUNT: &str = "*";

impl AccountParameters for Aws {
    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>)
    async fn parameters_in(
        &self,
        account: &str,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, String>> {
        let given = parameters::given(&self.ssm_in(account, region).await?, region, names).await?;
        Ok(given.into_iter().filter_map(|parameter| Some((parameter.name?, parameter.value?))).collect())
    }

    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>)
    async fn put_image_in(&self, account: &str, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        parameters::put_image(&self.ssm_in(account, region).await?, region, name, image).await
    }
}

impl Aws {
    async fn ssm_in(&self, account: &str, region: &Region) -> Result<aws_sdk_ssm::Client> {
        let credentials = self.session(account).await?;
        let config = self.config().await.to_builder();
        let config = config.region(aws_config::Region::new(region.to_string()));
        let config = config.credentials_provider(SharedCredentialsProvider::new(credentials));
        Ok(aws_sdk_ssm::Client::new(&config.build()))
    }

    /// The credentials in an account. One call gets those for all of its Regions.
    async fn session(&self, account: &str) -> Result<Credentials> {
        let session = Arc::clone(self.sessions.borrow_mut().entry(account.to_owned()).or_default());
        let mut session = session.lock().await;
        let now = SystemTime::now();
        if let Some(open) = session.as_ref().filter(|open| now < open.until) {
            return open.credentials.clone();
        }
        let credentials = self.assume(account).await;
        let until = match &credentials {
            Ok(credentials) => credentials.expiry().and_then(|end| end.checked_sub(SPARE)).unwrap_or(now),
            Err(_) => now + REFUSED_FOR,
        };
        *session = Some(Session { until, credentials: credentials.clone() });
        credentials
    }

    async fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(self.config().await)
    }

    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>)
    async fn assume(&self, account: &str) -> Result<Credentials> {
        let call = Call::new("AssumeRole", &self.home);
        let Some(role) = &self.account_role else {
            let why = "this function has no KILN_ACCOUNT_ROLE; deploy the stack anew";
            return Err(CloudError::new("AssumeRole", account, &self.home, "ClientError", why));
        };
        let arn = role.arn.replacen(ANY_ACCOUNT, account, 1);
        let sts = self.sts().await;
        let request = sts.assume_role().role_arn(&arn).role_session_name(&self.stack);
        let given = request.set_external_id(role.external_id.clone()).send().await.map_err(call.on(&arn))?;
        let given = given.credentials().ok_or_else(|| call.lacks("credentials", &arn))?;
        Ok(Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            SystemTime::try_from(*given.expiration()).ok(),
            "kiln",
        ))
    }
}
