"""The demo: Kiln's main job, with its real binaries and its real template, on a local AWS."""
