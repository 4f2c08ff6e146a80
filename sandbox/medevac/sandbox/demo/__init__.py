"""The story that `medevac demo` tells: a host dies, its servers come back, and a conductor is killed on the way."""
