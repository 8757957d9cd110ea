"""Stories of returns, told from records."""
