//! Watermarks: names that an account puts on its images, and that go along to whatever is made of them. Other accounts
//! can allow launches only of what bears one.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-watermark.html>)

use crate::inventory::Image;

/// The key of a watermark that an account puts on its images.
pub fn key(account: &str, name: &str) -> String {
    format!("{account}:{name}")
}

impl Image {
    /// Whether it bears the watermark of this name of its own account: its own, or that of what it was made of.
    pub fn bears(&self, name: &str) -> bool {
        let key = key(&self.owner, name);
        self.watermarks.contains(&key)
    }
}
