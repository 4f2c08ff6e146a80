"""Scenarios: real triage, real conductors and real flows on a simulated site, in time that only waits move."""
