"""What the rules would do, without doing it: one return from files, or the last ones from the topics."""
