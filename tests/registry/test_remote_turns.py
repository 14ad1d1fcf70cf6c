"""Several bridges of one person that find the same token expired in the same second."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx2
import pytest

from bridged import Memory
from mcpreg.core.remote import Target, origin_of
from mcpreg.remote.guard import Origins
from mcpreg.remote.oauth import SignIn
from mcpreg.remote.tokens import Tokens
from mcpreg.remote.turn import turn
from oauth_servers import Guarded, guarded

BRIDGES = 4


async def signed_in(rig: Guarded, memory: Memory) -> None:
    """What a sign-in of before left: a token that has expired, and one to renew it with."""
    from mcp.shared.auth import OAuthClientInformationFull, OAuthMetadata
    from pydantic import AnyHttpUrl, AnyUrl

    issuer = rig.issuer.url
    client = OAuthClientInformationFull(
        client_id="ann",
        redirect_uris=[AnyUrl("http://127.0.0.1/callback")],
        token_endpoint_auth_method="none",  # RFC 7591's word for "no secret"
        issuer=issuer,
    )
    await rig.authority.register_client(client)
    tokens = Tokens(memory, "acme", rig.server.url, memory.folder / "unused")
    await tokens.set_client_info(client)
    await tokens.set_tokens(rig.authority.issue("ann", [], rig.server.url))
    tokens.keep_metadata(
        OAuthMetadata(
            issuer=AnyHttpUrl(issuer),
            authorization_endpoint=AnyHttpUrl(f"{issuer}/authorize"),
            token_endpoint=AnyHttpUrl(f"{issuer}/token"),
        ),
        None,
    )


async def asked(rig: Guarded, memory: Memory, locks: list[Path]) -> list[int]:
    """The statuses that as many bridges get as there are locks, all at once."""
    target = Target("streamable-http", rig.server.url, origin_of(rig.server.url))
    found: list[int] = []

    async def one(lock: Path) -> None:
        tokens = Tokens(memory, "acme", rig.server.url, lock)
        auth = SignIn(target, "acme", tokens, Origins(target.origin))
        async with httpx2.AsyncClient(auth=auth, trust_env=False) as client:
            try:
                found.append((await client.post(rig.server.url, json={})).status_code)
            except Exception:  # noqa: BLE001  # whatever it is, it is no answer
                found.append(0)

    async with anyio.create_task_group() as tasks:
        for lock in locks:
            tasks.start_soon(one, lock)
    return found


@pytest.mark.parametrize("why", ["expired", "revoked"])
def test_one_of_them_renews_it_and_the_others_use_what_it_got(why: str) -> None:
    async def story(rig: Guarded, *, alone: bool) -> list[int]:
        memory = Memory()
        rig.authority.lifetime = 20 if why == "expired" else 3600  # renewed 30 s before its end
        await signed_in(rig, memory)
        rig.authority.lifetime, rig.authority.slow = 3600, 0.5
        rig.authority.access.clear()
        locks = [memory.folder / ("lock" if alone else f"lock-{n}") for n in range(BRIDGES)]
        return await asked(rig, memory, locks)

    with guarded() as rig:
        anyio.run(lambda: story(rig, alone=False))
        assert rig.authority.reused > 0, "without a common lock a token is used again"
    with guarded() as rig:
        found = anyio.run(lambda: story(rig, alone=True))
        assert len(found) == BRIDGES
        assert not {0, 401} & set(found)
        assert (rig.authority.refreshed, rig.authority.reused) == (1, 0)


def test_nobody_waits_for_ever_for_a_bridge_that_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcpreg.remote.turn.WAIT_SECONDS", 0.2)

    async def both() -> str:
        async with turn(tmp_path / "lock"), turn(tmp_path / "lock"):
            return "went on"

    assert anyio.run(both) == "went on"
