"""The guard: git's own hooks refuse a commit or a push of what somebody else has locked.

Standard library only, as `agentd.hook`, whose way to the daemon it shares.
"""
