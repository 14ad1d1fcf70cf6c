"""Package kinds: how an artifact list is resolved, installed and started."""
