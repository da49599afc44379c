//! A bill of materials as CycloneDX 1.6.

use serde::Serialize;

use super::bill::Bill;
use super::purl::purl;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: String,
    tools: Tools<'a>,
    component: Component<'a>,
}

#[derive(Serialize)]
struct Tools<'a> {
    components: [Component<'a>; 1],
}

#[derive(Serialize)]
struct Component<'a> {
    r#type: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    bom_ref: Option<String>,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
}

/// The document. An image counts as an operating system: "without regard to deployment model", as CycloneDX has it.
pub fn document<'a>(bill: &Bill<'a>) -> Document<'a> {
    let packages = bill.packages.iter().map(|package| {
        let purl = purl(package, bill.os);
        Component {
            r#type: "library",
            bom_ref: Some(purl.clone()),
            name: &package.name,
            version: &package.version,
            purl: Some(purl),
        }
    });
    let plain = |r#type, name, version| Component { r#type, bom_ref: None, name, version, purl: None };
    Document {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{}", bill.uuid("cyclonedx")),
        version: 1,
        metadata: Metadata {
            timestamp: bill.time(),
            tools: Tools { components: [plain("application", "kiln", bill.kiln)] },
            component: Component {
                bom_ref: Some("image".into()),
                ..plain("operating-system", bill.recipe, bill.version)
            },
        },
        components: packages.collect(),
    }
}
