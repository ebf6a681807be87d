"""The MCP server `agentd-coord mcp`: the wire's verbs as tools of an agent's own program.

Needs the extra `mcp`, so nothing outside of this package imports it before it is asked for.
"""
