//! The name by which scanners know a package: its package URL (<https://github.com/package-url/purl-spec>).

use std::fmt::Write;

use super::bill::Os;
use crate::model::{Manager, Package};

/// The package URL of a package. The epoch of an RPM is a qualifier; that of a Debian package is a part of its version.
pub fn purl(package: &Package, os: &Os) -> String {
    let (kind, namespace) = match package.manager {
        Manager::Rpm => ("rpm", os.id.to_lowercase()),
        Manager::Dpkg => ("deb", os.id.to_lowercase()),
        Manager::Apk => ("apk", os.id.to_lowercase()),
        Manager::Unknown => ("generic", String::new()),
    };
    let name = match package.manager {
        Manager::Dpkg | Manager::Apk => package.name.to_lowercase(),
        Manager::Rpm | Manager::Unknown => package.name.clone(),
    };
    let (epoch, version) = match package.version.split_once(':') {
        Some((epoch, version)) if package.manager == Manager::Rpm => (Some(epoch), version),
        _ => (None, package.version.as_str()),
    };
    let mut text = format!("pkg:{kind}/");
    if !namespace.is_empty() {
        text += &format!("{}/", encoded(&namespace));
    }
    text += &encoded(&name);
    if !version.is_empty() {
        text += &format!("@{}", encoded(version));
    }
    let distro = [os.id.as_str(), &os.version].into_iter().filter(|part| !part.is_empty());
    let distro = distro.collect::<Vec<_>>().join("-");
    let qualifiers = [("distro", Some(distro.as_str())), ("epoch", epoch)];
    let given =
        qualifiers.into_iter().filter_map(|(key, value)| Some((key, value.filter(|v| !v.is_empty())?)));
    for (at, (key, value)) in given.enumerate() {
        text += &format!("{}{key}={}", if at == 0 { '?' } else { '&' }, encoded(value));
    }
    text
}

/// As the specification has it: letters, digits, `.-_~` and the colon stay.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(manager: Manager, name: &str, version: &str, id: &str, os: &str) -> String {
        let package = Package { name: name.into(), version: version.into(), manager };
        purl(&package, &Os { id: id.into(), version: os.into() })
    }

    #[test]
    fn each_manager_has_its_type_of_package_url() {
        assert_eq!(
            of(Manager::Dpkg, "libstdc++6", "12.2.0-14+deb12u1", "debian", "12"),
            "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?distro=debian-12"
        );
        assert_eq!(
            of(Manager::Rpm, "openssl-libs", "1:3.0.8-1.amzn2023.0.14", "amzn", "2023"),
            "pkg:rpm/amzn/openssl-libs@3.0.8-1.amzn2023.0.14?distro=amzn-2023&epoch=1"
        );
        assert_eq!(of(Manager::Dpkg, "vim", "2:9.0", "debian", ""), "pkg:deb/debian/vim@2:9.0?distro=debian");
        assert_eq!(
            of(Manager::Apk, "musl", "1.2.5-r0", "alpine", "3.20"),
            "pkg:apk/alpine/musl@1.2.5-r0?distro=alpine-3.20"
        );
    }

    #[test]
    fn what_would_be_read_as_a_part_of_the_url_is_encoded() {
        assert_eq!(
            of(Manager::Rpm, "a/b?c#d@e", "1 2", "x", ""),
            "pkg:rpm/x/a%2Fb%3Fc%23d%40e@1%202?distro=x"
        );
        assert_eq!(of(Manager::Rpm, "é", "", "x", ""), "pkg:rpm/x/%C3%A9?distro=x");
    }
}
