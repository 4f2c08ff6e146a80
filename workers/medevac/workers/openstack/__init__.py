"""The cloud as OpenStack speaks it: one session a process, and Nova behind the Cloud port."""
