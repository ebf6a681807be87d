"""`agentd-hook`: the small program that a vendor's agent calls before it writes a file.

It is started anew for every tool call and has a second in all, so it imports nothing but the
standard library and a few words of ours, and values are named tuples: importing `dataclasses`
alone would cost as much as everything else here. Nothing outside imports it.
"""
