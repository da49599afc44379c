"""End-to-end tests: the real binaries, deployed from the real templates, on the local AWS."""
