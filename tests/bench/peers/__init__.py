"""Kiln beside other tools that remove old images, all of them on the same local AWS."""
