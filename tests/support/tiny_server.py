"""An MCP server in one file with no dependency, as honest or as hostile as its settings say.

Run as `python tiny_server.py SETTINGS` where SETTINGS is JSON:

    tools, prompts, resources, templates   what the lists return
    capabilities                           what initialize declares (default: what has items)
    capable                                tools for a client that declares anything, and then
                                           the instructions are what it declared
    pages                                  tools: one a page; "circle": the cursor comes back
    before                                 Python run before the first answer
    noise                                  bytes of one endless line written to stdout at once
    silent                                 never answer
"""

import json
import os
import sys

MEMBERS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}


def main() -> None:
    settings = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    if settings.get("tools") == "environment":
        names = sorted(name for name in os.environ if name.isidentifier())
        settings["tools"] = [{"name": f"env.{n}", "inputSchema": {"type": "object"}} for n in names]
    if settings.get("tools") == "arguments":
        settings["tools"] = [
            {
                "name": "arguments",
                "description": " ".join(sys.argv[2:]),
                "inputSchema": {"type": "object"},
            }
        ]
    if "before" in settings:
        exec(settings["before"])
    if "noise" in settings:
        sys.stdout.write("x" * settings["noise"])
        sys.stdout.flush()
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and not settings.get("silent"):
            answer = {"jsonrpc": "2.0", "id": message["id"], **respond(message, settings)}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def respond(message: dict, settings: dict) -> dict:  # type: ignore[type-arg]  # runs alone
    method, params = message["method"], message.get("params") or {}
    if method == "initialize":
        if settings.get("capable") and params["capabilities"]:
            settings["tools"] = [*settings["tools"], *settings["capable"]]
            settings["instructions"] = json.dumps(params["capabilities"])
        declared = settings.get("capabilities")
        if declared is None:
            declared = {key: {} for key in ("tools", "prompts", "resources") if settings.get(key)}
        return {
            "result": {
                "protocolVersion": params["protocolVersion"],
                "capabilities": declared,
                "serverInfo": {"name": "tiny", "version": "0"},
                **(
                    {"instructions": settings["instructions"]} if "instructions" in settings else {}
                ),
            }
        }
    member = MEMBERS.get(method)
    if member is None or member not in settings:
        return {"error": {"code": -32601, "message": "no such method"}}
    items = settings[member]
    if not settings.get("pages"):
        return {"result": {member: items}}
    if settings["pages"] == "circle":
        return {"result": {member: items, "nextCursor": "again"}}
    place = int(params.get("cursor", 0))
    more = {"nextCursor": str(place + 1)} if place + 1 < len(items) else {}
    return {"result": {member: items[place : place + 1], **more}}


if __name__ == "__main__":
    main()
