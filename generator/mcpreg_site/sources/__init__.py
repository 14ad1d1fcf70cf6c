"""Other registries that this one mirrors: one document each under `sources/`."""
