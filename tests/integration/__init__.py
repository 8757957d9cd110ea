"""What holds only between parts, shown against a real broker."""
