"""Casts: servers that wait for each other, and servers whose policy says what to do when a step fails."""

from __future__ import annotations

from tests.crash.stage import Cast, Stage, server


def _tier(role: str, waits_for: str = "") -> str:
    after = f"after:\n  - metadata: {{role: {waits_for}}}\n" if waits_for else ""
    steps = "when:\n  host.down: [fence, disable, evacuate, verify]\n"
    return f"policy: {role}\nmatch: {{metadata: {{role: {role}}}}}\n{after}{steps}"


TIERS = Cast(
    servers=(
        server("web", metadata={"role": "web"}),
        server("app", metadata={"role": "app"}),
        server("app-shut-off-by-its-owner", vm_state="stopped", metadata={"role": "app"}),
        server("db", metadata={"role": "db"}),
    ),
    policies={"10-web.yaml": _tier("web", "app"), "20-app.yaml": _tier("app", "db"), "30-db.yaml": _tier("db")},
)
"""The policy that comes first waits for the others, so that all are in one wave and two are held."""

CONTROLS = Cast(
    servers=(server("running"), server("stopped", vm_state="stopped")),
    policies={
        "90-everyone.yaml": """
policy: everyone
match: everyone
when:
  host.down:
    steps:
      - fence
      - disable
      - together:
          - evacuate: {parallel: 1, on_failure: {retry: 0, wait: 50ms}}
          - wait: 20ms
      - if:
          step: evacuate
          result: failed
          then:
            - first_of:
                - - evacuate: {parallel: 1, on_failure: {retry: 0, wait: 50ms}}
                - - retry:
                      times: 3
                      wait: 50ms
                      steps:
                        - evacuate: {parallel: 1, on_failure: {retry: 0, wait: 50ms}}
                        - verify
      - verify
"""
    },
)


def refuse_claims(stage: Stage) -> None:
    """Let as many evacuations fail as it takes to come to a second round inside the second alternative."""
    with stage.cloud.world.settled() as world:
        world.mishaps.refuse_claims.update({"compute-2": 1, "compute-3": 2})
