//! The disks of a builder, from those of its base and what the recipe says of them.

use crate::inventory::{Device, Disk, Image};
use crate::plan::reason::Problem;
use crate::recipe::{DiskSettings, Disks};

/// What a launch says of the disks of a builder: of the base's devices that differ from what the base says, and of the
/// further ones. All of them go with the builder.
pub(super) fn of_builder(base: &Image, wanted: &Disks) -> Vec<Disk> {
    let key = || wanted.encrypt.clone();
    let with = |device: &str, settings: Option<&DiskSettings>| {
        let DiskSettings { gib, kind, iops, throughput } = settings.cloned().unwrap_or_default();
        Disk { device: device.to_owned(), gib, kind, iops, throughput, key: key() }
    };
    let of_base = |device: &Device| {
        let settings = wanted.root.as_ref().filter(|_| device.is_root);
        let differs = device.outlives || settings.is_some() || wanted.encrypt.is_some();
        differs.then(|| with(&device.name, settings))
    };
    let further = wanted.volumes.iter().map(|volume| with(&volume.device, Some(&volume.settings)));
    base.devices.iter().filter_map(of_base).chain(further).collect()
}

/// What the base makes impossible.
pub(super) fn problems(base: &Image, wanted: &Disks) -> Vec<Problem> {
    let image = || base.id.clone();
    let gib = wanted.root.as_ref().and_then(|root| root.gib);
    let least = base.devices.iter().find(|device| device.is_root).map(|device| device.gib);
    let too_small = gib.zip(least).filter(|(gib, least)| gib < least);
    let too_small = too_small.map(|(gib, least)| Problem::RootTooSmall { image: image(), gib, least });
    let is_taken = |name: &str| base.devices.iter().any(|device| *device.name == *name);
    let taken = wanted.volumes.iter().filter(|volume| is_taken(&volume.device));
    let taken = taken.map(|volume| Problem::DeviceTaken { image: image(), device: volume.device.clone() });
    too_small.into_iter().chain(taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::recipe::Volume;

    fn base() -> Image {
        let device = |name: &str, is_root, outlives| Device { name: name.into(), gib: 8, is_root, outlives };
        let devices = vec![device("/dev/xvda", true, false), device("/dev/sdb", false, true)].into();
        Image { devices, ..image("base", 1).build() }
    }

    fn names(disks: &[Disk]) -> Vec<&str> {
        disks.iter().map(|disk| disk.device.as_str()).collect()
    }

    #[test]
    fn nothing_is_said_of_disks_that_are_as_in_the_base_but_that_they_go_with_the_instance() {
        let plain = of_builder(&base(), &Disks::default());
        assert_eq!(plain, [Disk { device: "/dev/sdb".into(), ..Disk::default() }]);
        assert_eq!(base().disks_that_outlive(), plain);
    }

    #[test]
    fn what_is_smaller_than_in_the_base_or_there_already_is_found_before_the_launch() {
        let settings = |gib| DiskSettings { gib: Some(gib), ..DiskSettings::default() };
        let volume = |device: &str| Volume { device: device.into(), settings: settings(1), in_image: true };
        let wanted =
            |gib, device| Disks { root: Some(settings(gib)), volumes: vec![volume(device)], encrypt: None };
        assert!(problems(&base(), &wanted(8, "/dev/sdf")).is_empty());
        let found = problems(&base(), &wanted(7, "/dev/sdb"));
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(told[0].contains("name at least \"8G\"") && told[1].contains("/dev/sdb"), "{told:?}");
    }

    #[test]
    fn the_root_device_is_the_bases_own_and_a_key_encrypts_all() {
        let root = DiskSettings { gib: Some(20), kind: Some("gp3".into()), ..DiskSettings::default() };
        let settings = DiskSettings { gib: Some(100), ..DiskSettings::default() };
        let scratch = Volume { device: "/dev/sdf".into(), settings: settings.clone(), in_image: false };
        let data = Volume { device: "/dev/sdg".into(), settings, in_image: true };
        let mut wanted = Disks { root: Some(root), volumes: vec![scratch, data], encrypt: None };
        let disks = of_builder(&base(), &wanted);
        assert_eq!(names(&disks), ["/dev/xvda", "/dev/sdb", "/dev/sdf", "/dev/sdg"]);
        assert_eq!((disks[0].gib, disks[0].kind.as_deref(), disks[1].gib), (Some(20), Some("gp3"), None));
        assert_eq!(wanted.left_out(), ["/dev/sdf"]);
        (wanted.root, wanted.encrypt) = (None, Some("alias/golden".into()));
        let encrypted = of_builder(&base(), &wanted);
        assert_eq!(names(&encrypted), names(&disks));
        assert!(encrypted.iter().all(|disk| disk.key.as_deref() == Some("alias/golden")));
    }
}
