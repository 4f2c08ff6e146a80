"""Cases: one module for each kind of failure: what its events mean, and when its incident is over by itself."""
