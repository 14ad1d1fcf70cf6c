"""The generator: a registry's git commit becomes a static API and a catalog of pages."""
