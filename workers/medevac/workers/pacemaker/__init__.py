"""The Services port through Pacemaker, which supervises the services of compute nodes."""
