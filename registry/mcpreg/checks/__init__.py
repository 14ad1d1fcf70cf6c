"""What a manifest must be. One rule a file in `rules/`, all listed in `registry.py`."""
