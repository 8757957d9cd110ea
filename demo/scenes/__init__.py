"""The story's scenes, one file for each retailer and one for what is refused."""
