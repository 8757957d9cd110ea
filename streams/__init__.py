"""The stream processors: pure domain, agents, and the engine that runs them."""
