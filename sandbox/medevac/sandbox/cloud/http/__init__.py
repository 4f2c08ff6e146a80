"""The HTTP front of the simulated cloud: Keystone, Nova, a token Glance, and the side door."""
