"""`medevac policy check`, as an author runs it, and the examples that we ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from medevac.cli.policy import group
from medevac.flows.policy.language import Evacuate, Priority
from medevac.flows.policy.matching import ServerFacts, winner
from medevac.flows.policy.reader import read_policies

EXAMPLES = Path(__file__).parents[3] / "examples"
DEMO = EXAMPLES / "policies" / "demo"
BROKEN = Path(__file__).parent / "broken"


def check(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(group, ["check", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_sound_policies_get_one_friendly_line_each() -> None:
    code, output = check(DEMO)
    pet, payments, everyone = output.splitlines()

    assert code == 0
    assert pet.startswith(f"{DEMO}/10-pet.yaml: pet - The servers that somebody looks after by hand come back first")
    assert pet.endswith("[critical; answers host.down]")
    assert payments.startswith(f"{DEMO}/50-payments.yaml: payments - ")
    assert payments.endswith("[high; answers host.down, nova-compute.down (left alone)]")
    assert everyone.endswith("[normal; answers host.down, nova-compute.down (left alone)]")


def test_all_problems_of_all_paths_are_told_at_once_with_exit_code_1() -> None:
    code, output = check(BROKEN / "unknown-step.yaml", BROKEN / "unknown-key.yaml", DEMO, "/nowhere")

    assert code == 1
    assert "unknown-step.yaml:5:7: 'fense' is not a step" in output
    assert "unknown-key.yaml:3:1: 'prioriti' is not a key of a policy" in output
    assert "/nowhere: there is no such file or directory" in output
    assert "10-pet.yaml: pet - " in output
    assert output.splitlines()[-1] == "3 errors, 0 warnings"


def test_warnings_alone_are_no_failure() -> None:
    code, output = check(BROKEN / "deadline-too-short.yaml")

    assert code == 0
    assert "warning: the deadline is 2m" in output
    assert output.splitlines()[-1] == "0 errors, 1 warning"


def test_json_says_the_same_for_machines() -> None:
    code, output = check("--json", DEMO / "10-pet.yaml", BROKEN / "unknown-step.yaml")
    told = json.loads(output)

    assert code == 1
    assert told["ok"] is False
    assert told["policies"][0]["policy"] == "pet"
    assert told["policies"][0]["failures"] == ["host.down"]
    assert [policy["ok"] for policy in told["policies"]] == [True, False]
    assert told["problems"][0]["line"] == 5
    assert told["problems"][0]["severity"] == "error"


def test_no_path_is_a_usage_error() -> None:
    assert check()[0] == 2


@pytest.mark.parametrize(
    ("server", "policy"),
    [
        ({"metadata": {"ha": "pet"}, "project_name": "payments"}, "pet"),
        ({"project_name": "billing-eu"}, "payments"),
        ({"project_name": "batch"}, "everyone"),
    ],
)
def test_the_demo_policies_promise_what_their_names_say(server: dict[str, object], policy: str) -> None:
    facts = ServerFacts(**{"id": "1", "name": "a", "project_id": "p", "host": "h", "zone": "nova", **server})

    won = winner(read_policies(DEMO).policies, facts, "host.down").policy
    assert won is not None
    assert won.name == policy


def test_the_demo_policies_are_in_order_of_urgency() -> None:
    policies = read_policies(DEMO).policies

    assert [policy.priority for policy in policies] == [Priority.CRITICAL, Priority.HIGH, Priority.NORMAL]
    assert all(policy.when["host.down"].step(Evacuate) for policy in policies)


def test_the_policies_in_the_handbook_are_sound(tmp_path: Path) -> None:
    handbook = (EXAMPLES.parent / "docs" / "policies.md").read_text()
    blocks = [block.split("```")[0] for block in handbook.split("```yaml\n")[1:]]
    whole = [block for block in blocks if block.startswith("policy:")]
    for number, block in enumerate(whole):
        (tmp_path / f"{number}.yaml").write_text(block)
        code, output = check(tmp_path / f"{number}.yaml")
        assert code == 0, output

    assert whole
