"""Trials of the rules: from files, and from the past."""
