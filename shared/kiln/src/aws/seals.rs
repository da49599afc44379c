//! Derives the keys of seals from the stack's KMS keys.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;
use kiln_core::inventory::Result;
use kiln_core::model::SealKeys;
use kiln_core::model::seal::DERIVATION;
use kiln_engine::bounded::{CALLS, try_bounded};

use crate::aws::Aws;
use crate::aws::errors::Call;

impl Aws {
    /// The keys of seals: one GenerateMac for each KMS key, once in the life of a function. If it fails, the next
    /// invocation tries again.
    /// (<https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html>)
    pub async fn seals(&self) -> Result<&SealKeys> {
        self.seals
            .get_or_try_init(|| async {
                let secrets = try_bounded(CALLS, self.seal_keys.iter().map(|key| self.derived(key))).await?;
                let mut secrets = secrets.into_iter();
                let none = || Call::new("GenerateMac", &self.home).lacks("key", "KILN_SEAL_KEYS");
                let current = SealKeys::new(secrets.next().ok_or_else(none)?);
                Ok(secrets.fold(current, SealKeys::accepting))
            })
            .await
    }

    async fn derived(&self, key: &str) -> Result<[u8; 32]> {
        let call = Call::new("GenerateMac", &self.home);
        let given = self
            .kms(&self.home)
            .await
            .generate_mac()
            .key_id(key)
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(Blob::new(DERIVATION))
            .send()
            .await
            .map_err(call.on(key))?;
        let mac = given.mac().and_then(|mac| <[u8; 32]>::try_from(mac.as_ref()).ok());
        mac.ok_or_else(|| call.lacks("MAC of 32 bytes", key))
    }
}
