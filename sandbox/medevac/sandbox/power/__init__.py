"""A simulated BMC for every host, and a fence agent that speaks the standard fence-agents protocol to it."""
