"""The Hypervisor port through libvirt: the one place of the workers that knows libvirt."""
