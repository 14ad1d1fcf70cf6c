"""mcpreg: a git repository as a signed, static MCP registry, and a sandbox for its servers."""

__version__ = "0.1.0"
