"""The whole story of one return, told from the topics that everybody may read."""
