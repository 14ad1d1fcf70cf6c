"""What S3 and CloudFront refuse, in our words: what, where, why, what next."""

from __future__ import annotations

from mcpreg.errors import McpregError, NotFoundError, PolicyError, UnreachableError, UsageError

_ACTIONS = {
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "copy_object": "s3:GetObject and s3:PutObject",
    "delete_objects": "s3:DeleteObject",
    "list_objects_v2": "s3:ListBucket",
    "create_invalidation": "cloudfront:CreateInvalidation",
    "get_distribution": "cloudfront:GetDistribution",
}
AGAIN = "deploy again: what is there already is not sent twice, and no reader is led astray"


class ConflictError(McpregError):
    """Somebody else changed an object in the meantime; what was asked for was not done."""

    kind = "conflict"


def explain(operation: str, where: str, code: str, text: str, status: int) -> McpregError:
    """The error for a refused or failed request, after all retries."""
    if code in ("NoSuchBucket", "NoSuchDistribution"):
        what = "bucket" if code == "NoSuchBucket" else "distribution"
        return NotFoundError(f"there is no {what} for {where}", hint="is the name right?")
    if code in ("RequestTimeTooSkewed", "RequestExpired"):
        return McpregError(
            f"{where}: this machine's clock differs too much from the host's",
            hint="set the clock (timedatectl), then deploy again",
        )
    if status in (401, 403) or code in ("AccessDenied", "Forbidden", "InvalidAccessKeyId"):
        return PolicyError(
            f"{where}: the host refuses {_ACTIONS.get(operation, operation)} ({code or status})",
            hint="give these credentials that permission; docs/deploying.md lists them all",
        )
    if not code and "credentials" in text.lower():
        return UsageError(
            f"{where}: {text}", hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and so on"
        )
    if not code or status >= 500 or code in ("SlowDown", "RequestTimeout"):
        return UnreachableError(f"{where}: {text}", hint=AGAIN)
    return McpregError(f"{where}: {text}", hint=AGAIN)
