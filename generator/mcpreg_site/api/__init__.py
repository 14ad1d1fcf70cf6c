"""The read API of the official registry as files."""

from mcpreg_site.api.tree import api

__all__ = ["api"]
