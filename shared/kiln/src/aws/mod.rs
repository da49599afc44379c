//! The ports, implemented on the AWS SDK.

mod accounts;
mod bus;
mod errors;
mod functions;
mod https;
mod images;
mod instances;
mod launchers;
mod links;
mod pages;
mod parameters;
mod queues;
mod read;
mod ready;
mod reports;
mod seals;
mod sessions;
mod sharing;
mod store;
mod surroundings;
mod templates;
mod topic;
mod usage;
mod waiting;
mod ways_out;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use kiln_core::model::{Region, SealKeys};
use tokio::sync::OnceCell;

pub use sessions::AccountRole;
use sessions::Sessions;

/// How often a call is tried at most, the first time included, unless `AWS_MAX_ATTEMPTS` says otherwise.
pub const MAX_ATTEMPTS: u32 = 6;

/// AWS, as Kiln calls it. Each client is built when it is first needed, once for its Region, and kept as long as the
/// function is warm.
#[derive(Debug)]
pub struct Aws {
    home: Region,
    /// The stack, whose name those of the functions begin with.
    stack: String,
    bus: String,
    /// The stack's bucket, for what is large.
    store: String,
    connector: OnceLock<SharedHttpConnector>,
    /// The KMS keys of the seals, the current one first.
    seal_keys: Vec<String>,
    seals: OnceCell<SealKeys>,
    max_attempts: u32,
    config: OnceCell<SdkConfig>,
    ec2: RefCell<BTreeMap<Region, aws_sdk_ec2::Client>>,
    ssm: RefCell<BTreeMap<Region, aws_sdk_ssm::Client>>,
    /// The role by which it reaches parameters of other accounts, if the stack names one.
    account_role: Option<AccountRole>,
    sessions: Sessions,
    /// The URLs of the stack's queues.
    queues: Vec<String>,
    sqs: OnceCell<aws_sdk_sqs::Client>,
    /// The topic through which people are told, if the stack names one.
    topic: Option<String>,
    sns: OnceCell<aws_sdk_sns::Client>,
    events: OnceCell<aws_sdk_eventbridge::Client>,
    kms: RefCell<BTreeMap<Region, aws_sdk_kms::Client>>,
    lambda: OnceCell<aws_sdk_lambda::Client>,
    quotas: OnceCell<aws_sdk_servicequotas::Client>,
    auto_scaling: RefCell<BTreeMap<Region, aws_sdk_autoscaling::Client>>,
}

impl Aws {
    /// AWS with this home Region, this stack, this bus for Kiln's events, this bucket, and these KMS keys of its seals, the
    /// current one first. Makes no call.
    pub fn new(home: Region, stack: String, bus: String, store: String, seal_keys: Vec<String>) -> Self {
        Self {
            home,
            stack,
            bus,
            store,
            connector: OnceLock::new(),
            seal_keys,
            seals: OnceCell::new(),
            max_attempts: MAX_ATTEMPTS,
            config: OnceCell::new(),
            ec2: RefCell::default(),
            ssm: RefCell::default(),
            account_role: None,
            sessions: Sessions::default(),
            queues: Vec::new(),
            sqs: OnceCell::new(),
            topic: None,
            sns: OnceCell::new(),
            events: OnceCell::new(),
            kms: RefCell::default(),
            lambda: OnceCell::new(),
            quotas: OnceCell::new(),
            auto_scaling: RefCell::default(),
        }
    }

    /// The same, with each call tried so often at most, the first time included.
    #[must_use]
    pub fn with_max_attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts, ..self }
    }

    /// The same, with the role by which it reaches parameters of other accounts.
    #[must_use]
    pub fn with_account_role(self, account_role: Option<AccountRole>) -> Self {
        Self { account_role, ..self }
    }

    /// The same, with the URLs of the stack's queues, in the order of [`kiln_core::failures::Queue::ALL`].
    #[must_use]
    pub fn with_queues(self, queues: Vec<String>) -> Self {
        Self { queues, ..self }
    }

    /// The same, with the topic through which people are told.
    #[must_use]
    pub fn with_topic(self, topic: Option<String>) -> Self {
        Self { topic, ..self }
    }

    /// The same, with these keys of seals instead of those of the stack.
    #[must_use]
    pub fn sealed_with(self, keys: SealKeys) -> Self {
        Self { seals: OnceCell::new_with(Some(keys)), ..self }
    }

    fn connector(&self) -> &SharedHttpConnector {
        self.connector.get_or_init(https::connector)
    }

    async fn config(&self) -> &SdkConfig {
        let build = || async {
            // A Lambda function has its credentials in the environment and nowhere else. The rest of the provider
            // chain (files, SSO, instance metadata) would only make the binary larger and a failure slower.
            aws_config::defaults(BehaviorVersion::latest())
                .region(aws_config::Region::new(self.home.to_string()))
                .credentials_provider(EnvironmentVariableCredentialsProvider::new())
                .http_client(https::client(self.connector()))
                .retry_config(RetryConfig::adaptive().with_max_attempts(self.max_attempts))
                .timeout_config(
                    TimeoutConfig::builder()
                        .connect_timeout(https::CONNECT)
                        .operation_attempt_timeout(https::ANSWER)
                        .build(),
                )
                .load()
                .await
        };
        self.config.get_or_init(build).await
    }

    /// The client of a Region: built when it is first needed, and kept.
    async fn client<C: Clone>(
        &self,
        clients: &RefCell<BTreeMap<Region, C>>,
        region: &Region,
        build: fn(&SdkConfig) -> C,
    ) -> C {
        if let Some(client) = clients.borrow().get(region) {
            return client.clone();
        }
        let region_of_client = aws_config::Region::new(region.to_string());
        let config = self.config().await.to_builder().region(region_of_client).build();
        clients.borrow_mut().entry(region.clone()).or_insert_with(|| build(&config)).clone()
    }

    async fn ec2(&self, region: &Region) -> aws_sdk_ec2::Client {
        self.client(&self.ec2, region, aws_sdk_ec2::Client::new).await
    }

    async fn ssm(&self, region: &Region) -> aws_sdk_ssm::Client {
        self.client(&self.ssm, region, aws_sdk_ssm::Client::new).await
    }

    async fn kms(&self, region: &Region) -> aws_sdk_kms::Client {
        self.client(&self.kms, region, aws_sdk_kms::Client::new).await
    }

    async fn auto_scaling(&self, region: &Region) -> aws_sdk_autoscaling::Client {
        self.client(&self.auto_scaling, region, aws_sdk_autoscaling::Client::new).await
    }

    /// Quotas are read in the home Region only.
    async fn quotas(&self) -> &aws_sdk_servicequotas::Client {
        self.quotas.get_or_init(|| async { aws_sdk_servicequotas::Client::new(self.config().await) }).await
    }

    async fn lambda(&self) -> &aws_sdk_lambda::Client {
        self.lambda.get_or_init(|| async { aws_sdk_lambda::Client::new(self.config().await) }).await
    }

    async fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| async { aws_sdk_sqs::Client::new(self.config().await) }).await
    }

    async fn sns(&self) -> &aws_sdk_sns::Client {
        self.sns.get_or_init(|| async { aws_sdk_sns::Client::new(self.config().await) }).await
    }

    async fn events(&self) -> &aws_sdk_eventbridge::Client {
        self.events.get_or_init(|| async { aws_sdk_eventbridge::Client::new(self.config().await) }).await
    }
}
