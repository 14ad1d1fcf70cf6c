"""Looking outside the manifest: one kind of evidence a file, gathered here and judged by rules."""
