//! The in-memory cloud keeps what Kiln assumes of AWS. The same checks run against the local AWS and against unpatched
//! moto, through Kiln's own AWS side: `tests/e2e/test_contract.py`.

use kiln_tests::contract::ALL;
use kiln_tests::sim::contract_adapter::on_memory;

#[test]
fn the_in_memory_cloud_keeps_every_assumption() {
    let broken: Vec<String> =
        ALL.iter().filter_map(|name| on_memory(name).err().map(|why| format!("{name}: {why}"))).collect();
    assert!(broken.is_empty(), "\n  {}", broken.join("\n  "));
}

#[test]
fn an_unknown_assumption_is_an_error() {
    assert!(on_memory("the moon is a balloon").is_err());
}
