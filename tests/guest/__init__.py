"""The user data of builders and testers on a real guest: Debian with cloud-init under QEMU (`make guest`)."""
