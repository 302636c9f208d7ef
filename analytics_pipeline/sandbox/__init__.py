"""Simulated platforms over HTTP. Start with `world.load_world` and `server.SandboxServer`; docs/sandbox.md explains."""
