"""The `mcpreg-site` command: one command a file."""
