"""Puts the hook into the vendors' own settings files, and takes exactly that out again."""
