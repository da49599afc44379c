//! The devices of an image, and the disks of an instance that differ from them.

/// A device of an image, on an EBS volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name, such as `/dev/xvda`.
    pub name: Box<str>,
    /// The size of its volume, in GiB.
    pub gib: u32,
    /// Whether instances boot from it.
    pub is_root: bool,
    /// Whether its volume would remain after an instance is terminated.
    pub outlives: bool,
}

/// A disk of a builder or tester that is not as its image says: it has another size, speed or key, or is a further one, or
/// the image would let its volume outlive the instance. What is not set is as in the image, or EC2's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    /// The name of the device.
    pub device: String,
    /// The size, in GiB.
    pub gib: Option<u32>,
    /// The type of the volume, such as `gp3`.
    pub kind: Option<String>,
    /// Operations per second.
    pub iops: Option<u32>,
    /// The throughput, in MiB/s.
    pub throughput: Option<u32>,
    /// The KMS key that encrypts it.
    pub key: Option<String>,
}
