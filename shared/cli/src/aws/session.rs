//! Who is signed in, and where: found as the AWS CLI finds it.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lambda::config::StalledStreamProtectionConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_types::error::display::DisplayErrorContext;

use crate::arguments::Global;
use crate::failure::{Failure, Kind};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take. A function may take 15 minutes, and has longer; so has a file that goes up by a slow line.
const READ: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(930);

/// Somebody who is signed in, and Kiln's home Region.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    config: SdkConfig,
    /// Kiln's home Region.
    pub home: String,
    /// The profile, if one was named.
    pub profile: Option<String>,
}

impl Session {
    /// Finds credentials and Region as the AWS CLI does.
    ///
    /// # Errors
    /// What is missing, and how it is given.
    pub async fn connect(global: &Global) -> Result<Self, Failure> {
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https.clone())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(region) = &global.region {
            loader = loader.region(Region::new(region.to_string()));
        }
        if let Some(profile) = &global.profile {
            // A profile that somebody names is meant, whatever the environment holds.
            // It needs a Region for the roles that it assumes.
            let region = match &global.region {
                Some(region) => Some(Region::new(region.to_string())),
                None => {
                    let of_profile = ProfileFileRegionProvider::builder().profile_name(profile).build();
                    let environment = EnvironmentVariableRegionProvider::new();
                    RegionProviderChain::first_try(environment).or_else(of_profile).region().await
                }
            };
            let with = ProviderConfig::default().with_http_client(https).with_region(region);
            let named =
                ProfileFileCredentialsProvider::builder().configure(&with).profile_name(profile).build();
            loader = loader.profile_name(profile).credentials_provider(named);
        }
        let config = loader.load().await;
        let profile = global.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
        signed_in(&config, profile.as_deref()).await?;
        let home = config.region().map(ToString::to_string).ok_or_else(|| {
            Failure::new(Kind::Region, "No Region is set, so it is not known where Kiln is.")
                .advise("Name Kiln's home Region: --region us-east-1, AWS_REGION, or region in your profile.")
        })?;
        Ok(Self { config, home, profile })
    }

    /// What clients of the home Region are made from.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// What clients of any Region are made from.
    pub fn config_in(&self, region: &str) -> SdkConfig {
        self.config.clone().into_builder().region(Region::new(region.to_owned())).build()
    }

    /// A client of Lambda in the home Region, which waits as long as a function may take.
    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::config::Builder::from(&self.config).timeout_config(patient());
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    /// A client of S3 in the home Region.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        // What stands in for AWS has one name for all its buckets.
        let by_path = self.is_elsewhere();
        let config = aws_sdk_s3::config::Builder::from(&self.config).timeout_config(patient());
        aws_sdk_s3::Client::from_conf(config.force_path_style(by_path).build())
    }

    /// Whether something else than AWS answers.
    pub fn is_elsewhere(&self) -> bool {
        self.config.endpoint_url().is_some()
    }

    /// The account.
    ///
    /// # Errors
    /// Why it cannot be seen.
    pub async fn account(&self) -> Result<String, Failure> {
        let sts = aws_sdk_sts::Client::new(&self.config);
        let found = sts.get_caller_identity().send().await;
        let found = found.map_err(|error| super::refused(self, "GetCallerIdentity", &self.home, &error))?;
        Ok(found.account().unwrap_or_default().to_owned())
    }
}

fn patient() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(LONG).build()
}

/// Looks for credentials before anything is called: why there are none is told best by who looks for them.
async fn signed_in(config: &SdkConfig, profile: Option<&str>) -> Result<(), Failure> {
    let Some(provider) = config.credentials_provider() else {
        return Err(Failure::new(Kind::Credentials, "There are no AWS credentials.").advise(sign_in(profile)));
    };
    let Err(error) = provider.provide_credentials().await else { return Ok(()) };
    let said = DisplayErrorContext(&error).to_string();
    let is_missing =
        said.contains("was not defined") || matches!(error, CredentialsError::CredentialsNotLoaded(_));
    if let Some(profile) = profile.filter(|_| is_missing) {
        let what =
            format!("There is no profile {profile} in your AWS configuration, or it has no credentials.");
        return Err(Failure::new(Kind::Profile, what)
            .advise("aws configure list-profiles lists those that there are; name one with --profile."));
    }
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) || said.contains("IMDS") {
        let what = "There are no AWS credentials, neither in the environment nor in your AWS configuration.";
        return Err(Failure::new(Kind::Credentials, what).advise(sign_in(profile)));
    }
    // Behind it stands how the SDK writes it for itself.
    let why = said.split(" (").next().unwrap_or_default();
    let what = format!("There are no AWS credentials that can be used: {why}.");
    Err(Failure::new(Kind::Credentials, what).advise(sign_in(profile)))
}

/// How somebody signs in.
pub(crate) fn sign_in(profile: Option<&str>) -> String {
    let profile = profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default();
    format!("Sign in anew (aws sso login{profile}, or aws configure{profile}), or name another --profile.")
}
