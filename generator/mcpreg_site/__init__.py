"""The generator: from a git commit to a static site."""
