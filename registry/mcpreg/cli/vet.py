"""`mcpreg vet NAME[@VERSION]`: what the policies of this machine say about a server."""

from __future__ import annotations

import json
from typing import Any

import click

from mcpreg.cli.output import clean, emit, json_option
from mcpreg.core.names import parse_reference
from mcpreg.errors import PolicyError, UsageError
from mcpreg.store.places import places


@click.command("vet")
@click.argument("server", required=False)
@click.option("--registry", help="Ask this registry only.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a policy file.")
@json_option
def command(server: str | None, registry: str | None, schema: bool, as_json: bool) -> None:
    """Verify SERVER and say, rule by rule, whether the policies of this machine allow it."""
    if schema:
        from mcpreg.core.policy import VetPolicy

        click.echo(json.dumps(VetPolicy.model_json_schema(), indent=2))
        return
    if server is None:
        raise UsageError("which server?", hint="mcpreg vet NAME[@VERSION]")
    from mcpreg.usecases.resolve import verified
    from mcpreg.usecases.vet import facts_of, verdicts

    where = places()
    facts = facts_of(verified(where, parse_reference(server), registry))
    said = verdicts(where, facts)
    broken = [rule for verdict in said for rule in verdict.broken]
    if as_json:
        emit("vet", _document(facts, said), ok=not broken)
        raise click.exceptions.Exit(PolicyError.exit_code if broken else 0)
    click.secho(clean(f"{facts.name}@{facts.version}"), bold=True)
    if not said:
        click.echo("  no policy on this machine; everything that is verified may be installed")
    for verdict in said:
        click.echo(f"  {clean(str(verdict.file))}")
        for rule in verdict.rules:
            mark = click.style("✓", fg="green") if rule.holds else click.style("✗", fg="red")
            click.echo(f"    {mark} {clean(rule.rule)}: {clean(rule.reason)}")
    if broken:
        raise PolicyError(f"{facts.name}@{facts.version} is not allowed by the policy")


def _document(facts: Any, said: Any) -> dict[str, Any]:  # noqa: ANN401  # loaded late
    from mcpreg.core.policy import facts_document

    return {
        "facts": facts_document(facts),
        "policies": [
            {
                "file": str(verdict.file),
                "allowed": not verdict.broken,
                "rules": [
                    {"rule": rule.rule, "holds": rule.holds, "reason": rule.reason}
                    for rule in verdict.rules
                ],
            }
            for verdict in said
        ],
    }
