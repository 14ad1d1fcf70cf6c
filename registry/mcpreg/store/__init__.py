"""Files of this machine: where they lie, how they are replaced, what is installed."""
