"""Searching: one specification of words, weights and order, for building and for reading.

`templates/assets/search-worker.js` is its other implementation; tests hold the two together. Pure,
and free of pydantic: `mcpreg search` starts with it.
"""
