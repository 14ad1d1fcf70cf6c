"""Servers on somebody else's machine: a bridge from stdin and stdout to their HTTP endpoint.

Imports mcp and httpx2, so nothing imports this package before a remote server is run or asked.
"""
