"""The `mcpreg` command. A file a command: parse, one call, render."""
