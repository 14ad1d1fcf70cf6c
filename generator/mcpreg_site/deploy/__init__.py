"""A finished site on its way to a host: a folder, or a bucket of S3.

How a bucket is changed so that no reader ever meets a broken reference is told in `s3`; who may
change it, in `head`.
"""

from __future__ import annotations
