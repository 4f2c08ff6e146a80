"""The language of promises: what a policy file may say, and how it is read, checked, matched and stored."""
