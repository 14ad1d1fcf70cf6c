"""`mcpreg-site sync`: what a source holds becomes listed entries, in one commit or not at all.

`fetched = fetch(source) → candidates = convert(fetched) → plan = merge(existing, candidates) →
commit(plan)`; what happened goes to the status documents, whatever happened.
"""
