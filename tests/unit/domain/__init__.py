"""The domain: pure, so every test is a table or a property."""
