"""Stored policies are the policies that were read."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings

from medevac.core.errors import MalformedDocumentError
from medevac.flows.policy.language import Flow, Leave, Match, Policy, PolicySet
from medevac.flows.policy.problems import Problems
from medevac.flows.policy.reader import review_text
from medevac.flows.policy.stored import from_document, policy_set, to_document
from tests.unit.policy import strategies

LEFT = Policy(name="left", match=Match(), when={"host.down": Flow((Leave(),))})


@settings(max_examples=100, deadline=None, database=None)
@given(strategies.policies)
def test_a_stored_policy_is_read_back_exactly(policy: Policy) -> None:
    stored = json.loads(json.dumps(to_document(policy)))

    assert from_document(stored) == policy


@settings(max_examples=100, deadline=None, database=None)
@given(strategies.policies)
def test_a_stored_policy_is_also_a_policy_file(policy: Policy) -> None:
    text = yaml.safe_dump(to_document(policy), allow_unicode=True)
    problems = Problems("policy.yaml", text)
    draft = review_text(text, problems)

    assert not problems.failed, problems.listed()
    assert draft is not None
    assert draft.policy == policy


def test_every_default_is_written_out_so_that_a_later_release_cannot_change_a_running_job() -> None:
    text = "policy: a\nmatch: everyone\nwhen:\n  host.down: [fence, disable, evacuate, verify]\n"
    draft = review_text(text, Problems("a.yaml", text))

    assert draft is not None
    assert to_document(draft.policy) == {
        "policy": "a",
        "about": "",
        "match": "everyone",
        "priority": "normal",
        "on_failure": "skip",
        "states": {
            "error": "evacuate",
            "paused": "hold",
            "suspended": "hold",
            "rescued": "hold",
            "resized": "hold",
            "shelved": "hold",
            "building": "hold",
            "locked": "evacuate",
            "busy": "evacuate",
        },
        "when": {
            "host.down": [
                "fence",
                "disable",
                {
                    "evacuate": {
                        "parallel": 20,
                        "timeout": "5m",
                        "on_failure": {"retry": 2, "wait": "15s", "then": "skip"},
                    }
                },
                {"verify": {"expect": "as-before", "within": "2m"}},
            ]
        },
    }


@pytest.mark.parametrize(
    "change",
    [
        {"priority": "urgent"},
        {"when": {"host.down": ["fence", {"reincarnate": {}}]}},
        {"match": {"neither": {"project": "a"}}},
        {"later": "x"},
        {"when": None},
        {"when": 7},
        {"policy": None},
    ],
)
def test_a_stored_policy_that_this_release_does_not_understand_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MalformedDocumentError, match="stored policy"):
        from_document({**to_document(LEFT), **change})


def test_the_digest_changes_with_a_policy_and_with_the_order() -> None:
    other = Policy(name="other", match=Match(), when=LEFT.when)

    digests = {policy_set(policies).digest for policies in ([LEFT], [LEFT, other], [other, LEFT], [other])}
    assert len(digests) == 4


def test_the_digest_does_not_change_by_itself() -> None:
    assert policy_set([LEFT]) == PolicySet((LEFT,), "50249e4cda4d175e")
