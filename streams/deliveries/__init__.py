"""What is owed to whom, and what became of it: read from the topics, for people."""
