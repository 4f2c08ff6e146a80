"""The simulated cloud without any I/O: time is handed in, and what is due happens when somebody looks."""
