"""The upstream argument, variable and environment model: who is asked what, and where it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.answers import MAX_VALUE_BYTES, Answer, Resolved, resolve, source
from mcpreg.core.inputs import Question, input_specs, questions, remote_specs
from mcpreg.core.install import InputSpec
from mcpreg.core.manifest import HttpTransport, Package
from mcpreg.core.placing import Filled, place, read_words
from mcpreg.errors import UsageError

BASE = {"registryType": "npm", "identifier": "x", "transport": {"type": "stdio"}}


def specs_of(
    arguments: list[dict[str, Any]] | None = None, variables: list[dict[str, Any]] | None = None
) -> tuple[InputSpec, ...]:
    document = {
        **BASE,
        "packageArguments": arguments or [],
        "environmentVariables": variables or [],
    }
    return input_specs(Package.model_validate_json(json.dumps(document)))


def look(specs: tuple[InputSpec, ...], **values: str) -> Resolved:
    return resolve(questions(specs), [source("test", {key: (v,) for key, v in values.items()})])


def fill(specs: tuple[InputSpec, ...], **values: str) -> Filled:
    found = look(specs, **values)
    assert not found.problems
    assert not found.missing
    return place(specs, found.answers)


def positional(hint: str, **more: object) -> dict[str, object]:
    return {"type": "positional", "valueHint": hint, **more}


def flag(name: str, **more: object) -> dict[str, object]:
    return {"type": "named", "name": name, **more}


def test_fixed_values_are_nobodys_question() -> None:
    specs = specs_of([{"type": "positional", "value": "serve"}, flag("--port", value="80")])
    assert questions(specs) == ()
    assert fill(specs).argv == ("serve", "--port", "80")


def test_a_default_answers_and_an_answer_replaces_it() -> None:
    specs = specs_of([flag("--port", default="80")], [{"name": "TZ", "default": "UTC"}])
    assert fill(specs).argv == ("--port", "80")
    filled = fill(specs, port="81", TZ="CET")
    assert (filled.argv, filled.environment) == (("--port", "81"), {"TZ": "CET"})


def test_an_optional_input_without_an_answer_is_left_out() -> None:
    specs = specs_of([flag("--port"), positional("folder")], [{"name": "TZ"}])
    assert fill(specs) == Filled((), {}, {})


def test_a_template_asks_for_its_variables_and_is_filled_in_one_pass() -> None:
    specs = specs_of(
        variables=[
            {
                "name": "URL",
                "value": "{scheme}://{host}/{path}",
                "variables": {
                    "scheme": {"value": "https"},
                    "host": {"isRequired": True},
                    "path": {"default": "v1"},
                },
            }
        ]
    )
    assert [question.name for question in questions(specs)] == ["host", "path"]
    assert look(specs).missing[0].name == "host"
    # What a person typed is a value: braces in it name nothing.
    assert fill(specs, host="{path}{scheme}").environment == {"URL": "https://{path}{scheme}/v1"}


def test_undeclared_braces_stay_as_they_stand() -> None:
    specs = specs_of(variables=[{"name": "X", "value": "{HOME} {AWS_SECRET_ACCESS_KEY}"}])
    assert questions(specs) == ()
    assert fill(specs, HOME="/root").environment == {"X": "{HOME} {AWS_SECRET_ACCESS_KEY}"}


def test_an_optional_template_without_its_value_is_left_out() -> None:
    specs = specs_of([flag("--key", value="k={k}", variables={"k": {}})])
    assert fill(specs).argv == ()
    assert fill(specs, k="1").argv == ("--key", "k=1")


def test_a_part_of_a_secret_is_a_secret_and_of_a_required_input_required() -> None:
    specs = specs_of(
        variables=[
            {
                "name": "AUTH",
                "value": "Bearer {t}",
                "isSecret": True,
                "isRequired": True,
                "variables": {"t": {}},
            }
        ]
    )
    (question,) = questions(specs)
    assert question.secret
    assert question.required


def test_a_boolean_flag_is_there_or_not() -> None:
    specs = specs_of([flag("--verbose", format="boolean")])
    assert fill(specs, verbose="true").argv == ("--verbose",)
    assert fill(specs, verbose="false").argv == ()
    chosen = specs_of([flag("--color", format="boolean", choices=["true", "false"])])
    assert fill(chosen, color="false").argv == ("--color", "false")


def test_repeated_inputs_repeat_the_flag_and_others_take_one_value() -> None:
    specs = specs_of([flag("--dir", isRepeated=True), positional("file", isRepeated=True)])
    given = {"dir": ("a", "b"), "file": ("c", "d")}
    found = resolve(questions(specs), [source("test", given)])
    assert place(specs, found.answers).argv == ("--dir", "a", "--dir", "b", "c", "d")
    once = specs_of([flag("--dir")])
    assert resolve(questions(once), [source("test", given)]).problems == (
        "dir has 2 values; at most one",
    )


def test_one_name_in_several_places_is_asked_once_and_strictly() -> None:
    specs = specs_of(
        [flag("--level", choices=["1", "2"])],
        [{"name": "level", "isSecret": False, "isRequired": True, "choices": ["2", "3"]}],
    )
    assert len(questions(specs)) == 1
    assert look(specs).missing
    assert look(specs, level="1").problems
    assert fill(specs, level="2") == Filled(("--level", "2"), {"level": "2"}, {})


def test_positional_inputs_of_one_hint_are_told_apart() -> None:
    specs = specs_of([positional("path"), positional("path"), positional("a=b c")])
    assert [question.name for question in questions(specs)] == ["path", "path-2", "a-b-c"]


@pytest.mark.parametrize(
    ("declared", "value", "why"),
    [
        ({"format": "number"}, "ten", "not a number"),
        ({"format": "boolean"}, "perhaps", "not a boolean"),
        ({"format": "filepath"}, "", "not a filepath"),
        ({"choices": ["a", "b"]}, "secret", "none of its choices: a, b"),
        ({}, "--privileged", "begins with a dash"),
        ({"format": "number"}, "-rf", "not a number"),
        ({}, "a\0b", "NUL"),
        ({}, "a\nb", "line break"),
        ({}, "\udc80", "not UTF-8"),
        ({}, "x" * (MAX_VALUE_BYTES + 1), "at most"),
    ],
)
def test_refuses_without_repeating_the_value(
    declared: dict[str, object], value: str, why: str
) -> None:
    (problem,) = look(specs_of([positional("thing", **declared)]), thing=value).problems
    assert why in problem
    assert not value or value not in problem


def test_numbers_and_a_lone_dash_are_no_options() -> None:
    assert fill(specs_of([positional("n", format="number")]), n="-5").argv == ("-5",)
    assert fill(specs_of([positional("f")]), f="-").argv == ("-",)


def test_a_key_with_lines_fits_a_variable_and_no_header() -> None:
    pem = "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n"
    assert fill(specs_of(variables=[{"name": "KEY"}]), KEY=pem).environment == {"KEY": pem}
    remote = HttpTransport.model_validate(
        {"type": "sse", "url": "https://x.example/{t}", "headers": [{"name": "X-Key"}]}
    )
    specs = remote_specs(remote)
    assert "line break" in look(specs, **{"X-Key": "a\r\nHost: evil"}).problems[0]
    assert "control" in look(specs, **{"X-Key": "a\x1bb"}).problems[0]


def test_a_remote_servers_address_and_headers_are_filled_alike() -> None:
    specs = remote_specs(
        HttpTransport.model_validate(
            {
                "type": "streamable-http",
                "url": "https://{tenant}.example.com/mcp",
                "variables": {"tenant": {"isRequired": True}},
                "headers": [
                    {
                        "name": "Authorization",
                        "value": "Bearer {key}",
                        "isSecret": True,
                        "variables": {"key": {"isRequired": True}},
                    }
                ],
            }
        )
    )
    filled = fill(specs, tenant="acme", key="k3y")
    assert filled.url == "https://acme.example.com/mcp"
    assert filled.headers == {"Authorization": "Bearer k3y"}
    assert "k3y" not in repr(filled) + repr(look(specs, tenant="acme", key="k3y"))


def test_a_template_cannot_make_a_word_an_option_or_a_flood() -> None:
    specs = specs_of([{"type": "positional", "value": "{x}y", "variables": {"x": {}}}])
    assert "begins with a dash" in look(specs, x="--help").problems[0]
    variable = {"x": {"default": "--help"}}  # a publisher's, which no check of a person's sees
    with pytest.raises(UsageError, match="begin with a dash"):
        fill(specs_of([{"type": "positional", "value": "{x}", "variables": variable}]))
    flood = specs_of(variables=[{"name": "X", "value": "{x}" * 10_000, "variables": {"x": {}}}])
    with pytest.raises(UsageError, match="bytes when filled"):
        fill(flood, x="y" * 1000)


def test_a_secret_comes_by_no_command_line_and_goes_into_none() -> None:
    variable = specs_of(variables=[{"name": "KEY", "isSecret": True}])
    command_line = source("command line", {"KEY": ("s3cret",)}, public=True)
    assert resolve(questions(variable), [command_line]).problems == (
        "KEY is a secret, and a command line is public",
    )
    argument = specs_of([flag("--key", isSecret=True)])
    assert "every process" in look(argument, key="s3cret").problems[0]
    assert look(argument) == Resolved({})  # optional, and nobody gave it
    hidden = specs_of([flag("--key", value="{k}", variables={"k": {"isSecret": True}})])
    assert "every process" in look(hidden, k="s3cret").problems[0]


def test_the_first_source_counts_and_all_that_is_wrong_is_said_at_once() -> None:
    specs = specs_of(
        [positional("folder", isRequired=True), flag("--n", format="number")],
        [{"name": "KEY", "isRequired": True, "isSecret": True}, {"name": "TZ"}],
    )
    first = source("first", {"TZ": ("a",), "n": ("x",)})
    found = resolve(questions(specs), [first, source("second", {"TZ": ("b",)})])
    assert found.answers["TZ"] == Answer(("a",), "first")
    assert [question.name for question in found.missing] == ["KEY", "folder"]
    assert found.problems == ("n is not a number (first)",)


def test_an_empty_value_answers_what_is_optional_only() -> None:
    specs = specs_of(variables=[{"name": "A"}, {"name": "B", "isRequired": True}])
    found = look(specs, A="", B="")
    assert found.answers["A"].values == ("",)
    assert [question.name for question in found.missing] == ["B"]


def test_words_are_read_as_answers_and_the_rest_is_passed_on() -> None:
    specs = specs_of(
        [flag("--zone"), flag("--verbose", format="boolean"), positional("files", isRepeated=True)]
    )
    words = read_words(specs, ["--zone=CET", "a", "--verbose", "--other", "b", "-x"])
    assert words.values == {"zone": ("CET",), "verbose": ("true",), "files": ("a", "b")}
    assert words.rest == ("--other", "-x")
    with pytest.raises(UsageError, match="--zone needs a value"):
        read_words(specs, ["--zone"])
    with pytest.raises(UsageError, match="zone is given twice"):
        read_words(specs, ["--zone", "x"], frozenset(["zone"]))


# Any text at all: what is refused may be refused, and what gets through must arrive.
VALUES = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["--flag", "-x", "{b}", "{a}", "a=b", "a b", "$HOME", "`id`", "'", '"', "~", "*", "", "\\"]
)


@given(VALUES, VALUES, VALUES, VALUES)
def test_what_gets_through_arrives_whole_and_moves_nothing(
    word: str, option: str, part: str, variable: str
) -> None:
    specs = specs_of(
        [
            {"type": "positional", "value": "serve"},
            positional("a"),
            flag("--b"),
            flag("--c", value="x={part};y={part}", variables={"part": {}}),
            {"type": "positional", "value": "last"},
        ],
        [{"name": "VARIABLE"}],
    )
    found = look(specs, a=word, b=option, part=part, VARIABLE=variable)
    if found.problems:
        return
    filled = place(specs, found.answers)
    expected = ("serve", word, "--b", option, "--c", f"x={part};y={part}", "last")
    assert filled.argv == expected
    assert filled.environment == {"VARIABLE": variable}
    for value in (*filled.argv, variable):
        assert "\0" not in value
        value.encode()
    assert not word.startswith("-") or word == "-"


@given(st.lists(st.text("ab-={} \n\0", max_size=6), max_size=6))
def test_words_of_a_person_are_never_lost_or_made_up(given_words: list[str]) -> None:
    specs = specs_of([flag("-a"), positional("rest", isRepeated=True)])
    try:
        words = read_words(specs, given_words)
    except UsageError:
        return
    taken = [value for values in words.values.values() for value in values]
    assert len(taken) + len(words.rest) <= len(given_words)
    for value in (*taken, *words.rest):
        assert any(word in (value, f"-a={value}") for word in given_words)


def test_question_is_described_by_the_place_that_has_words() -> None:
    question = Question("x", (InputSpec("env", "x"), InputSpec("env", "x", description="d")))
    assert question.first.description == "d"
