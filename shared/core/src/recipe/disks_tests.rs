use super::*;
use crate::recipe::{BadRecipe, Recipe};

fn parsed(bake: &str) -> Result<Disks, BadRecipe> {
    let document = format!(
        "name = \"web\"\n[bake]\nbase = \"ami-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n{bake}\n"
    );
    Recipe::parse("web", &document).map(|recipe| recipe.bake.disks)
}

fn mistakes(bake: &str) -> Vec<String> {
    parsed(bake).unwrap_err().violations.iter().map(|one| format!("{}: {}", one.field, one)).collect()
}

#[test]
fn a_recipe_says_what_differs_about_the_disks_of_its_builder() {
    assert_eq!(parsed("").unwrap(), Disks::default());
    let disks = parsed(
        "root = { size = \"20G\", type = \"gp3\", iops = 3000, throughput = 125 }\n\
         volumes = [{ device = \"/dev/sdf\", size = \"1T\" }, { device = \"/dev/xvdba\", size = \"5GiB\", in_image = false }]\n\
         encrypt = \"alias/golden\"",
    )
    .unwrap();
    let root = disks.root.unwrap();
    assert_eq!((root.gib, root.kind.as_deref()), (Some(20), Some("gp3")));
    assert_eq!((root.iops, root.throughput), (Some(3_000), Some(125)));
    let volumes: Vec<_> =
        disks.volumes.iter().map(|one| (one.device.as_str(), one.settings.gib, one.in_image)).collect();
    assert_eq!(volumes, [("/dev/sdf", Some(1024), true), ("/dev/xvdba", Some(5), false)]);
    assert_eq!(disks.encrypt.as_deref(), Some("alias/golden"));
}

#[test]
fn every_mistake_about_a_disk_is_told_with_its_field() {
    let told = |bake: &str, field: &str| {
        let all = mistakes(bake);
        assert!(all.iter().any(|one| one.starts_with(&format!("{field}: "))), "{bake}: {all:?}");
    };
    for size in ["20", "20M", "0G", "65T", "G", "-1G", "1.5G", "9999999999T"] {
        told(&format!("root = {{ size = \"{size}\" }}"), "bake.root.size");
    }
    told("root = { type = \"gp9\" }", "bake.root.type");
    told("root = { type = \"st1\" }", "bake.root.type");
    told("root = { iops = 3000 }", "bake.root.iops");
    told("root = { type = \"gp2\", iops = 3000 }", "bake.root.iops");
    told("root = { type = \"io2\" }", "bake.root.iops");
    told("root = { type = \"gp3\", iops = 1 }", "bake.root.iops");
    told("root = { type = \"io1\", iops = 100, throughput = 125 }", "bake.root.throughput");
    told("root = \"20G\"", "bake.root");
    told("volumes = [{ device = \"/dev/sdf\" }]", "bake.volumes[0].size");
    told("volumes = [{ size = \"1G\" }]", "bake.volumes[0].device");
    for device in ["/dev/sda", "/dev/xvda", "sdf", "/dev/sdff", "/dev/nvme1n1"] {
        told(&format!("volumes = [{{ device = \"{device}\", size = \"1G\" }}]"), "bake.volumes[0].device");
    }
    told(
        "volumes = [{ device = \"/dev/sdf\", size = \"1G\" }, { device = \"/dev/sdf\", size = \"2G\" }]",
        "bake.volumes[1].device",
    );
    told("volumes = [\"/dev/sdf\"]", "bake.volumes[0]");
    told("volumes = [{ device = \"/dev/sdf\", size = \"1G\", sise = 3 }]", "bake.volumes[0].sise");
    told("encrypt = \"\"", "bake.encrypt");
    told("encrypt = true", "bake.encrypt");
    told("encrypt = \"alias/x\"\n[publish]\nshare = { public = true }", "bake.encrypt");
}
