"""Verifying a whole site: `verify_site(folder)`."""

from mcpreg_site.verifying.whole import Verified, verify_site

__all__ = ["Verified", "verify_site"]
