"""Shopify as the demo and the tests have it: what it sends, and the Admin API it answers with."""
