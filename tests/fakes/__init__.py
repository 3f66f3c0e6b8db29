"""Stand-ins for ports, held to the real adapters' behaviour by tests/contract/."""
