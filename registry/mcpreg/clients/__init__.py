"""MCP clients and their configuration files: one client a file, and the list of them."""

from __future__ import annotations

from mcpreg.clients.claude_code import CLAUDE_CODE
from mcpreg.clients.claude_desktop import CLAUDE_DESKTOP
from mcpreg.clients.codex import CODEX
from mcpreg.clients.cursor import CURSOR
from mcpreg.clients.gemini import GEMINI
from mcpreg.clients.goose import GOOSE
from mcpreg.clients.interface import Client
from mcpreg.clients.lmstudio import LMSTUDIO
from mcpreg.clients.plain import PLAIN
from mcpreg.clients.vscode import VSCODE
from mcpreg.clients.windsurf import WINDSURF

CLIENTS: tuple[Client, ...] = (
    CLAUDE_DESKTOP,
    CLAUDE_CODE,
    VSCODE,
    CURSOR,
    WINDSURF,
    GEMINI,
    CODEX,
    GOOSE,
    LMSTUDIO,
    PLAIN,
)
