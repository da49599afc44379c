. scripts/lib.sh
section "Node $KILN_NODE"
installed "node-$KILN_NODE"
section "Python $KILN_PYTHON"
installed "python-$KILN_PYTHON"
packages python3-venv python3-dev
section "Go $KILN_GO"
installed "go-$KILN_GO"
section 'Java, for whom it is still there'
packages openjdk-21-jdk-headless maven gradle
section 'Rust, by its own installer, which the pipeline pins'
installed rustup-init
