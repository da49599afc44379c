//! `bake.root`, `bake.volumes` and `bake.encrypt`: the disks of a builder, as they differ from those of its base.

use toml::Value;

use super::table_reader::{TableReader, quoted, show};
use super::validate::{kms_key, optional};
use super::violation::Violations;

/// The disks of a builder, as they differ from those of its base.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disks {
    /// What is different about the root device; `None` if it is as in the base.
    pub root: Option<DiskSettings>,
    /// Volumes beside those of the base.
    pub volumes: Vec<Volume>,
    /// The KMS key that encrypts all of them, and so the image; `None` for the base's encryption or the account's default.
    pub encrypt: Option<String>,
}

impl Disks {
    /// The devices of the builder that its image is to be without.
    pub fn left_out(&self) -> Vec<String> {
        let volumes = self.volumes.iter().filter(|volume| !volume.in_image);
        volumes.map(|volume| volume.device.clone()).collect()
    }
}

/// The size and speed of a disk. What is not set is as in the base, or EC2's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskSettings {
    /// The size, in GiB.
    pub gib: Option<u32>,
    /// The type of the volume, such as `gp3`.
    pub kind: Option<String>,
    /// Operations per second.
    pub iops: Option<u32>,
    /// The throughput, in MiB/s.
    pub throughput: Option<u32>,
}

/// A volume beside those of the base. It begins empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The device name, such as `/dev/sdf`.
    pub device: String,
    /// Its size and speed. The size is always set.
    pub settings: DiskSettings,
    /// Whether the image has it too. If not, it is there for the bake alone.
    pub in_image: bool,
}

const SIZE: &str = "a size such as \"20G\" or \"1T\", from 1G to 64T";
const DEVICE: &str = "a device name from \"/dev/sdb\" to \"/dev/sdz\", or \"/dev/xvdb\" and the like";
/// A type of volume.
struct Kind {
    name: &'static str,
    /// The range of `iops`, if it takes any.
    iops: Option<(usize, usize)>,
    needs_iops: bool,
}

const fn kind(name: &'static str, iops: Option<(usize, usize)>, needs_iops: bool) -> Kind {
    Kind { name, iops, needs_iops }
}

/// (<https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>)
const KINDS: [Kind; 7] = [
    kind("gp3", Some((3_000, 80_000)), false),
    kind("gp2", None, false),
    kind("io1", Some((100, 64_000)), true),
    kind("io2", Some((100, 256_000)), true),
    kind("st1", None, false),
    kind("sc1", None, false),
    kind("standard", None, false),
];
const THROUGHPUT: (usize, usize) = (125, 2_000);
const MOST_GIB: u32 = 64 * 1024;

/// Reads the three fields of `[bake]`.
pub(super) fn disks(table: &mut TableReader<'_>, violations: &mut Violations) -> Disks {
    let root = table.has("root").then(|| {
        let mut root = table.table("root", violations);
        let settings = settings(&mut root, violations);
        if let Some(kind @ ("st1" | "sc1")) = settings.kind.as_deref() {
            violations.add(root.path_of("type"), quoted(kind), "a type that an instance can boot from");
        }
        root.end(violations);
        settings
    });
    let mut volumes: Vec<Volume> = Vec::new();
    for mut one in
        table.tables("volumes", "a table such as { device = \"/dev/sdf\", size = \"100G\" }", violations)
    {
        let volume = volume(&mut one, violations);
        let path = one.path_of("device");
        one.end(violations);
        match volume {
            Some(volume) if volumes.iter().any(|other| other.device == volume.device) => {
                violations.add(path, quoted(&volume.device), "each device only once");
            }
            volume => volumes.extend(volume),
        }
    }
    const KEY: &str = "a KMS key: its id, its ARN, \"alias/…\" or an alias's ARN";
    let encrypt = optional(table, "encrypt", KEY, kms_key, violations);
    Disks { root, volumes, encrypt }
}

fn volume(table: &mut TableReader<'_>, violations: &mut Violations) -> Option<Volume> {
    let path = table.path_of("device");
    let device = match table.text("device", DEVICE, violations) {
        Some(device) if is_device(device) => Some(device.to_owned()),
        Some(other) => {
            violations.add(path, quoted(other), DEVICE);
            None
        }
        None => {
            violations.missing(path, DEVICE);
            None
        }
    };
    let is_sized = table.has("size");
    let settings = settings(table, violations);
    if !is_sized {
        violations.missing(table.path_of("size"), SIZE);
    }
    let in_image = table.flag_or("in_image", true, violations);
    Some(Volume { device: device?, settings, in_image })
}

fn settings(table: &mut TableReader<'_>, violations: &mut Violations) -> DiskSettings {
    let size = table.text("size", SIZE, violations);
    let gib = size.and_then(gib);
    if let Some(size) = size.filter(|_| gib.is_none()) {
        violations.add(table.path_of("size"), quoted(size), SIZE);
    }
    let names: Vec<String> = KINDS.iter().map(|kind| quoted(kind.name)).collect();
    let names = names.join(", ");
    let is_kind = |text: &str| KINDS.iter().any(|kind| kind.name == text);
    let kind = optional(table, "type", &names, is_kind, violations);
    let of_kind = KINDS.iter().find(|one| Some(one.name) == kind.as_deref());
    let iops = match (of_kind, table.has("iops")) {
        (Some(Kind { iops: Some(range), .. }), true) => Some(table.number("iops", 0, *range, violations)),
        (_, true) => {
            refuse(table, "iops", "a value only beside type = \"gp3\", \"io1\" or \"io2\"", violations)
        }
        (Some(Kind { name, needs_iops: true, .. }), false) => {
            violations.missing(table.path_of("iops"), format!("a number, which {name} needs"));
            None
        }
        _ => None,
    };
    let throughput = match (kind.as_deref(), table.has("throughput")) {
        (Some("gp3"), true) => Some(table.number("throughput", 0, THROUGHPUT, violations)),
        (_, true) => refuse(table, "throughput", "a value only beside type = \"gp3\"", violations),
        _ => None,
    };
    let small = |number: usize| u32::try_from(number).ok();
    DiskSettings { gib, kind, iops: iops.and_then(small), throughput: throughput.and_then(small) }
}

fn refuse(
    table: &mut TableReader<'_>,
    key: &'static str,
    allowed: &str,
    violations: &mut Violations,
) -> Option<usize> {
    let given: Option<&Value> = table.take(key);
    violations.add(table.path_of(key), given.map_or_else(String::new, show), allowed);
    None
}

/// A size such as `20G` in GiB.
fn gib(text: &str) -> Option<u32> {
    let unit = text.find(|one: char| !one.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "G" | "GiB" => 1,
        "T" | "TiB" => 1024,
        _ => return None,
    };
    let gib = number.parse::<u32>().ok()?.checked_mul(factor)?;
    (1..=MOST_GIB).contains(&gib).then_some(gib)
}

/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html>)
fn is_device(text: &str) -> bool {
    let lower = |part: &str, lengths: &[usize]| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    match text.strip_prefix("/dev/") {
        Some(name) if name.starts_with("xvd") => lower(&name[3..], &[1, 2]) && name != "xvda",
        Some(name) => name.strip_prefix("sd").is_some_and(|rest| lower(rest, &[1]) && rest != "a"),
        None => false,
    }
}

#[cfg(test)]
#[path = "disks_tests.rs"]
mod tests;
