"""What Kiln is built and published from: its templates, and the files of a release."""
