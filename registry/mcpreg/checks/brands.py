"""Names that people trust at sight, with the namespaces of their owners.

A namespace below one of these is the owner's too (`com.google.cloud`). The list is short on
purpose: names whose servers hold accounts, money, code or documents, and that the real registries
carry. Owners change it by pull request, with a proof that the namespace is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_GITHUB = "io.github."

BRANDS: dict[str, tuple[str, ...]] = {
    "airtable": ("com.airtable", "io.github.airtable"),
    "alibaba": ("com.alibaba", "com.alibabacloud", "io.github.alibaba", "io.github.aliyun"),
    "amazon": ("com.amazon", "com.amazonaws", "io.github.amazon", "io.github.awslabs",
               "io.github.aws"),
    "anthropic": ("com.anthropic", "com.claude", "io.github.anthropics",
                  "io.github.modelcontextprotocol"),
    "apple": ("com.apple", "io.github.apple"),
    "asana": ("com.asana", "io.github.asana"),
    "atlassian": ("com.atlassian", "io.github.atlassian", "io.github.atlassian-labs"),
    "auth0": ("com.auth0", "io.github.auth0"),
    "bitbucket": ("com.atlassian", "org.bitbucket", "io.github.atlassian"),
    "bitwarden": ("com.bitwarden", "io.github.bitwarden"),
    "cloudflare": ("com.cloudflare", "io.github.cloudflare"),
    "coinbase": ("com.coinbase", "io.github.coinbase"),
    "databricks": ("com.databricks", "io.github.databricks", "io.github.databrickslabs"),
    "datadog": ("com.datadoghq", "io.github.datadog", "io.github.datadog-labs"),
    "digitalocean": ("com.digitalocean", "io.github.digitalocean", "io.github.digitalocean-labs"),
    "discord": ("com.discord", "io.github.discord"),
    "docker": ("com.docker", "io.github.docker", "io.github.dockersamples"),
    "dropbox": ("com.dropbox", "io.github.dropbox"),
    "elasticsearch": ("co.elastic", "io.github.elastic"),
    "facebook": ("com.facebook", "com.meta", "io.github.facebook", "io.github.facebookresearch"),
    "figma": ("com.figma", "io.github.figma"),
    "firebase": ("com.google", "io.github.firebase"),
    "gitlab": ("com.gitlab", "io.github.gitlab", "io.github.gitlab-org"),
    "github": ("com.github", "io.github.github"),
    "google": ("com.google", "com.googleapis", "dev.google", "io.github.google",
               "io.github.googleapis", "io.github.googlecloudplatform",
               "io.github.google-gemini"),
    "grafana": ("com.grafana", "io.github.grafana"),
    "hashicorp": ("com.hashicorp", "io.github.hashicorp"),
    "heroku": ("com.heroku", "io.github.heroku"),
    "hubspot": ("com.hubspot", "io.github.hubspot"),
    "huggingface": ("co.huggingface", "io.github.huggingface"),
    "instagram": ("com.instagram", "com.meta", "io.github.facebook"),
    "jetbrains": ("com.jetbrains", "io.github.jetbrains"),
    "linkedin": ("com.linkedin", "io.github.linkedin"),
    "mastercard": ("com.mastercard", "io.github.mastercard"),
    "microsoft": ("com.microsoft", "io.github.microsoft", "io.github.azure",
                  "io.github.azure-samples"),
    "mongodb": ("com.mongodb", "io.github.mongodb", "io.github.mongodb-js"),
    "netlify": ("com.netlify", "io.github.netlify"),
    "notion": ("com.notion", "so.notion", "io.github.makenotion"),
    "okta": ("com.okta", "io.github.okta"),
    "openai": ("com.openai", "com.chatgpt", "io.github.openai"),
    "pagerduty": ("com.pagerduty", "io.github.pagerduty"),
    "paypal": ("com.paypal", "io.github.paypal"),
    "perplexity": ("ai.perplexity", "io.github.perplexityai"),
    "playwright": ("dev.playwright", "io.github.microsoft"),
    "postgresql": ("org.postgresql", "io.github.postgres"),
    "postmark": ("com.postmarkapp", "io.github.activecampaign", "io.github.wildbit"),
    "redis": ("io.redis", "com.redis", "io.github.redis"),
    "salesforce": ("com.salesforce", "io.github.salesforce", "io.github.salesforcecli"),
    "sentry": ("io.sentry", "io.github.getsentry"),
    "shopify": ("com.shopify", "dev.shopify", "io.github.shopify"),
    "slack": ("com.slack", "io.github.slackapi"),
    "snowflake": ("com.snowflake", "io.github.snowflakedb", "io.github.snowflake-labs"),
    "stripe": ("com.stripe", "io.github.stripe"),
    "supabase": ("com.supabase", "io.github.supabase", "io.github.supabase-community"),
    "telegram": ("org.telegram", "io.github.telegramdesktop"),
    "terraform": ("com.hashicorp", "io.terraform", "io.github.hashicorp"),
    "twilio": ("com.twilio", "io.github.twilio", "io.github.twilio-labs"),
    "vercel": ("com.vercel", "io.github.vercel", "io.github.vercel-labs"),
    "whatsapp": ("com.whatsapp", "com.meta", "io.github.whatsapp"),
    "zapier": ("com.zapier", "io.github.zapier"),
    "zoom": ("us.zoom", "io.github.zoom"),
}  # fmt: skip


def is_theirs(namespace: str, brand: str) -> bool:
    """Whether the namespace belongs to the brand's owner."""
    folded = namespace.casefold()
    return any(folded == own or folded.startswith(f"{own}.") for own in BRANDS[brand])


def labels(namespace: str) -> Iterator[str]:
    """What of a namespace somebody chose: a GitHub account, or a domain's labels but the first."""
    folded = namespace.casefold()
    if folded.startswith(_GITHUB):
        yield folded.removeprefix(_GITHUB)
    else:
        yield from folded.split(".")[1:]


def words_of(text: str) -> list[str]:
    """The words of a name or title, folded."""
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]
