"""Work for real servers: what each is asked and what must be in its answers.

`{project}` stands for the folder that the person runs it in. `sessions` are runs of the server, one
after the other; a call is a tool, its arguments, and a part of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OWNER = "io.github.modelcontextprotocol"
Call = tuple[str, Mapping[str, Any], str]


@dataclass(frozen=True)
class Job:
    """One server's work. `pages` are hosts that answer on this machine (`local_internet`);
    `grants` widen the run beyond the manifest, and only fetch has one: it declares no host.
    """

    server: str
    version: str
    sessions: tuple[tuple[Call, ...], ...]
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[str, ...] = ()
    pages: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)

    @property
    def short(self) -> str:
        return self.server.rpartition("/")[2]


def _json(value: object) -> tuple[str, str]:
    return "application/json", json.dumps(value)


RESULT = """<html><body><div class="result results_links web-result"><div class="result__body">
<h2 class="result__title"><a class="result__a" href="https://sky.example/mars">Mars tonight</a></h2>
<a class="result__url" href="https://sky.example/mars">sky.example/mars</a>
<a class="result__snippet" href="https://sky.example/mars">Rises at nine, in Leo.</a>
</div></div></body></html>"""
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"
 xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">
<title>ArXiv Query</title><id>http://arxiv.org/api/x</id><updated>2026-01-01T00:00:00Z</updated>
<opensearch:totalResults>1</opensearch:totalResults>
<opensearch:startIndex>0</opensearch:startIndex>
<opensearch:itemsPerPage>1</opensearch:itemsPerPage>
<entry><id>http://arxiv.org/abs/2601.00001v1</id><updated>2026-01-01T00:00:00Z</updated>
<published>2026-01-01T00:00:00Z</published><title>On Cages for Programs</title>
<summary>We build one.</summary><author><name>A. Author</name></author>
<link href="http://arxiv.org/abs/2601.00001v1" rel="alternate" type="text/html"/>
<link title="pdf" href="http://arxiv.org/pdf/2601.00001v1" rel="related" type="application/pdf"/>
<arxiv:primary_category term="cs.CR"/><category term="cs.CR"/></entry></feed>"""
LIBRARY = {
    "id": "/pallets/click", "title": "Click", "description": "Composable command lines",
    "totalSnippets": 7, "trustScore": 9, "state": "finalized", "branch": "main",
}  # fmt: skip
FOUND = {"title": "Mars tonight", "url": "https://sky.example/mars", "content": "Rises at nine",
         "score": 0.9}  # fmt: skip
PAGE = {"object": "page", "id": "0b1c", "url": "https://notion.example/plans"}
THOUGHT = {"totalThoughts": 2, "nextThoughtNeeded": True}

JOBS = (
    Job(f"{OWNER}/server-time", "2026.10.19", ((
        ("convert_time", {"source_timezone": "UTC", "time": "16:30",
                          "target_timezone": "Asia/Kathmandu"}, "22:15"),
    ),)),
    Job(f"{OWNER}/server-filesystem", "2026.8.31", ((
        ("write_file", {"path": "{project}/notes/new.txt", "content": "Written inside."},
         "Successfully wrote"),
        ("read_text_file", {"path": "{project}/notes/new.txt"}, "Written inside."),
        ("search_files", {"path": "{project}/notes", "pattern": "**/*.txt"}, "hello.txt"),
    ),), arguments=("{project}/notes",)),
    Job(f"{OWNER}/server-git", "2026.10.19", ((
        ("git_log", {"repo_path": "{project}/code"}, "First light"),
        ("git_show", {"repo_path": "{project}/code", "revision": "HEAD"}, "+Only this folder"),
    ),), arguments=("--repository", "{project}/code")),
    Job(f"{OWNER}/server-sqlite", "2025.4.25", ((
        ("create_table", {"query": "CREATE TABLE moons (name TEXT, km INTEGER)"}, "created"),
        ("write_query", {"query": "INSERT INTO moons VALUES ('Phobos', 22), ('Deimos', 12)"},
         "affected_rows"),
        ("read_query", {"query": "SELECT name FROM moons WHERE km > 20"}, "Phobos"),
    ),)),
    Job(f"{OWNER}/server-memory", "2026.8.31", (
        (("create_entities", {"entities": [{"name": "Ada", "entityType": "person",
                                            "observations": ["writes programs"]}]}, "Ada"),),
        (("search_nodes", {"query": "programs"}, "Ada"),),
    )),
    Job(f"{OWNER}/server-sequential-thinking", "2026.8.31", ((
        ("sequentialthinking", {**THOUGHT, "thought": "What is asked?", "thoughtNumber": 1},
         '"thoughtHistoryLength": 1'),
        ("sequentialthinking", {**THOUGHT, "thought": "Answer it.", "thoughtNumber": 2,
                                "nextThoughtNeeded": False}, '"thoughtHistoryLength": 2'),
    ),)),
    Job(f"{OWNER}/server-everything", "2026.8.31", ((
        ("echo", {"message": "hello from inside"}, "hello from inside"),
        ("get-sum", {"a": 7, "b": 35}, "42"),
    ),)),
    Job("io.github.nickclyde/duckduckgo-mcp-server", "0.7.0", ((
        ("search", {"query": "mars"}, "Rises at nine"),
    ),), pages={"html.duckduckgo.com": {"/html": ("text/html", RESULT)}}),
    Job("io.github.blazickjp/arxiv-mcp-server", "0.8.2", ((
        ("search_papers", {"query": "cages", "max_results": 1}, "On Cages for Programs"),
    ),), pages={"export.arxiv.org": {"/api": ("application/atom+xml", FEED)},
                "arxiv.org": {}}),
    Job("io.github.upstash/context7", "4.1.1", ((
        ("resolve-library-id", {"libraryName": "click", "query": "commands"}, "/pallets/click"),
    ),), pages={"context7.com": {"/api": _json({"results": [LIBRARY]})}}),
    Job("io.github.tavily-ai/tavily-mcp", "0.2.22", ((
        ("tavily_search", {"query": "mars"}, "Rises at nine"),
    ),), variables={"TAVILY_API_KEY": "tvly-not-a-key"},
        pages={"api.tavily.com": {"/search": _json({"query": "mars", "results": [FOUND]})}}),
    Job("io.github.makenotion/notion-mcp-server", "2.5.2", ((
        ("API-post-search", {"query": "plans"}, "notion.example/plans"),
    ),), variables={"NOTION_TOKEN": "ntn_not_a_token"},
        pages={"api.notion.com": {"/v1/search": _json({"object": "list", "results": [PAGE]})}}),
    Job(f"{OWNER}/server-fetch", "2026.10.24", ((
        ("fetch", {"url": "https://example.com/mars"}, "Rises at nine"),
    ),), arguments=("--allow-private-ips",),  # inside, a host's name stands for a loopback address
        grants=("net:egress:example.com:443",),
        pages={"example.com": {"/": ("text/html", RESULT)}}),
)  # fmt: skip
