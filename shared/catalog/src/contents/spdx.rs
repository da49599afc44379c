//! A bill of materials as SPDX 2.3.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::bill::Bill;
use super::hash::hex;
use super::purl::purl;

/// What SPDX has said of what nobody looked into, such as licences.
const NOT_SAID: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package<'a>>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: String,
    creators: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: &'a str,
    version_info: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
    download_location: &'static str,
    files_analyzed: bool,
    license_concluded: &'static str,
    license_declared: &'static str,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_refs: Option<[ExternalRef; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: &'static str,
    relationship_type: &'static str,
    related_spdx_element: String,
}

impl<'a> Package<'a> {
    fn of(id: String, name: &'a str, version_info: &'a str) -> Self {
        Self {
            id,
            name,
            version_info,
            primary_package_purpose: None,
            download_location: NOT_SAID,
            files_analyzed: false,
            license_concluded: NOT_SAID,
            license_declared: NOT_SAID,
            copyright_text: NOT_SAID,
            external_refs: None,
        }
    }
}

/// The document: it describes the image, which contains the packages. A package has the same id in every bill.
pub fn document<'a>(bill: &Bill<'a>) -> Document<'a> {
    let image = Package {
        primary_package_purpose: Some("OPERATING-SYSTEM"),
        ..Package::of(IMAGE.into(), bill.recipe, bill.version)
    };
    let installed = bill.packages.iter().map(|package| {
        let purl = purl(package, bill.os);
        let id = format!("SPDXRef-Package-{}", &hex(&Sha256::digest(&purl))[..20]);
        Package {
            external_refs: Some([ExternalRef {
                reference_category: "PACKAGE-MANAGER",
                reference_type: "purl",
                reference_locator: purl,
            }]),
            ..Package::of(id, &package.name, &package.version)
        }
    });
    let packages: Vec<_> = std::iter::once(image).chain(installed).collect();
    let describes = Relationship {
        spdx_element_id: DOCUMENT,
        relationship_type: "DESCRIBES",
        related_spdx_element: IMAGE.into(),
    };
    let contains = packages.iter().skip(1).map(|package| Relationship {
        spdx_element_id: IMAGE,
        relationship_type: "CONTAINS",
        related_spdx_element: package.id.clone(),
    });
    Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: format!("{}-{}", bill.recipe, bill.version),
        document_namespace: format!("urn:uuid:{}", bill.uuid("spdx")),
        creation_info: CreationInfo { created: bill.time(), creators: [format!("Tool: kiln-{}", bill.kiln)] },
        relationships: std::iter::once(describes).chain(contains).collect(),
        packages,
    }
}
