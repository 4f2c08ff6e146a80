"""The Hypervisor port, through libvirt, of which only this package knows, or through a program of the site."""
