"""What the tests share: builders, servers, and adapters that talk to a Claude on script."""
