"""No input at all makes the readers raise anything: it is read, or its problems are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medevac.core.errors import MalformedDocumentError
from medevac.flows.policy.document import decode
from medevac.flows.policy.language import FAILURES, RESERVED, STEPS
from medevac.flows.policy.problems import Problem
from medevac.flows.policy.reader import review_text
from medevac.flows.policy.stored import from_document, to_document
from medevac.workers.site import review_site
from tests.unit.policy import goldens

TIMES = int(os.environ.get("MEDEVAC_FUZZ", "1"))
"""How often the quick number of cases is tried: 4,200 in all; MEDEVAC_FUZZ=3 goes beyond 10,000 files."""

EXAMPLES = Path(__file__).parents[3] / "examples"
POLICIES = [file.read_bytes() for file in sorted([*EXAMPLES.rglob("[0-9]*.yaml"), *goldens.broken("broken")])]
SITES = [file.read_bytes() for file in [EXAMPLES / "medevac.yaml", *goldens.broken("broken-sites")]]

PIECES = [
    *(
        b"\t",
        b"\n",
        b"\r",
        b"  ",
        b"- ",
        b": ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"'",
        b'"',
        b"*",
        b"&a ",
        b"*a",
        b"!!x ",
        b"<<: ",
    ),
    *(b"|\n", b">\n", b"---\n", b"...\n", b"%YAML 9", b"? ", b"# ", b"\x00", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8"),
    *(b'"\\U00110000"', b'"\\ud800"', b"\xef\xbb\xbf", b"~", b"1:30", b"yes", b"0s", b"-1", b"9" * 5000, b"everyone"),
    *(word.encode() for word in (*FAILURES, *RESERVED, *STEPS)),
]

words = st.sampled_from(
    [
        *(
            "policy",
            "about",
            "match",
            "priority",
            "deadline",
            "when",
            "az",
            "metadata",
            "evacuate",
            "parallel",
            "timeout",
        ),
        *("on_failure", "retry", "everyone", "high", "5m", "20", "", "fencing", "hosts", "agent", "secrets", "options"),
        *("not", "except", "tag", "image_property", "allow", "rebuild", "states", "paused", "after", "ready", "port:1"),
        *("flow", "steps", "parameters", "$a", "$$", "together", "retry", "first_of", "if", "then", "else", "step"),
        *("result", "failed", "times", "back_off", "wait", "time", "notify", "page", "to", "text", "fence", "disable"),
        *("exclude", "owners", "may", "verify", "deadline", "stop", "revert"),
        *(
            "plug",
            "limits",
            "zookeeper",
            "policies",
            "host_names",
            "file",
            "env",
            "leave",
            "host.down",
            "a*",
            "'",
            "\\",
        ),
    ]
)
small = words | st.lists(words, max_size=3) | st.dictionaries(words, words, max_size=3)
trees = small | st.lists(small, max_size=3) | st.dictionaries(words, small, max_size=4)
documents = st.dictionaries(words, trees, max_size=6)


def quick(cases: int) -> settings:
    """Return the settings of a run of *cases*."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=cases * TIMES, deadline=None, database=None, suppress_health_check=checks)


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """Return one of *originals* with parts cut, doubled, swapped or replaced."""
    data = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 20)))
        data = data[:start] + draw(st.sampled_from(PIECES) | st.binary(max_size=4)) + data[end:]
    return data


def yaml_of(tree: object) -> str:
    """Return *tree* in braces and brackets, its texts as they are."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {yaml_of(item)}" for key, item in tree.items()) + "}"
    return "[" + ", ".join(map(yaml_of, tree)) + "]" if isinstance(tree, list) else str(tree)


def assert_policy_is_read_or_refused(data: bytes) -> None:
    text, problems = decode(data, "fuzz.yaml")
    draft = review_text(text, problems)
    told = problems.listed()
    assert_presentable(told, text)
    if draft and not problems.failed:
        assert from_document(to_document(draft.policy)) == draft.policy
    else:
        assert problems.failed


def assert_presentable(problems: tuple[Problem, ...], text: str) -> None:
    for problem in problems:
        rendered = str(problem)
        rendered.encode("utf-8")
        assert rendered.count("\n") <= 2
        assert rendered.replace("\n", "").isprintable()
        assert 0 <= problem.line <= text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + 2


@quick(1000)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    assert_policy_is_read_or_refused(data)


@quick(500)
@given(st.lists(st.sampled_from(PIECES) | words.map(str.encode), max_size=30).map(b"".join))
def test_random_pieces_of_yaml(data: bytes) -> None:
    assert_policy_is_read_or_refused(data)


@quick(1200)
@given(mutated(POLICIES))
def test_policies_with_random_changes(data: bytes) -> None:
    assert_policy_is_read_or_refused(data)


@quick(500)
@given(documents.map(yaml_of))
def test_random_trees_of_our_own_words(text: str) -> None:
    assert_policy_is_read_or_refused(text.encode())


@quick(500)
@given(mutated(SITES) | documents.map(lambda tree: yaml_of(tree).encode()))
def test_site_files_with_random_changes(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "medevac.yaml"
    file.write_bytes(data)
    site, problems = review_site(file, {})

    assert_presentable(problems.listed(), data.decode(errors="replace"))
    assert site or problems.failed


@quick(500)
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | words, lambda i: st.lists(i) | st.dictionaries(words, i))
)
def test_random_stored_policies(plain: dict[str, object]) -> None:
    try:
        from_document(plain)
    except MalformedDocumentError:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
        b"[" * 100_000,
        b"{a: " * 50_000,
        b"- " * 100_000,
        b"? " * 100_000,
        b"a:\n" + b" a:\n" * 60_000,
        b"a:\n" + b"".join(b" a%d:\n" % key for key in range(25_000)),
        b"a: '" + b"x" * 250_000,
        b"policy: " + b"\xf0\x9f\x9a\x91" * 60_000,
        b"%YAML 1." + b"1" * 5_000 + b"\n---\na",
        b"x: " + b"9" * 200_000,
        b"policy: a\nmatch: everyone\nwhen: {host.down: [evacuate: {parallel: " + b"9" * 5_000 + b"}]}",
    ],
    ids=[
        "laughs",
        "brackets",
        "braces",
        "dashes",
        "questions",
        "key",
        "keys",
        "quote",
        "emoji",
        "version",
        "digits",
        "parallel",
    ],
)
@pytest.mark.timeout(120)
def test_documents_made_to_hurt(data: bytes) -> None:
    assert_policy_is_read_or_refused(data)
