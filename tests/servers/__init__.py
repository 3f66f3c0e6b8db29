"""Real servers for the tests, started on loopback with their own temporary folders."""
