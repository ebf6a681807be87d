"""Programs that speak as the agents' own do, and do what a test tells them."""
