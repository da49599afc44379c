//! What an image runs.

use std::fmt;

/// The operating system of an image, as far as it matters to what is launched from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Linux, or another Unix whose user data is a shell script.
    #[default]
    Linux,
    /// Windows. Kiln's support for it is experimental.
    Windows,
    /// macOS, which runs on Dedicated Hosts alone. Kiln cannot bake it.
    MacOs,
}

impl Platform {
    /// The platform of an image with these fields. Only Windows has a `platform`; macOS shows in its architecture.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html>)
    pub fn of(platform: &str, details: &str, architecture: &str) -> Self {
        let details = details.to_ascii_lowercase();
        if platform.eq_ignore_ascii_case("windows") || details.starts_with("windows") {
            Self::Windows
        } else if architecture.ends_with("_mac") || details.starts_with("mac") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::MacOs => "macOS",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_tells_its_platform() {
        for (platform, details, architecture, expected) in [
            ("", "Linux/UNIX", "arm64", Platform::Linux),
            ("", "", "x86_64", Platform::Linux),
            ("windows", "Windows", "x86_64", Platform::Windows),
            ("Windows", "", "x86_64", Platform::Windows),
            ("", "Windows with SQL Server Standard", "x86_64", Platform::Windows),
            ("", "Linux/UNIX", "arm64_mac", Platform::MacOs),
            ("", "Linux/UNIX", "x86_64_mac", Platform::MacOs),
        ] {
            assert_eq!(Platform::of(platform, details, architecture), expected, "{platform} {architecture}");
        }
    }
}
