"""The catalog's pages."""

from mcpreg_site.pages.tree import pages

__all__ = ["pages"]
