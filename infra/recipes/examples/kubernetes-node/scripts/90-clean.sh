dnf clean all
