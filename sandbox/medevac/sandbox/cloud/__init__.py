"""A simulated OpenStack: a pure model of Nova's behaviour, an HTTP front, and a side door for orders and evidence."""
