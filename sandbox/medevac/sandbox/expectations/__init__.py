"""Expectations: what authors say must come of a failure under their policies, tried on the fakes in milliseconds."""
