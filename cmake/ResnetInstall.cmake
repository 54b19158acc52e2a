# Install rules, the exported package and its version file.
