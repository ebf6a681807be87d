"""`agentd-coord demo`: the referee's main job on a real repository, told step by step."""
