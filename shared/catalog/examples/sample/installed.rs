//! What is installed in the images of the sample.

use kiln_catalog::Packages;
use kiln_catalog::contents::Os;
use kiln_catalog::model::{Manager, Package};

const AMAZON: &str = "acl=2.3.1-2.amzn2023.0.2 alternatives=1.15-2.amzn2023.0.2 amazon-ssm-agent=3.3.859.0-1.amzn2023 \
    audit=3.0.6-1.amzn2023.0.2 bash=5.2.15-1.amzn2023.0.2 bind-libs=32:9.18.28-1.amzn2023.0.2 \
    ca-certificates=2023.2.68-1.0.amzn2023.0.1 chrony=4.3-1.amzn2023.0.4 cloud-init=22.2.2-1.amzn2023.1.12 \
    coreutils=8.32-30.amzn2023.0.3 curl-minimal=8.5.0-1.amzn2023.0.4 dbus=1:1.12.28-1.amzn2023.0.1 \
    dnf=4.14.0-1.amzn2023.0.5 ec2-utils=2.2.0-1.amzn2023.0.1 expat=2.5.0-1.amzn2023.0.4 glib2=2.82.2-764.amzn2023 \
    glibc=2.34-117.amzn2023.0.1 gnupg2-minimal=2.3.7-1.amzn2023.0.4 grep=3.8-1.amzn2023.0.4 gzip=1.12-1.amzn2023.0.1 \
    kernel=6.1.112-122.189.amzn2023 krb5-libs=1.21.3-1.amzn2023.0.1 libarchive=3.7.4-2.amzn2023.0.2 \
    libcap=2.48-2.amzn2023.0.3 libnghttp2=1.59.0-3.amzn2023.0.1 libxml2=2.10.4-1.amzn2023.0.6 \
    ncurses=6.2-4.20200222.amzn2023.0.6 openssh-server=8.7p1-8.amzn2023.0.13 openssl-libs=1:3.0.8-1.amzn2023.0.18 \
    pam=1.5.1-8.amzn2023.0.4 python3=3.9.16-1.amzn2023.0.9 rpm=4.16.1.3-29.amzn2023.0.6 sed=4.8-7.amzn2023.0.2 \
    selinux-policy=37.22-1.amzn2023.0.3 sqlite-libs=3.40.0-1.amzn2023.0.4 sudo=1.9.15-1.p5.amzn2023.0.1 \
    systemd=252.23-2.amzn2023 tar=2:1.34-1.amzn2023.0.4 tzdata=2024a-1.amzn2023.0.1 util-linux=2.37.4-1.amzn2023.0.4 \
    vim-minimal=2:9.1.785-1.amzn2023.0.1 zlib=1.2.11-33.amzn2023.0.5 zstd=1.5.5-1.amzn2023.0.1";

const DEBIAN: &str = "adduser=3.134 apparmor=3.0.8-3 apt=2.6.1 base-files=12.4+deb12u7 bash=5.2.15-2+b7 \
    ca-certificates=20230311 cloud-init=22.4.2-1+deb12u1 coreutils=9.1-1 curl=7.88.1-10+deb12u7 dash=0.5.12-2 \
    dpkg=1.21.22 e2fsprogs=1.47.0-2 grub-common=2.06-13+deb12u1 iproute2=6.1.0-3 libc6=2.36-9+deb12u8 \
    libexpat1=2.5.0-1+deb12u1 libgnutls30=3.7.9-2+deb12u3 libpam-modules=1.5.2-6+deb12u1 libssl3=3.0.14-1~deb12u2 \
    libstdc++6=12.2.0-14 libsystemd0=252.30-1~deb12u2 linux-image-cloud-amd64=6.1.106-3 \
    openssh-server=1:9.2p1-2+deb12u3 perl-base=5.36.0-7+deb12u1 python3=3.11.2-1+b1 sudo=1.9.13p3-1+deb12u1 \
    systemd=252.30-1~deb12u2 tzdata=2024a-0+deb12u1 util-linux=2.38.1-5+deb12u1 zlib1g=1:1.2.13.dfsg-1";

/// The system below an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Amazon Linux 2023.
    Amazon,
    /// Debian 12.
    Debian,
}

impl System {
    /// As its own `/etc/os-release` names it.
    pub fn os(self) -> Os {
        let (id, version) = if self == Self::Amazon { ("amzn", "2023") } else { ("debian", "12") };
        Os { id: id.into(), version: version.into() }
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        if self == Self::Amazon { "Amazon Linux 2023.6" } else { "Debian GNU/Linux 12 (bookworm)" }
    }

    /// What is installed after this many bakes: each brings newer versions of a few packages. `own`: what the recipe
    /// installs itself.
    pub fn packages(self, bakes: usize, own: &[&str]) -> Packages {
        let (texts, manager) =
            if self == Self::Amazon { (AMAZON, Manager::Rpm) } else { (DEBIAN, Manager::Dpkg) };
        let all = texts.split_whitespace().chain(own.iter().copied()).enumerate();
        all.filter_map(|(at, text)| {
            let (name, version) = text.split_once('=')?;
            // A package comes after some bakes, or leaves: so there is more than changes to see.
            let is_there = match name {
                "zstd" => bakes >= 3,
                "vim-minimal" | "tzdata" => bakes < 4,
                _ => true,
            };
            let updates = (bakes + at * 7) / 11 - at * 7 / 11;
            let suffix = if updates == 0 { String::new() } else { format!(".{updates}") };
            let version = format!("{version}{suffix}");
            is_there.then(|| Package { name: name.into(), version, manager })
        })
        .collect()
    }
}
